"""The writer: one record becomes one BagIt 1.0 bag, serialised as one uncompressed ZIP, in one pass.

Same plan, same bytes: fixed order, one time for all members (the plan's), no clock. Each payload byte is read once, in constant
memory; sizes, digests and CRC-32 come from receipt, so every header is complete before its bytes are.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from sip import baginfo, names, zipformat

ALGORITHMS = ("sha256", "sm3", "sha512")  # in the order their manifests are written; the last by option
BAGIT_TXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_CHUNK = 256 * 1024  # stays in the processor's cache between CRC and SHA-256


class FixityError(Exception):
    """A staged file is no longer what was received (machine trouble, not bad content). ``path`` names it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class PayloadFile:
    """One payload file with the fixity values of its receipt. ``path`` is below ``data/``; ``source`` is a staged file, or what opens
    the content where it stands elsewhere (called once, in the order of the paths); digests are lower-case hex. Where all files of
    a plan have ``sha512``, the package has manifests of it too."""

    path: str
    source: Path | str | Callable[[], Iterable[bytes]]
    size: int
    sha256: str
    sm3: str
    crc32: int
    sha512: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class PackagePlan:
    """All that a package is made of.

    ``identifier`` is the 电子文件号 and the name of the bag's folder; ``version`` counts re-sent cases from 1; ``as_of`` is the
    aware moment of filing; ``tags`` are the files below ``metadata/`` by path, as bytes or, where they are too large for memory, as
    a file; ``bag_info`` further fields for bag-info.txt in their order (Source-Organization, Bag-Group-Identifier,
    Internal-Sender-Identifier, …); ``profile`` is the BagIt Profile that the bag promises to meet.
    """

    identifier: str
    version: int
    as_of: dt.datetime
    payload: Sequence[PayloadFile]
    tags: Mapping[str, bytes | Path]
    bag_info: Sequence[tuple[str, str]] = ()
    profile: str = baginfo.PROFILE_ID


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """Where one member's bytes stand in the package: ``size`` bytes from ``offset``, as they are (stored)."""

    name: str
    offset: int
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class PackageResult:
    """What was written: SHA-256 (hex) and size of the whole ZIP, number and bytes of payload files, members in order."""

    sha256: str
    size: int
    files: int
    payload_bytes: int
    members: tuple[Member, ...]


def write_package(dest: BinaryIO | Path, plan: PackagePlan) -> PackageResult:
    """Write the package of ``plan`` to ``dest`` (an open binary file, written forward only, or a path, overwritten).

    The caller gives an attempt path and then calls `publish`. ValueError: a plan that makes no sound bag (path not safe, not
    NFC, given twice or twin of another by case; no payload). FixityError: a staged file differs from its receipt; what was
    written so far is to be thrown away.
    """
    payload = sorted(plan.payload, key=lambda f: f.path)
    tags = _tag_files(plan, payload)
    if isinstance(dest, Path):
        with dest.open("wb", buffering=0) as out:
            return _Writer(out, plan).run(tags, payload)
    return _Writer(dest, plan).run(tags, payload)


def publish(tmp: Path, final: Path) -> None:
    """Make a finished attempt the package: contents to disk, renamed in one step, folder entries to disk."""
    _fsync(tmp)
    tmp.replace(final)
    for folder in {tmp.parent, final.parent}:
        _fsync(folder)


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclasses.dataclass(frozen=True, slots=True)
class _Tag:
    """A tag file with what its headers and manifests need."""

    path: str
    content: bytes | Path
    size: int
    crc32: int
    digests: dict[str, str]


def _tag(path: str, content: bytes | Path, algorithms: Sequence[str]) -> _Tag:
    hashers = {a: hashlib.new(a) for a in algorithms}
    crc = size = 0
    for piece in (content,) if isinstance(content, bytes) else _chunks(content):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        for h in hashers.values():
            h.update(piece)
    return _Tag(path, content, size, crc, {a: h.hexdigest() for a, h in hashers.items()})


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            yield piece


def _tag_files(plan: PackagePlan, payload: Sequence[PayloadFile]) -> list[_Tag]:
    """The tag files in the order they are written, paths below the bag's folder; refuses a plan that is no bag."""
    if "/" in names.require_path(plan.identifier):
        raise ValueError(f"identifier {plan.identifier!r} is not one folder name")
    if plan.version < 1:
        raise ValueError("versions count from 1")
    if not payload:
        raise ValueError("a record without files is not packaged")
    _refuse_twins(f.path for f in payload)
    _refuse_twins(plan.tags)
    octets = sum(f.size for f in payload)
    info = baginfo.render(plan.bag_info, plan.identifier, plan.version, plan.as_of, octets, len(payload), plan.profile)
    algorithms = ALGORITHMS if payload[0].sha512 else ALGORITHMS[:2]
    if any(bool(f.sha512) != bool(payload[0].sha512) for f in payload):
        raise ValueError("SHA-512 is given for some files only")
    files = [_tag("bagit.txt", BAGIT_TXT, algorithms), _tag("bag-info.txt", info, algorithms)]
    for a in algorithms:
        lines = _manifest((getattr(f, a), f"data/{f.path}") for f in payload)
        files.append(_tag(f"manifest-{a}.txt", lines, algorithms))
    metadata = [_tag(f"metadata/{path}", plan.tags[path], algorithms) for path in sorted(plan.tags)]
    covered = sorted(files + metadata, key=lambda t: t.path)
    manifests = [
        _tag(f"tagmanifest-{a}.txt", _manifest((t.digests[a], t.path) for t in covered), ()) for a in algorithms
    ]
    return files + manifests + metadata


def _manifest(lines: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{digest}  {names.encode(path)}\n" for digest, path in lines).encode()


def _refuse_twins(paths: Iterable[str]) -> None:
    seen: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        key = names.twin_key(names.require_path(path))
        if key in seen:
            raise ValueError(f"path {path!r} is given twice, or is the twin of another by case")
        seen.add(key)
        while (key := key.rpartition("/")[0]) and key not in folders:
            folders.add(key)
    if both := seen & folders:
        raise ValueError(f"path {min(both)!r} is a file and a folder")


def _read(source: Path, buffer: memoryview) -> Iterator[memoryview]:
    with source.open("rb", buffering=0) as file:
        while got := file.readinto(buffer):
            yield buffer[:got]


class _Writer:
    def __init__(self, out: BinaryIO, plan: PackagePlan) -> None:
        self._out = out
        self._sha = hashlib.sha256()
        self._at = 0
        self._pending = bytearray()  # headers and small files, written with the next large piece
        self._stamp = zipformat.dos_stamp(plan.as_of)
        self._top = plan.identifier + "/"
        self._directory: list[bytes] = []
        self._members: list[Member] = []

    def run(self, tags: Sequence[_Tag], payload: Sequence[PayloadFile]) -> PackageResult:
        buffer = memoryview(bytearray(min(_CHUNK, max(f.size for f in payload) + 1)))
        for tag in tags:
            self._head(tag.path, tag.size, tag.crc32)
            if isinstance(tag.content, bytes):
                self._put(tag.content)
            else:
                self._copy(tag.path, tag.content, tag.size, tag.crc32, buffer)
        for file in payload:
            self._head("data/" + file.path, file.size, file.crc32)
            self._copy(file.path, file.source, file.size, file.crc32, buffer)
        start = self._at
        for line in self._directory:
            self._put(line)
        self._put(zipformat.end_records(len(self._directory), self._at - start, start))
        self._flush()
        return PackageResult(
            self._sha.hexdigest(), self._at, len(payload), sum(f.size for f in payload), tuple(self._members)
        )

    def _head(self, path: str, size: int, crc: int) -> None:
        name = self._top + path
        raw = name.encode()
        if len(raw) > zipformat.MAX16:
            raise ValueError(f"a ZIP cannot hold a name of {len(raw)} bytes")
        self._directory.append(zipformat.central_header(raw, size, crc, self._stamp, self._at))
        self._put(zipformat.local_header(raw, size, crc, self._stamp))
        self._members.append(Member(name, self._at, size))

    def _copy(
        self, path: str, source: Path | str | Callable[[], Iterable[bytes]], size: int, crc32: int, buffer: memoryview
    ) -> None:
        crc, left = 0, size
        for piece in source() if callable(source) else _read(Path(source), buffer):
            if len(piece) > left:
                raise FixityError(path, f"the staged file is longer than the {size} bytes received")
            crc = zlib.crc32(piece, crc)
            self._put(piece)
            left -= len(piece)
        if left:
            raise FixityError(path, f"{left} of {size} bytes are missing from the staged file")
        if crc != crc32:
            raise FixityError(path, f"CRC-32 of the staged file is {crc:08x}, at receipt it was {crc32:08x}")

    def _put(self, data: bytes | memoryview) -> None:
        self._at += len(data)
        if len(data) < 16 * 1024:
            self._pending += data
            if len(self._pending) >= _CHUNK:
                self._flush()
            return
        self._flush()
        self._write(data)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            self._write(pending)

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        self._sha.update(data)
        view = memoryview(data)
        while view:  # an unbuffered file may take less than it is given
            view = view[self._out.write(view) :]
