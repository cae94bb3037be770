"""Taking turns: of all processes that share a ledger, one at a time does a thing that has a name.

With SQLite, which keeps all of them on one machine, a locked file beside the database; with PostgreSQL an advisory lock of the
database, over however many machines. Either is let go when its holder's process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

_LOOK = 0.1  # seconds between two looks


class Busy(Exception):
    """Another process has the turn, and keeps it for longer than one would wait. Machine trouble."""


@contextlib.contextmanager
def turn(engine: Engine, name: str, patience: float) -> Iterator[None]:
    """Wait for the turn called ``name``, at most ``patience`` seconds, and hold it. Raises Busy."""
    taker = _file if engine.dialect.name == "sqlite" else _advisory
    with taker(engine, name) as taken:
        until = time.monotonic() + patience
        while not taken():
            if time.monotonic() > until:
                raise Busy(
                    f"另一进程占用 {name} 已超过 {patience:.0f} 秒：它若已停滞，结束它后重跑 / "
                    f"another process has held {name} for {patience:.0f} s: if it is stuck, end it and run this again"
                )
            time.sleep(_LOOK)
        yield


@contextlib.contextmanager
def _file(engine: Engine, name: str) -> Iterator[Callable[[], bool]]:
    database = Path(engine.url.database or "")
    folder = database.with_name(f"{database.name}.turns")
    folder.mkdir(exist_ok=True)
    path = folder / hashlib.sha256(name.encode()).hexdigest()[:32]
    held: list[int] = []

    def take() -> bool:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == path.stat().st_ino:  # else the one before us has just removed it
                held.append(fd)
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(fd)
        return False

    try:
        yield take
    finally:
        for fd in held:
            path.unlink()
            os.close(fd)


@contextlib.contextmanager
def _advisory(engine: Engine, name: str) -> Iterator[Callable[[], bool]]:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    # AUTOCOMMIT: a turn may last an hour, and no transaction may stand open for so long
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        held = False

        def take() -> bool:
            nonlocal held
            held = bool(conn.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar_one())
            return held

        try:
            yield take
        finally:
            if held:
                conn.execute(sa.select(sa.func.pg_advisory_unlock(number)))
