"""A ZIP written forward only, each member stored as it is: the same members give the same bytes."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable
from typing import BinaryIO

from sip import names, zipformat


class StoredZip:
    """Writes to ``out``; all members carry ``moment`` (aware) as their time. Call `close` at the end."""

    def __init__(self, out: BinaryIO, moment: dt.datetime) -> None:
        self._out = out
        self._stamp = zipformat.dos_stamp(moment)
        self._at = 0
        self._directory: list[bytes] = []

    def add(self, name: str, data: bytes) -> None:
        """A member whose content is at hand."""
        self.stream(name, len(data), zlib.crc32(data), (data,))

    def stream(self, name: str, size: int, crc: int, chunks: Iterable[bytes]) -> None:
        """A member of known size and CRC-32. ValueError: the name is not safe, or the content is not as announced."""
        raw = names.require_path(name).encode()
        self._directory.append(zipformat.central_header(raw, size, crc, self._stamp, self._at))
        self._put(zipformat.local_header(raw, size, crc, self._stamp))
        seen = found = 0
        for chunk in chunks:
            seen, found = zlib.crc32(chunk, seen), found + len(chunk)
            self._put(chunk)
        if (found, seen) != (size, crc):
            raise ValueError(f"{name}: the content is not of the size and CRC-32 announced")

    def close(self) -> None:
        """Write the directory; the ZIP is complete."""
        start = self._at
        for line in self._directory:
            self._put(line)
        self._put(zipformat.end_records(len(self._directory), self._at - start, start))

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)
