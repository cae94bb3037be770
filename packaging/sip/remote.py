"""Packages that stay where they are: listing, reading one member and verifying by range requests.

A store is asked for ranges only; nothing of the package is kept on disk. The caller gives a function that reads a range, e.g. an S3
``GetObject`` with ``Range``. Reading on doubles each request up to 4 MiB; jumping elsewhere begins small again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from sip.container import Item
from sip.zipread import Zip

_FIRST, _MOST, _KEPT = 66_000, 4 << 20, 4  # the first holds an end record with the longest comment


class RangeFile(io.RawIOBase):
    """An object of ``length`` bytes as a seekable file; ``fetch(offset, size)`` returns exactly those bytes.

    An answer of another length raises OSError: the object was changed meanwhile, or the store is at fault.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], length: int) -> None:
        super().__init__()
        self._fetch, self._length, self._at = fetch, length, 0
        self._spans: list[tuple[int, bytes]] = []  # what was fetched last, latest at the end
        self._next, self._size = -1, _FIRST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes unless the object ends before; all the rest for a negative size."""
        end = self._length if size < 0 else min(self._length, self._at + size)
        out = bytearray()
        while self._at < end:
            start, data = self._span(self._at, end)
            piece = data[self._at - start : end - start]
            out += piece
            self._at += len(piece)
        return bytes(out)

    def _span(self, at: int, end: int) -> tuple[int, bytes]:
        for span in reversed(self._spans):
            if span[0] <= at < span[0] + len(span[1]):
                return span
        self._size = min(self._size * 2, _MOST) if at == self._next else _FIRST
        # The end of a package holds its directory: take it in one request, whichever part of it is asked for.
        start = max(0, self._length - _FIRST) if at >= self._length - _FIRST else at
        size = min(self._length - start, max(self._size, min(end - start, _MOST)))
        data = self._fetch(start, size)
        if len(data) != size:
            raise OSError(f"the store gave {len(data)} of {size} bytes from {start}")
        self._spans = [*self._spans[1 - _KEPT :], (start, data)]
        self._next = start + size
        return start, data


def members(file: io.RawIOBase) -> list[Item]:
    """What stands in a package, by its directory alone: two requests for a package of usual size."""
    return Zip(file, lazy=True).items


def cat(file: io.RawIOBase, path: str) -> Iterator[bytes]:
    """One member's content in pieces; ``path`` with or without the bag's folder. KeyError where there is none, `sip.container.Damaged`
    at the end where its CRC-32 is wrong."""
    package = Zip(file, lazy=True)
    for item in package.items:
        if path in (item.name, item.name.partition("/")[2]):
            return package.chunks(item)
    raise KeyError(path)
