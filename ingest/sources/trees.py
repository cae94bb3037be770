"""Deliveries as folders, wherever the folders are: on a disk, behind SFTP, in a bucket.

    <drop>/<delivery>/case.json + files
    <drop>/<delivery>/_DONE + files of another form (a ZIP, an EEP, tables …); on a disk also <drop>/<delivery> + <delivery>_DONE

    <outbox>/<delivery>.received.json, then .examined.json, and as the last word .receipt.json

A *tree* knows how its system lists, reads and writes; what makes a folder a delivery is said once, here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from ingest.model import CST, Receipt
from ingest.sources.base import DONE, METADATA, Delivery, SourceAway, StillWriting

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True)
class Marked:
    """A delivery with its mark: its name, which mark, and of that its size in bytes, time (ns, UTC) and the system's tag."""

    name: str
    marker: str
    size: int
    mtime_ns: int
    tag: str = ""


class Readable(Protocol):
    """Folders of files, to be read."""

    def walk(self, folder: str) -> list[str]:
        """All that is no folder below ``folder``, as POSIX paths relative to it; of a file its own name. Raises DeliveryGone,
        SourceAway."""

    def open(self, folder: str, name: str) -> SteadyFile:
        """A regular file below ``folder``, never out of it, or ``folder`` itself by its own name; OSError where ``name`` is none.
        Raises DeliveryGone, SourceAway."""


class Tree(Protocol):
    """Files in folders. Paths are the system's own; a missing folder holds nothing."""

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        """The folders directly in ``folder`` that hold a regular file named as one of ``markers``, and the files with
        ``<name><marker>`` beside them, once for each mark, in any order. Raises SourceAway.

        A system that can be asked for what came on or after a day may leave older ones out.
        """

    def at(self, folder: str) -> Readable:
        """What reads the delivery at ``folder``, for as long as that takes. It answers for this folder."""

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files by name, each whole or not at all, over what stands there. All are there on return, else SourceAway."""

    def close(self) -> None:
        """Hang up."""

    def join(self, folder: str, name: str) -> str:
        """The path of ``name`` in ``folder``."""


class TreeSource:
    """One agency's deliveries in ``drop`` of a tree, each to be read within ``seconds``; receipts go to ``outbox``."""

    def __init__(self, tree: Tree, agency: str, drop: str, outbox: str, seconds: float = float("inf")) -> None:
        self._tree = tree
        self._seconds = seconds
        self._agency = agency
        self._drop = drop
        self._outbox = outbox

    def deliveries(self, since: dt.date | None = None) -> Iterator[Delivery]:
        all_marked = self._tree.marked(self._drop, (METADATA, DONE), since)
        # of a delivery that has both marks, case.json counts
        complete = {m.name: m for m in sorted(all_marked, key=lambda m: m.marker == METADATA)}
        for _, found in sorted(complete.items()):
            arrived = dt.datetime.fromtimestamp(found.mtime_ns / 1e9, CST).date()
            fingerprint = f"{found.size}-{found.mtime_ns}" + (f"-{found.tag}" if found.tag else "")
            yield Delivery(
                self._agency,
                found.name,
                self._tree.join(self._drop, found.name),
                fingerprint,
                arrived,
                found.marker == DONE,
            )

    def reader(self, location: str) -> TreeDelivery:
        return TreeDelivery(self._tree.at(location), location, self._seconds)

    def tell(self, receipts: Sequence[tuple[str, Receipt, bytes]]) -> None:
        self._tree.write(self._outbox, {receipt_name(name, kind): data for name, kind, data in receipts})


class TreeDelivery:
    """One delivery folder, read within ``seconds`` from now or not at all."""

    def __init__(self, tree: Readable, root: str, seconds: float = float("inf")) -> None:
        self._tree = tree
        self._root = root
        self._until = time.monotonic() + seconds

    def metadata(self, limit: int) -> bytes:
        with self.open(METADATA) as f:
            data = read_up_to(f, limit + 1)
        if len(data) > limit:
            raise ValueError(f"longer than {limit} bytes")
        return data

    def names(self) -> list[str]:
        return sorted(n for n in self._tree.walk(self._root) if n not in (METADATA, DONE))

    def open(self, name: str) -> BinaryIO:
        file = self._tree.open(self._root, safe(name))
        file.until = self._until
        return cast(BinaryIO, file)


def safe(name: str) -> str:
    """``name`` where it leads nowhere but down; OSError otherwise."""
    if any(p in ("", ".", "..") for p in name.split("/")) or "\0" in name:
        raise OSError(f"unsafe path: {name!r}")
    return name


def read_up_to(file: BinaryIO, size: int) -> bytes:
    """At most ``size`` bytes of a file that gives what it has at the moment."""
    out = bytearray()
    while len(out) < size and (chunk := file.read(size - len(out))):
        out += chunk
    return bytes(out)


_SUFFIX = {Receipt.RECEIVED: "received", Receipt.EXAMINED: "examined", Receipt.FINAL: "receipt"}


def receipt_name(delivery: str, kind: Receipt) -> str:
    """A receipt's file name; a delivery name too long for a suffix is shortened with its digest."""
    name = f"{delivery}.{_SUFFIX[kind]}.json"
    raw = os.fsencode(name)
    return name if len(raw) <= 255 else f"{hashlib.sha256(os.fsencode(delivery)).hexdigest()}.{_SUFFIX[kind]}.json"


class SteadyFile(io.RawIOBase):
    """A file that is asked at its end whether it is still the file that was opened; raises StillWriting when not.

    ``state`` gives what identifies its content (size and time); ``trouble`` turns the system's errors into ours. After
    ``until`` (monotonic seconds) the source is too slow: SourceAway, before the worker is killed for it.
    """

    until = float("inf")

    def __init__(
        self, file: Any, name: str, state: Callable[[], object], trouble: Callable[[Exception], Exception]
    ) -> None:
        self._file = file
        self._name = name
        self._state = state
        self._trouble = trouble
        self._before = self._safely(state)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """As of any file; of a given size without the copies that RawIOBase makes."""
        return super().read() if size is None or size < 0 else self._chunk(size)

    def readinto(self, buffer: Any) -> int:
        chunk = self._chunk(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _chunk(self, size: int) -> bytes:
        if time.monotonic() > self.until:
            raise SourceAway(self._name, "太慢，稍后再取 / too slow; it is taken later")
        chunk: bytes = self._safely(lambda: self._file.read(size))
        if not chunk and size and self._safely(self._state) != self._before:
            raise StillWriting(self._name)
        return chunk

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _safely(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except Exception as e:
            raise self._trouble(e) from e
