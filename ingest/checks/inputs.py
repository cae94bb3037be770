"""What `guidang check` is pointed at: deliveries of any form, each of their records, and loose files."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.sources.base import DONE, METADATA

if TYPE_CHECKING:
    from ingest.profiles import Profiles
    from ingest.settings import Home

_PEEK = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """One record or file to judge. ``part`` names the record in a delivery of several; ``loose`` is a file by itself."""

    path: Path
    part: str = ""
    loose: bool = False

    def __str__(self) -> str:
        return f"{self.path}#{self.part}" if self.part else str(self.path)


def listed(
    paths: list[Path], home: Home, agency_of: Callable[[Path], Mapping[str, Any]], profiles: Profiles
) -> Iterator[Input]:
    """Each path as what it is; a folder of deliveries stands for all of them, a delivery of several records for each."""
    for path in paths:
        for found in _deliveries(path):
            if found.is_file() and not _is_form(found):
                yield Input(found, loose=True)
            elif (found / METADATA).exists():
                yield Input(found)
            else:
                for part in _parts(found, home, agency_of(found), profiles):
                    yield Input(found, part)


def _deliveries(path: Path) -> list[Path]:
    if path.name == METADATA:
        return [path.parent]
    if not path.is_dir() or (path / METADATA).exists():
        return [path]
    marked = [m.with_name(m.name.removesuffix(DONE)) for m in path.rglob(f"?*{DONE}")]
    folders = [m.parent for name in (METADATA, DONE) for m in path.rglob(name)]
    return sorted({*folders, *(m for m in marked if m.exists())}) or [path]


def _is_form(file: Path) -> bool:
    """Whether a single file is a delivery: a ZIP, an EEP by its suffix or its root element."""
    if file.suffix.lower() in (".zip", ".eep"):
        return True
    if file.suffix.lower() != ".xml":
        return False
    with file.open("rb") as f:
        head = f.read(_PEEK)
    return any("电子文件封装包" in head.decode(encoding, "replace") for encoding in ("utf-8", "gb18030", "utf-16"))


def _parts(path: Path, home: Home, agency: Mapping[str, Any], profiles: Profiles) -> list[str]:
    from ingest.profiles import Rooms, parts
    from ingest.sources import local_delivery

    if not path.exists():
        return [""]
    with tempfile.TemporaryDirectory(prefix="guidang-check-") as folder, contextlib.ExitStack() as stack:
        rooms = Rooms(Path(folder) / "work", Path(folder) / "whole", stack)
        return parts(local_delivery(path), profiles, agency, rooms, home.limits) or [""]
