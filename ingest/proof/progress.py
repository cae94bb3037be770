"""How far a verification is, told through a file: it is done in other processes than those that are asked about it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sip.opening import Source

_EVERY = 0.3  # seconds between two notes


class Progress:
    """Notes the part that is worked on, and how much of it is done; ``path`` None notes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._noted = 0.0

    def tell(self, part: str, done: int = 0, total: int = 0, *, now: bool = False) -> None:
        """``done`` of ``total`` (bytes, events); written a few times a second at most unless it matters ``now``."""
        moment = time.monotonic()
        if self._path is None or (not now and moment - self._noted < _EVERY):
            return
        self._noted = moment
        temp = self._path.with_suffix(".part")
        temp.write_text(json.dumps({"part": part, "done": done, "total": total}), "ascii")
        temp.replace(self._path)


def read(path: Path) -> Mapping[str, Any]:
    """What was noted last; empty where nothing was."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found


class Counted(io.RawIOBase):
    """A far file whose reading is noted; ``total`` is what will be read of it in all."""

    def __init__(self, file: Any, progress: Progress, part: str, total: int) -> None:
        super().__init__()
        self._file, self._progress, self._part, self._total = file, progress, part, total
        self._done = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self._done += len(data)
        self._progress.tell(self._part, min(self._done, self._total), self._total)
        return data


def counted(source: Source, progress: Progress, part: str, total: int) -> Source:
    """``source`` with its reading noted; a path is read too fast to be told of."""
    return source if isinstance(source, Path) else Counted(source, progress, part, total)
