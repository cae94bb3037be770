"""Reading a ZIP that is not trusted (PKWARE APPNOTE 6.3.10).

Own reader rather than ``zipfile``: every disagreement between the local headers and the central directory is a finding with its
place, a file that lost its end is still read by its local headers, and a package can be compared with the bytes its writer makes.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from io import RawIOBase
from typing import BinaryIO

from sip import zipformat as z
from sip.container import CHUNK, Damaged, Item
from sip.faults import Fault, fault

STORED, DEFLATED = 0, 8
_MAX_DIRECTORY = 512 << 20
_DIRECTORY_LINE = 512  # bytes; more than an honest member's line in the directory
# Nothing honest in an archive unpacks to this; it would cost a verifier hours.
_MAX_RATIO, _RATIO_FROM = 200, 1 << 30


class TooManyMembers(Exception):
    """The end record claims more members, or a larger directory, than the caller wants to see."""


@dataclasses.dataclass(slots=True)
class Entry:
    """One member as a header tells it. ``start`` is the first byte of its (packed) content; ``line`` (offset, length) is its line in
    the directory, (0, 0) where the directory is lost."""

    name: str
    spelt: bytes | None  # the name's own bytes, None where they are simply its UTF-8
    flags: int
    method: int
    stamp: tuple[int, int]
    crc: int
    packed: int
    size: int
    offset: int
    start: int
    line: tuple[int, int] = (0, 0)
    unix_mode: int = 0

    @property
    def raw_name(self) -> bytes:
        return self.name.encode() if self.spelt is None else self.spelt

    @property
    def is_folder(self) -> bool:
        return self.raw_name.endswith(b"/")


class Zip:
    """A bag in a ZIP. ``entries`` are in directory order; where the directory is lost, in file order.

    ``lazy`` leaves a member's local header unread until the member is: enough for a list, little traffic for a far file. More members
    than ``most`` raise `TooManyMembers` before one of them is looked at.
    """

    form = "zip"

    def __init__(self, file: BinaryIO | RawIOBase, lazy: bool = False, most: int | None = None) -> None:
        self._file = file
        self._lazy = lazy
        self._most = most
        self.length = file.seek(0, os.SEEK_END)
        self.items: list[Item] = []
        self.folders: set[str] = set()
        self.faults: list[Fault] = []
        self.entries: list[Entry] = []
        self.directory_start = 0
        self.tail = b""  # from the end of the directory to the end of the file
        self.whole = False  # whether the directory could be read from its start to its end
        try:
            self._read_directory()
            self.whole = True
        except _NoEnd as e:
            self.faults.append(fault("PKG-TRUNCATED", offset=e.offset))
            self.entries = list(self._walk())
        except _BadZip as e:
            self.faults.append(fault("PKG-ZIP-DAMAGED", offset=e.offset, reason=e.reason))
            self.entries = list(self._walk())
        self._refuse_overlaps()
        self._list()

    def over(self, file: BinaryIO | RawIOBase) -> Zip:
        """The same package read through another handle, for another thread; its directory is not read again."""
        other = copy.copy(self)
        other._file, other.faults = file, list(self.faults)
        return other

    def chunks(self, item: Item) -> Iterator[bytes]:
        entry: Entry = item.handle
        if not entry.start:
            self._read_local(entry)
        crc, size = 0, 0
        for piece in self._unpacked(entry, item.name):
            size += len(piece)
            if size > entry.size:
                raise Damaged(fault("PKG-CONTENT-CUT", item.name, reason=f"unpacks to more than {entry.size} bytes"))
            crc = zlib.crc32(piece, crc)
            yield piece
        if size != entry.size:
            raise Damaged(fault("PKG-CONTENT-CUT", item.name, reason=f"{size} of {entry.size} bytes"))
        if crc != entry.crc:
            raise Damaged(fault("PKG-CRC", item.name, expected=f"{entry.crc:08x}", actual=f"{crc:08x}"))

    def _unpacked(self, entry: Entry, name: str) -> Iterator[bytes]:
        left, at = entry.packed, entry.start
        inflate = zlib.decompressobj(-15) if entry.method == DEFLATED else None
        while left:
            piece = self._at(at, min(CHUNK, left))
            if not piece:
                raise Damaged(fault("PKG-CONTENT-CUT", name, reason=f"{left} bytes are missing"))
            at, left = at + len(piece), left - len(piece)
            if inflate is None:
                yield piece
                continue
            try:
                while piece:
                    if out := inflate.decompress(piece, 4 * CHUNK):
                        yield out
                    piece = inflate.unconsumed_tail
            except zlib.error as e:
                raise Damaged(fault("PKG-CONTENT-CUT", name, reason=str(e))) from e

    def headers(self, entry: Entry) -> tuple[bytes, bytes]:
        """The member's local header and its line in the directory, as they stand in the file."""
        return self._at(entry.offset, entry.start - entry.offset), self._at(*entry.line)

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size) or b""

    # -- the directory

    def _read_directory(self) -> None:
        end = self._find_end()
        *_, count, size, start, _comment = z.END.unpack(self._at(end, z.END.size))
        directory_end = end
        if count == z.MAX16 or size == z.MAX32 or start == z.MAX32:
            directory_end, count, size, start = self._read_end64(end, count, size, start)
        if self._most is not None and (count > self._most or size > self._most * _DIRECTORY_LINE):
            raise TooManyMembers(max(count, size // _DIRECTORY_LINE))
        if start + size != directory_end:
            raise _BadZip(end, "the directory is not where the end record says")
        if size > _MAX_DIRECTORY:
            raise _BadZip(end, f"the directory claims {size} bytes")
        self.directory_start = start
        self.tail = self._at(directory_end, self.length - directory_end)
        data = self._at(start, size)
        at = last = 0
        while at < size:
            if data[at : at + 4] != z.CENTRAL_MARK:
                raise _BadZip(start + _broken_line(data, last, at), "no directory entry here")
            entry, following = _central_entry(data, at, start)
            self.entries.append(entry)
            last, at = at, following
        if len(self.entries) != count:
            swallowed = (e.line[0] for e in self.entries if z.CENTRAL_MARK in self._at(*e.line)[4:])
            place = next(swallowed, end)  # a line whose lengths are broken may take others with it
            raise _BadZip(place, f"the end record counts {count} members, the directory has {len(self.entries)}")
        for entry in () if self._lazy else self.entries:
            self._read_local(entry)

    def _find_end(self) -> int:
        reach = min(self.length, z.END.size + z.MAX16)
        tail = self._at(self.length - reach, reach)
        at = len(tail)
        while (at := tail.rfind(z.END_MARK, 0, at)) >= 0:
            if at + z.END.size <= len(tail):
                comment = int.from_bytes(tail[at + 20 : at + 22], "little")
                if at + z.END.size + comment == len(tail):
                    return self.length - reach + at
        raise _NoEnd(self.length)

    def _read_end64(self, end: int, count: int, size: int, start: int) -> tuple[int, int, int, int]:
        at = end - z.LOCATOR64.size
        locator = self._at(at, z.LOCATOR64.size) if at >= 0 else b""
        if locator[:4] != z.LOCATOR64_MARK:
            return end, count, size, start  # numbers that happen to be all ones
        _, _, where, _ = z.LOCATOR64.unpack(locator)
        record = self._at(where, z.END64.size) if where < at else b""
        if len(record) < z.END64.size or record[:4] != z.END64_MARK:
            raise _BadZip(at, "the ZIP64 end record is not where its locator says")
        *_, count, size, start = z.END64.unpack(record)
        return where, count, size, start

    def _read_local(self, entry: Entry) -> None:
        """Compare the local header with the directory's line; say each difference with its place, and go on."""
        head = self._at(entry.offset, z.LOCAL.size) if entry.offset < self.length else b""
        if len(head) < z.LOCAL.size or head[:4] != z.LOCAL_MARK:
            self.faults.append(fault("PKG-ZIP-DAMAGED", entry.name, offset=entry.offset, reason="no local header here"))
            # The content stands where the header we expect would end; its digests will tell.
            entry.start = entry.offset + z.LOCAL.size + len(entry.raw_name)
            return
        _, _, flags, method, time, date, crc, packed, size, name_len, extra_len = z.LOCAL.unpack(head)
        rest = self._at(entry.offset + z.LOCAL.size, name_len + extra_len)
        entry.start = entry.offset + len(head) + name_len + extra_len
        name = rest[:name_len]
        differing = [
            what
            for what, here, there in (
                ("name", name, entry.raw_name), ("flags", flags, entry.flags), ("method", method, entry.method),
                ("time", (time, date), entry.stamp),
            )
            if here != there
        ]  # fmt: skip
        if not flags & 8:
            packed, size = _wide(rest[name_len:], packed, size)
            differing += [
                what
                for what, here, there in (
                    ("CRC", crc, entry.crc), ("packed size", packed, entry.packed), ("size", size, entry.size),
                )
                if here != there
            ]  # fmt: skip
        if differing:
            reason = "local header and directory differ in " + ", ".join(differing)
            self.faults.append(fault("PKG-ZIP-DAMAGED", entry.name, offset=entry.offset, reason=reason))
            if name_len != len(entry.raw_name):
                entry.start = entry.offset + z.LOCAL.size + len(entry.raw_name)

    # -- without a directory

    def _walk(self) -> Iterator[Entry]:
        """Members by their local headers, from the start, as long as one follows the other."""
        at = seen = 0
        while (head := self._at(at, z.LOCAL.size))[:4] == z.LOCAL_MARK and len(head) == z.LOCAL.size:
            _, _, flags, method, time, date, crc, packed, size, name_len, extra_len = z.LOCAL.unpack(head)
            rest = self._at(at + z.LOCAL.size, name_len + extra_len)
            raw = rest[:name_len]
            packed, size = _wide(rest[name_len:], packed, size)
            start = at + z.LOCAL.size + name_len + extra_len
            if len(rest) < name_len + extra_len or flags & 8:
                return
            name = _name(raw, flags)[0]
            yield Entry(name, _spelt(name, raw), flags, method, (time, date), crc, packed, size, at, start)
            at = start + packed
            seen += 1
            if self._most is not None and seen > self._most:
                raise TooManyMembers(seen)

    # -- what can be read of it

    def _refuse_overlaps(self) -> None:
        """Two names for the same bytes is how a small file claims to be endless."""
        end, total = 0, 0
        kept = []
        for entry in sorted(self.entries, key=lambda e: e.offset):
            if entry.offset < end:
                self.faults.append(
                    fault("PKG-ZIP-DAMAGED", entry.name, offset=entry.offset, reason="overlaps the member before it")
                )
                continue
            end = (entry.start or entry.offset + z.LOCAL.size) + entry.packed
            total += entry.size
            kept.append(entry)
        if total > _RATIO_FROM and total > _MAX_RATIO * self.length:
            self.faults.append(fault("PKG-BOMB", size=total))
            kept = []
        ids = {id(e) for e in kept}
        self.entries = [e for e in self.entries if id(e) in ids]

    def _list(self) -> None:
        for entry in self.entries:
            encoding = _name(entry.raw_name, entry.flags)[1]
            if encoding != "UTF-8":
                self.faults.append(fault("PKG-NAME-ENCODING", entry.name, encoding=encoding))
            if entry.is_folder:
                self.folders.add(entry.name.rstrip("/"))
            elif entry.flags & 0x2041:
                self.faults.append(fault("PKG-ZIP-UNSUPPORTED", entry.name, reason="encryption"))
            elif entry.method not in (STORED, DEFLATED):
                self.faults.append(fault("PKG-ZIP-UNSUPPORTED", entry.name, reason=f"method {entry.method}"))
            elif entry.unix_mode & 0o170000 not in (0, 0o100000):
                kind = "link" if entry.unix_mode & 0o170000 == 0o120000 else "special file"
                self.faults.append(fault("PKG-MEMBER-KIND", entry.name, kind=kind))
            elif entry.method == STORED and entry.packed != entry.size:
                self.faults.append(
                    fault("PKG-ZIP-DAMAGED", entry.name, offset=entry.offset, reason="stored, but two sizes")
                )
                self.items.append(Item(entry.name, entry.size, entry))
            else:
                self.items.append(Item(entry.name, entry.size, entry))


class _NoEnd(Exception):
    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class _BadZip(Exception):
    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


def _central_entry(data: bytes, at: int, base: int) -> tuple[Entry, int]:
    head = data[at : at + z.CENTRAL.size]
    if len(head) < z.CENTRAL.size:
        raise _BadZip(base + at, "no directory entry here")
    (
        _, made, _, flags, method, time, date, crc, packed, size, name_len, extra_len, comment_len, _, _, external, offset,
    ) = z.CENTRAL.unpack(head)  # fmt: skip
    end = at + z.CENTRAL.size + name_len + extra_len + comment_len
    if end > len(data):
        raise _BadZip(base + at, "a directory entry runs over the directory's end")
    middle = at + z.CENTRAL.size + name_len
    raw = data[middle - name_len : middle]
    extra = data[middle : middle + extra_len]
    size, packed, offset = _wide3(extra, size, packed, offset)
    mode = external >> 16 if made >> 8 == 3 else 0
    name = _name(raw, flags)[0]
    return Entry(
        name, _spelt(name, raw), flags, method, _stamp(time, date), crc, packed, size, offset, 0, (base + at, end - at), mode
    ), end  # fmt: skip


@lru_cache(64)
def _stamp(time: int, date: int) -> tuple[int, int]:
    """One tuple for all members of one time, as a package of a hundred thousand has them."""
    return time, date


def _spelt(name: str, raw: bytes) -> bytes | None:
    try:
        return None if name.encode() == raw else raw
    except UnicodeEncodeError:  # its bytes are no UTF-8
        return raw


def _broken_line(data: bytes, last: int, at: int) -> int:
    """Which line is to blame where none begins at ``at``: this one, if most of its mark is there, else the one before, whose
    lengths led here."""
    alike = sum(a == b for a, b in zip(data[at : at + 4], z.CENTRAL_MARK, strict=False))
    return at if alike == 3 else last


def _wide3(extra: bytes, *values: int) -> tuple[int, ...]:
    """The values with the all-ones ones taken from the ZIP64 extra field, in its order (size, packed, offset)."""
    field = b""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1:
            field = extra[4 : 4 + length]
            break
        extra = extra[4 + length :]
    out = []
    for value in values:
        if value == z.MAX32 and len(field) >= 8:
            value, field = int.from_bytes(field[:8], "little"), field[8:]
        out.append(value)
    return tuple(out)


def _wide(extra: bytes, packed: int, size: int) -> tuple[int, int]:
    size, packed = _wide3(extra, size, packed)
    return packed, size


def _name(raw: bytes, flags: int) -> tuple[str, str]:
    """(name, encoding). Without the UTF-8 flag: ASCII and UTF-8 as they are, else GB18030 (usual in China), else CP437."""
    if flags & z.UTF8_FLAG:
        return raw.decode("utf-8", "surrogateescape"), "UTF-8"
    for encoding in ("ascii", "utf-8", "gb18030"):
        try:
            return raw.decode(encoding), "UTF-8" if encoding == "ascii" else encoding.upper()
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437"), "CP437"
