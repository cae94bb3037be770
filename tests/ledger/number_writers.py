"""Processes that number cases as the file stage does, and may be killed at any moment."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import number
from ingest.model import CST
from ingest.paths import SCHEMAS
from ingest.schedule import Match, assign, load

MATTERS = ("11440100FAKE00021A3440116001000", "11440100FAKE00021A3440117002000")
AS_OF = dt.datetime(2026, 11, 20, tzinfo=CST)


def cases(writer: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cases of one writer, of two matters and two years in turn, always the same."""
    for n in range(count):
        matter, year = MATTERS[n % 2], 2024 + n // 2 % 2
        yield f"{writer}-{n}", {
            "case": {"matter": {"implementation_code": matter, "type": {"scheme": "gd", "code": "01"}},
                     "region_code": "440100", "closed_at": f"{year}-05-20T10:00:00+08:00"},
        }  # fmt: skip


def write(url: str, writer: int, count: int) -> None:
    """Number this writer's cases, some tens a transaction, leaving out those that have their numbers."""
    dice = random.Random(f"{writer} {os.getpid()}")
    schedules = load(SCHEMAS / "schedules")
    with Ledger(url) as ledger:
        with ledger.read() as conn:
            mine = sa.select(number.c.case_no).where(number.c.agency == str(writer))
            given = set(conn.execute(mine).scalars())
        todo = [(case_no, case) for case_no, case in cases(writer, count) if case_no not in given]
        while todo:
            some, todo = todo[: (size := dice.randint(10, 80))], todo[size:]
            with ledger.begin() as tx:
                fresh = {}
                for case_no, case in some:
                    match = schedules.match(case, "T001", as_of=AS_OF)
                    assert isinstance(match, Match)
                    fresh[str(writer), case_no] = assign(match, case, tx.next_serial).as_json()
                tx.give_numbers(fresh)
                tx.chain.append("numbered", None, {"cases": len(some)})


def number_all(url: str, writers: int, count: int, kills: int) -> int:
    """Let ``writers`` processes number ``count`` cases each; ``kills`` times one of them gets SIGKILL and is replaced.

    Returns how many were killed at work.
    """
    context = multiprocessing.get_context("spawn")

    def start(writer: int) -> BaseProcess:
        process = context.Process(target=write, args=(url, writer, count))
        process.start()
        return process

    running = {writer: start(writer) for writer in range(writers)}
    dice, killed, total = random.Random(7), 0, writers * count
    with Ledger(url) as ledger:
        while any(process.is_alive() for process in running.values()):
            time.sleep(0.02)
            with ledger.read() as conn:
                done = conn.execute(sa.select(sa.func.count()).select_from(number)).scalar_one()
            alive = [writer for writer, process in running.items() if process.is_alive()]
            if killed < kills and alive and done > total * (killed + dice.random()) / (kills + 1):
                victim = running[writer := dice.choice(alive)]
                assert victim.pid is not None
                os.kill(victim.pid, signal.SIGKILL)
                victim.join()
                killed += 1
                running[writer] = start(writer)
    assert [process.exitcode for process in running.values()] == [0] * writers
    return killed
