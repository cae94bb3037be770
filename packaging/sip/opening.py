"""What a package is made of, told from its first bytes: a folder, a ZIP, a TAR, or a compressed TAR."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from sip.container import CHUNK, Container, Folder, Tar
from sip.faults import Fault, fault
from sip.zipread import Zip

Source = Path | BinaryIO | RawIOBase

_PACKERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_ZSTD = b"\x28\xb5\x2f\xfd"
# as in a ZIP: nothing honest in an archive unpacks to more
_MAX_RATIO, _RATIO_FROM = 200, 1 << 30


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Container | Fault]:
    """The container that ``source`` is, or the fault that says why it is none.

    A path may be a folder or a file; an open file must be binary and seekable. A compressed TAR has no random access, so it
    is decompressed into an unnamed temporary file that is gone at the end. OSError where a path cannot be read.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, Path):
            if source.is_dir():
                yield Folder(source)
                return
            source = stack.enter_context(source.open("rb", buffering=0))
        yield _of_file(source, stack)


def _of_file(file: BinaryIO | RawIOBase, stack: contextlib.ExitStack) -> Container | Fault:
    file.seek(0)
    head = file.read(512) or b""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Zip(file)
    if _is_tar(head):
        file.seek(0)
        return Tar(file)
    if head.startswith(_ZSTD):
        return fault("PKG-COMPRESSED-TAR")
    for mark, unpack in _PACKERS.items():
        if head.startswith(mark):
            file.seek(0)
            return _unpacked_tar(file, unpack(file, "rb"), stack)  # type: ignore[operator]
    package = Zip(file)  # a ZIP whose first bytes are damaged still has its directory
    return package if package.whole else fault("PKG-NOT-A-PACKAGE")


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _unpacked_tar(packed: BinaryIO | RawIOBase, stream: BinaryIO, stack: contextlib.ExitStack) -> Container | Fault:
    plain = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 the stack closes it
    size = 0
    damage: Fault | None = None
    try:
        while piece := stream.read(CHUNK):
            size += len(piece)
            if size > _RATIO_FROM and size > _MAX_RATIO * packed.tell():
                return fault("PKG-BOMB", size=size)
            plain.write(piece)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as e:
        damage = fault("PKG-TAR-DAMAGED", reason=f"decompression: {e}")
    plain.seek(0)
    if not _is_tar(plain.read(512)):
        return damage or fault("PKG-NOT-A-PACKAGE")
    plain.seek(0)
    tar = Tar(plain)
    if damage is not None:
        tar.faults.insert(0, damage)
    return tar
