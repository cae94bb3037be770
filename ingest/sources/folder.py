"""A folder as source: the drop folder of a front-end machine (前置机), one folder a delivery.

Nothing in it is trusted: paths are opened part by part without following links.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest.sources.base import DeliveryGone, SourceAway
from ingest.sources.trees import Marked, SteadyFile, safe

_AT_ONCE = 8  # receipts being written at the same time


class LocalTree:
    """The file system of this machine."""

    remote = False

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        try:
            entries = {e.name: e.is_dir(follow_symlinks=False) for e in os.scandir(folder)}
        except FileNotFoundError:
            return  # an agency that delivers nothing tonight
        for name, marker in itertools.product(entries, markers):
            is_folder = entries[name]
            if not is_folder and name + marker not in entries:
                continue
            mark = _regular(Path(folder, name, marker) if is_folder else Path(folder, name + marker))
            own = None if is_folder else _regular(Path(folder, name))
            if mark is None or (own is None and not is_folder):
                continue  # not complete yet
            tag = f"{own.st_size}-{own.st_mtime_ns}" if own else ""
            yield Marked(name, marker, mark.st_size, mark.st_mtime_ns, tag)

    def at(self, folder: str) -> LocalTree:
        return self

    def walk(self, folder: str) -> list[str]:
        if _regular(Path(folder)) is not None:  # a delivery that is a single file
            return [Path(folder).name]
        out: list[str] = []
        for here, folders, files in os.walk(folder, followlinks=False, onerror=_gone):
            base = Path(here).relative_to(folder)
            links = [d for d in folders if Path(here, d).is_symlink()]
            out += [(base / n).as_posix() for n in (*files, *links)]
        return out

    def open(self, folder: str, name: str) -> SteadyFile:
        """Open ``name`` part by part with O_NOFOLLOW: no link, ``..`` or absolute path leads out of ``folder``."""
        parts = safe(name).split("/")
        if _regular(Path(folder)) is not None:
            if name != Path(folder).name:
                raise FileNotFoundError(name)
            folder = str(Path(folder).parent)
        try:
            at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError as e:
            raise DeliveryGone(folder) from e
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
        return SteadyFile(os.fdopen(fd, "rb", buffering=0), name, lambda: _state(fd), lambda e: e)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(_AT_ONCE) as threads:  # so that files share the disk's commits
                list(threads.map(lambda item: _write(Path(folder), *item), files.items()))
        except OSError as e:
            raise SourceAway(folder, e) from e

    def close(self) -> None:
        """There is nothing to hang up on."""

    def join(self, folder: str, name: str) -> str:
        return str(Path(folder, name))


def _write(folder: Path, name: str, data: bytes) -> None:
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    temp = folder / f".{os.getpid()}-{digest}.tmp"
    with temp.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    temp.replace(folder / name)


def _regular(path: Path) -> os.stat_result | None:
    """What is there, if it is a regular file and no link."""
    try:
        st = path.lstat()
    except OSError:
        return None
    return st if stat.S_ISREG(st.st_mode) else None


def _state(fd: int) -> tuple[int, int]:
    st = os.fstat(fd)
    return st.st_size, st.st_mtime_ns


def _gone(error: OSError) -> None:
    raise DeliveryGone(str(error)) from error
