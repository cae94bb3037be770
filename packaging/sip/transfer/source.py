"""An archived package as the source of an item: what its directory and manifests say, and its bytes as one forward stream.

First the package is looked at by ranges (directory, manifests, record): enough to plan the transfer. When the transfer is written its
bytes are read once, from the first to the last, and what they give is compared with the SHA-256 that the archive keeps of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from io import RawIOBase
from typing import Any, BinaryIO

from sip import bagtext, zipformat
from sip.container import Damaged
from sip.faults import Fault
from sip.zipread import Entry, Zip

_HEAD_IN_MEMORY = 8 << 20
_MOST_RECORD = 64 << 20


class SourceAltered(Exception):
    """An archived package is not what the archive knows it to be: it must be audited and repaired before it is transferred."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One file of an archived package: path below the bag's folder, fixity, and where its bytes stand."""

    path: str
    offset: int
    size: int
    crc32: int
    sha256: str
    sm3: str


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """An archived package as it was looked at: its parts in the order of their bytes, and its record.json."""

    name: str
    parts: tuple[Part, ...]
    record: Mapping[str, Any]


def look(file: BinaryIO | RawIOBase, name: str) -> Source:
    """Read directory, manifests and record of a package (a far one: `sip.remote.RangeFile`). Raises SourceAltered."""
    package = Zip(file, lazy=True)
    grave = [f for f in package.faults if f.severity == "error"]
    if grave or not package.whole:
        raise SourceAltered(name, grave[0].text("zh") if grave else "no directory")
    reader = _Reader(package, name)
    digests = {a: reader.digests(a) for a in ("sha256", "sm3")}
    parts = []
    for entry in package.entries:
        path = entry.name.partition("/")[2]
        known = [digests[a].get(path) for a in ("sha256", "sm3")]
        if path.startswith("tagmanifest-"):
            data = reader.read(path)
            known = [hashlib.new(a, data).hexdigest() for a in ("sha256", "sm3")]
        if known[0] is None or known[1] is None or entry.method or entry.packed != entry.size:
            raise SourceAltered(name, f"{path} is not listed, or not as the writer keeps it")
        parts.append(Part(path, _content_at(entry), entry.size, entry.crc, known[0], known[1]))
    try:
        record = json.loads(reader.read("metadata/record.json"))
    except ValueError as e:
        raise SourceAltered(name, f"record.json: {e}") from e
    return Source(name, tuple(sorted(parts, key=lambda p: p.offset)), record)


class _Reader:
    def __init__(self, package: Zip, name: str) -> None:
        self._package = package
        self._name = name
        self._items = {i.name.partition("/")[2]: i for i in package.items}

    def read(self, path: str) -> bytes:
        item = self._items.get(path)
        if item is None or item.size > _MOST_RECORD:
            raise SourceAltered(self._name, f"no readable {path}")
        try:
            return b"".join(self._package.chunks(item))
        except Damaged as e:
            raise SourceAltered(self._name, e.fault.text("zh")) from e

    def digests(self, algorithm: str) -> dict[str, str]:
        """Digests of all files but the tag manifests, by path below the bag's folder."""
        out: dict[str, str] = {}
        for kind in ("manifest", "tagmanifest"):
            path = f"{kind}-{algorithm}.txt"
            faults: list[Fault] = []
            out |= bagtext.manifest(self.read(path).decode(), path, (1, 0), set(), faults).digests
            if faults:
                raise SourceAltered(self._name, faults[0].text("zh"))
        return out


def _content_at(entry: Entry) -> int:
    """Where a member's bytes begin in a package as our writer makes it; whether it is one, its SHA-256 tells in the end."""
    return entry.offset + len(zipformat.local_header(entry.raw_name, entry.size, entry.crc, entry.stamp))


class SourceStream:
    """The bytes of one archived package, read once and forward. ``open_`` starts the stream at the first byte.

    Tag files (all stand before the payload) are kept and may be asked for in any order; payload files only in their own. When the
    last payload file is taken the rest is read too, and size and SHA-256 are compared: SourceAltered.
    """

    def __init__(self, source: Source, open_: Callable[[], Iterable[bytes]], size: int, sha256: str) -> None:
        self._source = source
        self._open = open_
        self._expected = (size, sha256)
        payload = [p for p in source.parts if p.path.startswith("data/")]
        self._head_end = payload[0].offset if payload else 0
        self._last = payload[-1] if payload else None
        self._head: Any = None
        self._chunks: Iterator[bytes] = iter(())
        self._sha = hashlib.sha256()
        self._at = 0  # of what was read and handed on
        self._left = b""
        self._wanted = len(source.parts)

    def content(self, part: Part) -> Iterator[bytes]:
        """The bytes of one part, in pieces."""
        if self._head is None:
            self._begin()
        try:
            yield from self._content(part)
        except BaseException:
            self._close()  # nobody will ask for the rest
            raise
        self._wanted -= 1
        if not self._wanted:
            self._close()

    def _close(self) -> None:
        self._head.close()
        if isinstance(self._chunks, Generator):
            self._chunks.close()

    def _content(self, part: Part) -> Iterator[bytes]:
        if part.offset + part.size <= self._head_end:
            self._head.seek(part.offset)
            left = part.size
            while left and (piece := self._head.read(min(left, 1 << 18))):
                left -= len(piece)
                yield piece
            return
        if part.offset < self._at:
            raise ValueError(f"{part.path} is asked for after what stands behind it")
        for _ in self._take(part.offset - self._at):
            pass
        yield from self._take(part.size)
        if part is self._last:
            self._finish()

    def _begin(self) -> None:
        self._chunks = iter(self._open())
        self._head = tempfile.SpooledTemporaryFile(_HEAD_IN_MEMORY)  # noqa: SIM115
        for piece in self._take(self._head_end):
            self._head.write(piece)

    def _take(self, count: int) -> Iterator[bytes]:
        while count > 0:
            if not self._left:
                self._left = next(self._chunks, b"")
                if not self._left:
                    return
                self._sha.update(self._left)
            piece, self._left = self._left[:count], self._left[count:]
            count -= len(piece)
            self._at += len(piece)
            yield piece

    def _finish(self) -> None:
        for _ in self._take(1 << 62):
            pass
        found = (self._at, self._sha.hexdigest())
        if found != self._expected:
            raise SourceAltered(
                self._source.name,
                f"存储中的包是 {found[0]} 字节、SHA-256 {found[1]}，台账为 {self._expected[0]} 字节、{self._expected[1]} / "
                "the package in the store is not the one the ledger knows",
            )
