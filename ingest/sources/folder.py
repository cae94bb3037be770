"""A folder as source: the drop folder of a front-end machine (前置机), one folder an agency, one folder a delivery.

    <root>/<agency>/<delivery>/case.json + files            receipts: <outbox>/<agency>/<delivery>.receipt.json

Nothing in it is trusted: paths are opened part by part without following links.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ingest.model import CST
from ingest.sources.base import METADATA, Delivery, DeliveryGone


class FolderSource:
    """Deliveries below ``root`` for the given agencies; receipts go below ``outbox``."""

    def __init__(self, root: Path, outbox: Path, agencies: Iterable[str]) -> None:
        self._root = root
        self._outbox = outbox
        self._agencies = sorted(agencies)

    def deliveries(self) -> Iterator[Delivery]:
        for agency in self._agencies:
            folder = self._root / agency
            try:
                entries = sorted(e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False))
            except FileNotFoundError:
                continue  # an agency that delivers nothing tonight
            for name in entries:
                try:
                    st = (folder / name / METADATA).lstat()
                except OSError:
                    continue  # not complete yet
                if stat.S_ISREG(st.st_mode):
                    arrived = dt.datetime.fromtimestamp(st.st_mtime, CST).date()
                    yield Delivery(agency, name, str(folder / name), f"{st.st_size}-{st.st_mtime_ns}", arrived)

    def reader(self, location: str) -> FolderDelivery:
        return FolderDelivery(Path(location))

    def acknowledge(self, agency: str, name: str, receipt: bytes) -> None:
        folder = self._outbox / agency
        folder.mkdir(parents=True, exist_ok=True)
        final = folder / _receipt_name(name)
        temp = folder / f".{os.getpid()}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.tmp"
        with temp.open("wb") as f:
            f.write(receipt)
            f.flush()
            os.fsync(f.fileno())
        temp.replace(final)


class FolderDelivery:
    """One delivery folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def metadata(self, limit: int) -> bytes:
        with self._open(METADATA) as f:
            data = f.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"longer than {limit} bytes")
        return data

    def names(self) -> list[str]:
        out: list[str] = []
        for here, folders, files in os.walk(self._root, followlinks=False, onerror=_gone):
            base = Path(here).relative_to(self._root)
            links = [d for d in folders if (Path(here) / d).is_symlink()]
            out += [(base / n).as_posix() for n in (*files, *links)]
        return sorted(n for n in out if n != METADATA)

    def open(self, name: str) -> BinaryIO:
        return self._open(name)

    def _open(self, name: str) -> BinaryIO:
        """Open ``name`` part by part with O_NOFOLLOW: no link, ``..`` or absolute path leads out of the delivery."""
        parts = name.split("/")
        if any(p in ("", ".", "..") or "\0" in p for p in parts):
            raise OSError(f"unsafe path: {name!r}")
        try:
            at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError as e:
            raise DeliveryGone(str(self._root)) from e
        try:
            for part in parts[:-1]:
                deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = deeper
            fd = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        finally:
            os.close(at)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"not a regular file: {name!r}")
        return os.fdopen(fd, "rb", buffering=0)


def _gone(error: OSError) -> None:
    raise DeliveryGone(str(error)) from error


def _receipt_name(delivery: str) -> str:
    """The receipt's file name; a delivery name too long for a suffix is shortened with its digest."""
    name = f"{delivery}.receipt.json"
    raw = os.fsencode(name)
    if len(raw) <= 255:
        return name
    return f"{hashlib.sha256(os.fsencode(delivery)).hexdigest()}.receipt.json"
