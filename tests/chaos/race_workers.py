"""Processes that are all given the same deliveries, take them through the real stages, and may be killed at any moment."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa

from ingest import discovery, night, running, stages
from ingest.ledger import Ledger
from ingest.ledger.tables import chain_head
from ingest.model import CST
from ingest.settings import Home
from ingest.workers import Done, Job, Work, Workers

for room in ("metadata", "checks"):
    sys.path.insert(0, str(Path(__file__).parent.parent / room))
from case_samples import AGENCY, IMPLEMENTATION, good_case  # noqa: E402
from file_samples import GOOD  # noqa: E402

AS_OF = dt.datetime(2024, 3, 21, 1, 0, tzinfo=CST)
BATCH = 20
SMALL = {path: given for path, given in GOOD.items() if path.endswith((".xml", ".jpg"))}


def deliver(inbox: Path, count: int) -> None:
    """So many small cases, each of two unsigned files."""
    for number in range(1, count + 1):
        case = good_case(SMALL)
        case["case"]["case_no"] = f"{IMPLEMENTATION}20240306{number:04d}"
        folder = inbox / str(AGENCY["id"]) / f"{case['case']['case_no']}-v1"
        for path, (data, _) in SMALL.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")


class Here(Workers):
    """Does the work in this process: it is this one that is killed here."""

    def map(self, work: Work, jobs: Sequence[Job], ordered: bool = False) -> Iterator[list[Done]]:
        for job in jobs:
            try:
                yield [Done(job, value=work(self._home, job))]
            except Exception as e:
                yield [Done(job, error=f"{type(e).__name__}: {e}")]


def take(root: Path, url: str, run: str, start_at: float) -> None:
    """A run of its own over the inbox that all others take too; goes on until nothing is undone."""
    os.environ["GUIDANG_DATABASE_URL"] = url
    home, dice = Home.of(root), random.Random(f"{run} {os.getpid()}")
    time.sleep(max(0.0, start_at - time.time()))  # all at once, whatever their imports took
    night.discover(run, AS_OF, batch_size=BATCH, home=home)
    with Ledger(url) as ledger, Here(home) as here:
        while undone := discovery.open_batches(ledger, run, own=False):
            batch = dice.choice(undone)
            for stage in stages.STAGES:
                running.run(stage, home, ledger, batch, here)


def take_all(root: Path, url: str, workers: int, kills: int, total: int) -> int:
    """Let ``workers`` processes take the same deliveries; ``kills`` times one of them gets SIGKILL and is replaced.

    Returns how many were killed at work.
    """
    context = multiprocessing.get_context("spawn")
    begin = time.time() + 0.5 * workers

    def start(worker: int) -> BaseProcess:
        process = context.Process(target=take, args=(root, url, f"run-{worker}", begin))
        process.start()
        return process

    running = {worker: start(worker) for worker in range(workers)}
    dice, killed = random.Random(7), 0
    with Ledger(url) as ledger:
        ledger.upgrade()
        while any(process.is_alive() for process in running.values()):
            time.sleep(0.02)
            with ledger.read() as conn:
                done = conn.execute(sa.select(chain_head.c.seq)).scalar_one() / len(stages.STAGES)
            alive = [worker for worker, process in running.items() if process.is_alive()]
            if killed < kills and alive and done > total * (killed + dice.random()) / (kills + 1):
                victim = running[worker := dice.choice(alive)]
                assert victim.pid is not None
                os.kill(victim.pid, signal.SIGKILL)
                victim.join()
                killed += 1
                running[worker] = start(worker)
    assert [process.exitcode for process in running.values()] == [0] * workers
    return killed
