"""Judging apart: in a spawned process that is killed when a file takes too long or brings it down."""

from __future__ import annotations

import concurrent.futures
import resource
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

from ingest.spawning import CleanSpawn

MEMORY = 4 << 30
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Lost(Exception):
    """The file took too long, too much memory, or its worker with it; the text names which."""


class Apart:
    """One worker (or a few) for one file after the other; use as a context manager. Threads may share it."""

    def __init__(self, seconds: float, *, workers: int = 1, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._pool: Any = ProcessPool(
            max_workers=workers, context=CleanSpawn(), initializer=_limit_memory, initargs=(memory,)
        )

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.stop()
        self._pool.join()

    def run(self, judge: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """``judge(…)``, which must be a function of a module. Raises what it raises, and Lost."""
        future = self._pool.schedule(judge, args=args, kwargs=kwargs, timeout=self._seconds)
        try:
            result: _T = future.result()
        except (concurrent.futures.TimeoutError, ProcessExpired, MemoryError) as error:  # two of them are OSErrors
            raise Lost(type(error).__name__) from error
        return result


def _limit_memory(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
