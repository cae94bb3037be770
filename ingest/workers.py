"""Long-lived worker processes that do the heavy and the dangerous work, one record at a time.

Processes, not threads: pyHanko is slower with threads, and a process can be killed for one record's sake. Spawned, not
forked: pygfried hangs in a forked child. One a core. A record that runs over its time or kills its process is tried once
more in a fresh process; the second time it is *lost*, which is a result for a person to look at, not the end of the batch.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import dataclasses
import os
import queue
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ingest import code
from ingest.settings import Home
from ingest.spawning import CleanSpawn
from ingest.trouble import cause_of

Job = dict[str, Any]
Work = Callable[[Home, Job], dict[str, Any]]
_Arrival = tuple[int, "concurrent.futures.Future[dict[str, Any]]"]


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What became of one job: a ``value``, an ``error`` (machine trouble, in words, with the code of its ``cause``), or ``lost``
    (killed its worker twice)."""

    job: Job
    value: dict[str, Any] | None = None
    error: str | None = None
    lost: str | None = None
    cause: str | None = None


class _Failed(Exception):
    """Machine trouble as it comes back from a worker. Not the error itself: many cannot be read back from a pipe, and one that
    cannot ends the whole pool."""

    def __init__(self, words: str, cause: str) -> None:
        super().__init__(words, cause)
        self.words, self.cause = words, cause


class WorkersStalled(Exception):
    """No worker has answered for longer than any record may take. Machine trouble."""


class Workers:
    """A pool of workers for one home; use as a context manager. Starts its processes with the first job; threads may share it."""

    def __init__(self, home: Home, size: int | None = None, nice: int = 0) -> None:
        self._home = home
        self._nice = nice
        self.size = size or len(os.sched_getaffinity(0))
        self._pool: ProcessPool | None = None
        self._starting = threading.Lock()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            if kind is None:
                self._pool.close()
            else:
                self._pool.stop()
            self._pool.join()
            self._pool = None

    def map(self, work: Work, jobs: Sequence[Job], ordered: bool = False) -> Iterator[list[Done]]:
        """Run ``work(home, job)`` for every job; yields what is done, several at once where several are ready.

        ``ordered`` keeps the jobs' order: what is done early waits for those before it. Raises WorkersStalled.
        """
        if not jobs:
            return
        ready: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
        tries = [0] * len(jobs)
        seconds = [self._home.limits.seconds(sum(f["size"] for f in job.get("files") or ())) for job in jobs]

        def submit(i: int) -> None:
            tries[i] += 1
            future = self._processes().schedule(_work, args=(work, self._home, jobs[i]), timeout=seconds[i])
            future.add_done_callback(lambda f: ready.put((i, f)))

        for i in range(len(jobs)):
            submit(i)
        results: dict[int, Done] = {}
        finished = yielded = 0
        while finished < len(jobs):
            for i, future in self._arrivals(ready, len(jobs) - finished, max(seconds)):
                outcome = _outcome(jobs[i], future)
                if outcome.lost is not None and tries[i] < 2:
                    submit(i)
                else:
                    results[i] = outcome
                    finished += 1
            if ordered:
                some = []
                while yielded in results:
                    some.append(results.pop(yielded))
                    yielded += 1
            else:
                some = list(results.values())
                results.clear()
            if some:
                yield some

    def _arrivals(self, ready: queue.SimpleQueue[_Arrival], outstanding: int, longest: float) -> list[_Arrival]:
        """What has come in: the first, and those that follow it closely. Raises WorkersStalled when nothing comes."""
        try:
            arrived = [ready.get(timeout=2 * longest + _START_SECONDS)]
        except queue.Empty:
            raise WorkersStalled("工作进程无法启动或停滞 / the workers do not start, or stand still") from None
        end = time.monotonic() + _LINGER_SECONDS
        with contextlib.suppress(queue.Empty):
            while len(arrived) < outstanding and (left := end - time.monotonic()) > 0:
                arrived.append(ready.get(timeout=left))
        return arrived

    def _processes(self) -> ProcessPool:
        with self._starting:
            return self._running_pool()

    def _running_pool(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.size,
                context=CleanSpawn(),
                initializer=_begin,
                initargs=(os.getpid(), self._home.limits.worker_memory, self._nice, code.CONTRACT),
            )
        return self._pool


class Threads:
    """The same for work that meets no hostile content and mostly waits for a server: a few at once, in this process."""

    def __init__(self, home: Home, size: int) -> None:
        self._home = home
        self._size = size

    def map(self, work: Work, jobs: Sequence[Job]) -> Iterator[list[Done]]:
        """Run ``work(home, job)`` for every job; yields what is done, several at once where several are ready."""
        with concurrent.futures.ThreadPoolExecutor(self._size) as pool:
            waiting = {pool.submit(work, self._home, job): job for job in jobs}
            try:
                while waiting:
                    concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                    concurrent.futures.wait(waiting, timeout=_LINGER_SECONDS)
                    yield [self._outcome(waiting.pop(f), f) for f in list(waiting) if f.done()]
            finally:
                pool.shutdown(cancel_futures=True)

    @staticmethod
    def _outcome(job: Job, future: concurrent.futures.Future[dict[str, Any]]) -> Done:
        error = future.exception()
        if error is None:
            return Done(job, value=future.result())
        return Done(job, error=_words(error), cause=cause_of(error))


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _outcome(job: Job, future: concurrent.futures.Future[dict[str, Any]]) -> Done:
    try:
        return Done(job, value=future.result())
    except concurrent.futures.TimeoutError:
        return Done(job, lost="timeout")
    except ProcessExpired as e:
        return Done(job, lost=f"exit {e.exitcode}")
    except MemoryError:
        return Done(job, lost="memory")
    except _Failed as e:
        return Done(job, error=e.words, cause=e.cause)
    except Exception as e:
        return Done(job, error=_words(e), cause=cause_of(e))


def _work(work: Work, home: Home, job: Job) -> dict[str, Any]:
    if _parents_contract != code.CONTRACT:
        raise _Failed("程序在阶段进行中被更换，重试即用新程序 / the code was changed under this stage; a retry uses the new one",
                      "CODE-CHANGED")  # fmt: skip
    try:
        return work(home, job)
    except MemoryError:
        raise
    except Exception as e:
        raise _Failed(_words(e), cause_of(e)) from None


_parents_contract = code.CONTRACT  # in a worker: that of the process which started it, perhaps from older files
_START_SECONDS = 60.0
_LINGER_SECONDS = 0.05  # outcomes that come this close together share one durable commit
_PR_SET_PDEATHSIG = 1


def _begin(parent: int, memory: int, nice: int, contract: int) -> None:
    """In the new worker: die with the parent (an orphan must not go on writing), and never take all the memory."""
    global _parents_contract
    _parents_contract = contract
    os.nice(nice)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
