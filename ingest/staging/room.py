"""Whether a batch may begin: a full disk is a clear stop before any damage, not a broken write in the middle."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ingest.settings import Home


class NoRoom(Exception):
    """The disk of the home, or what staging may take of it, is full. Nothing was touched."""


def ensure_room(home: Home) -> None:
    """Raises NoRoom when less is free than ``limits.free_bytes``, or staging holds more than ``limits.staging_bytes``."""
    home.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.root).free
    if free < home.limits.free_bytes:
        raise NoRoom(
            f"{home.root} 只剩 {_gib(free)} GiB，少于 {_gib(home.limits.free_bytes)} GiB：先腾出空间（`guidang staging` 看谁占着），"
            f"再清除此任务重跑 / only {_gib(free)} GiB free: make room (`guidang staging` shows who holds what), then clear this task"
        )
    used = sum(size_of(area) for area in (home.staging, home.containers, home.packages))
    if used > home.limits.staging_bytes:
        raise NoRoom(
            f"暂存区已有 {_gib(used)} GiB，超过限额 {_gib(home.limits.staging_bytes)} GiB：先处理待定件与故障"
            f"（`guidang staging`）/ staging holds {_gib(used)} GiB, more than it may: see `guidang staging`"
        )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what is not there, or vanishes meanwhile, counts nothing."""
    files = (Path(here, name) for here, _, names in os.walk(path) for name in names)
    total = 0
    for file in files if path.is_dir() else (path,):
        with contextlib.suppress(FileNotFoundError):
            total += os.lstat(file).st_size
    return total


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f}"
