"""A bag's files, whatever holds them: a folder, a TAR, a ZIP (`sip.zipread`). Names are never used to write anything."""

from __future__ import annotations

import dataclasses
import os
import stat
import tarfile
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sip.faults import Fault, fault

CHUNK = 256 * 1024


class Damaged(Exception):
    """A member's content cannot be read to its end; ``fault`` says why."""

    def __init__(self, found: Fault) -> None:
        super().__init__(found.code)
        self.fault = found


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A regular file in a container, by its full name there; ``handle`` is the reader's own."""

    name: str
    size: int
    handle: Any


class Container(Protocol):
    """What verification needs: the files in the order they stand, the folders, what was wrong with the container itself."""

    form: str
    items: list[Item]
    folders: set[str]
    faults: list[Fault]

    def chunks(self, item: Item) -> Iterator[bytes]:
        """The content in pieces. Raises `Damaged` where it ends too soon or does not fit what the container says of it."""
        ...


class Folder:
    """A bag as a folder on disk. Links are never followed."""

    form = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root
        self.items: list[Item] = []
        self.folders: set[str] = set()
        self.faults: list[Fault] = []
        self._walk(root, "")
        self.items.sort(key=lambda i: i.name)

    def _walk(self, folder: Path, prefix: str) -> None:
        for entry in os.scandir(folder):
            name = prefix + entry.name
            if entry.is_symlink():
                self.faults.append(fault("PKG-MEMBER-KIND", name, kind="link"))
            elif entry.is_dir(follow_symlinks=False):
                self.folders.add(name)
                self._walk(folder / entry.name, name + "/")
            elif entry.is_file(follow_symlinks=False):
                self.items.append(Item(name, entry.stat(follow_symlinks=False).st_size, None))
            else:
                self.faults.append(fault("PKG-MEMBER-KIND", name, kind="special file"))

    def chunks(self, item: Item) -> Iterator[bytes]:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(self._root / item.name, flags), "rb", buffering=0) as f:
            if not stat.S_ISREG(os.fstat(f.fileno()).st_mode):
                raise Damaged(fault("PKG-MEMBER-KIND", item.name, kind="special file"))
            while piece := f.read(CHUNK):
                yield piece


class Tar:
    """A bag in an uncompressed TAR."""

    form = "tar"

    def __init__(self, file: BinaryIO | RawIOBase) -> None:
        self.items: list[Item] = []
        self.folders: set[str] = set()
        self.faults: list[Fault] = []
        self._tar: tarfile.TarFile | None = None
        try:
            # stays open as long as its file, which the caller closes
            self._tar = tarfile.open(fileobj=file, mode="r:", errors="surrogateescape")  # noqa: SIM115
            for member in self._tar:
                self._take(member)
        except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as e:
            self.faults.append(fault("PKG-TAR-DAMAGED", reason=str(e)))

    def _take(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        if member.isdir():
            self.folders.add(name.rstrip("/"))
        elif not member.isreg() or member.issparse():  # a sparse file of a few bytes may claim to be endless
            kind = "link" if member.issym() or member.islnk() else "special file"
            self.faults.append(fault("PKG-MEMBER-KIND", name, kind=kind))
        else:
            self.items.append(Item(name, member.size, member))

    def chunks(self, item: Item) -> Iterator[bytes]:
        content = self._tar.extractfile(item.handle) if self._tar else None
        if content is None:
            return
        left = item.size
        try:
            while left and (piece := content.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
        except (tarfile.TarError, OSError) as e:
            raise Damaged(fault("PKG-CONTENT-CUT", item.name, reason=str(e))) from e
        if left:
            raise Damaged(fault("PKG-CONTENT-CUT", item.name, reason=f"{left} of {item.size} bytes are missing"))
