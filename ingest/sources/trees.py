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
import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from ingest.model import CST, Receipt
from ingest.sources.base import DONE, METADATA, Delivery, StillWriting, TooSlow
from ingest.sources.patience import in_time

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

    remote: bool  # on another machine, which may be slow, or never come to an end

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
    """One agency's deliveries in ``drop`` of a tree; receipts go to ``outbox``.

    A delivery is to be read and receipts are to be taken within ``seconds``, and all deliveries listed within ``listing``.
    """

    def __init__(
        self, tree: Tree, agency: str, drop: str, outbox: str, seconds: float = float("inf"),
        listing: float = float("inf"),
    ) -> None:  # fmt: skip
        self._tree = tree
        self._seconds = seconds
        self._listing = listing
        self._agency = agency
        self._drop = drop
        self._outbox = outbox

    def deliveries(self, since: dt.date | None = None) -> Iterator[Delivery]:
        marked = self._tree.marked
        all_marked = in_time(self._listing, self._drop, lambda: list(marked(self._drop, (METADATA, DONE), since)))
        # of a delivery that has both marks, case.json counts
        complete = {m.name: m for m in sorted(all_marked, key=lambda m: m.marker == METADATA)}
        for _, found in sorted(complete.items()):
            fingerprint = f"{found.size}-{found.mtime_ns}" + (f"-{found.tag}" if found.tag else "")
            yield Delivery(
                self._agency,
                found.name,
                self._tree.join(self._drop, found.name),
                fingerprint,
                _day(found.mtime_ns),
                found.marker == DONE,
            )

    def reader(self, location: str) -> TreeDelivery:
        return TreeDelivery(self._tree.at(location), location, self._seconds)

    def location(self, name: str) -> str:
        """Where the delivery of that name stands, or would."""
        return self._tree.join(self._drop, name)

    def mark(self, name: str, content: bytes, *, single: bool) -> None:
        """Say of a delivery that it is complete, as its producer would; ``single`` of one that is a file. Raises SourceAway."""
        if single:
            self._tree.write(self._drop, {name + DONE: content})
        else:
            self._tree.write(self.location(name), {DONE: content})

    def tell(self, receipts: Sequence[tuple[str, Receipt, bytes]]) -> None:
        files = {receipt_name(name, kind): data for name, kind, data in receipts}
        in_time(self._seconds, self._outbox, lambda: self._tree.write(self._outbox, files))


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
        return sorted(n for n in self._ask("", lambda: self._tree.walk(self._root)) if n not in (METADATA, DONE))

    def open(self, name: str) -> BinaryIO:
        safe(name)
        file = self._ask(name, lambda: self._tree.open(self._root, name))
        file.until = self._until
        file.remote = self._tree.remote
        return cast(BinaryIO, file)

    def _ask(self, name: str, work: Callable[[], _T]) -> _T:
        """``work`` in the time that is left. A disk of this machine is not watched over: that would cost more than reading it."""
        return in_time(self._until - time.monotonic(), f"{self._root} {name}", work) if self._tree.remote else work()


def _day(mtime_ns: int) -> dt.date:
    """The day in China of a moment that another clock gave; one that no calendar holds is its last or first day."""
    try:
        return dt.datetime.fromtimestamp(mtime_ns / 1e9, CST).date()
    except (ValueError, OverflowError, OSError):
        return dt.date.max if mtime_ns > 0 else dt.date.min


def safe(name: str) -> str:
    """``name`` where it leads nowhere but down; OSError otherwise."""
    if any(p in ("", ".", "..") for p in name.split("/")) or "\0" in name:
        raise OSError(f"unsafe path: {name!r}")
    return name


def one_part(name: str) -> str:
    """A delivery's name as one part of a location, where the system's names may hold slashes: a location holds no two in a row."""
    return name.replace("%", "%25").replace("/", "%2F")


def whole_name(part: str) -> str:
    """The name again that `one_part` wrote."""
    return part.replace("%2F", "/").replace("%25", "%")


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
    remote = False
    _left_behind = False

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
            raise TooSlow(self._name, 0.0)
        chunk = self._safely(lambda: self._read(size))
        if not chunk and size and self._safely(self._state) != self._before:
            raise StillWriting(self._name)
        return chunk

    def _read(self, size: int) -> bytes:
        left = self.until - time.monotonic() if self.remote else math.inf
        try:
            data: bytes = in_time(left, self._name, lambda: self._file.read(size))
        except TooSlow:
            self._left_behind = True
            raise
        return data

    def close(self) -> None:
        if not self.closed and not self._left_behind:  # somebody still waits in it
            self._file.close()
        super().close()

    def _safely(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except Exception as e:
            raise self._trouble(e) from e
