"""SIGKILL to the task's process in the middle of each stage of one night, then a clear: the same ledger, the same objects."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from typing import Any

import pytest
from chaos_night import DAG, RUN, Night, task_processes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# a stage is in its middle once some, and not yet all, of the records have got this far
BEHIND = {
    "receive": ("received", "rejected", "held", "duplicate"),
    "check": ("checked",),
    "file": ("filed",),
    "package": ("packaged",),
    "deposit": ("deposited",),
    "acknowledge": ("acknowledged",),
}
AHEAD = {
    "receive": "listed",
    "check": "received",
    "file": "checked",
    "package": "filed",
    "deposit": "packaged",
    "acknowledge": "deposited",
}


def test_killed_in_the_middle_of_every_stage_and_cleared_it_ends_as_if_undisturbed(
    night: Night, undisturbed: dict[str, Any]
) -> None:
    night.reset()
    night.begin()
    for stage in BEHIND:
        done, left = kill_in_the_middle(night, stage)
        assert done and left, f"not in the middle of {stage}: {done} done, {left} left"
        clear(night, f"batch.{stage}")
    assert night.wait() == "success"
    after = night.snapshot()
    for what, expected in undisturbed.items():
        assert after[what] == expected, what
    assert after["packages"] == []


def kill_in_the_middle(night: Night, stage: str) -> tuple[int, int]:
    """Wait for the first records to pass the stage, kill its process, and say how many were done and how many left."""
    with sqlite3.connect(night.home.root / "ledger.db") as ledger:
        deadline = time.monotonic() + 120
        while (task := running(night, f"batch.{stage}")) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        while not count(ledger, BEHIND[stage]) and time.monotonic() < deadline:
            time.sleep(0.002)
        (pid,) = [pid for pid, of in task_processes() if of == task]
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)  # its workers die with it
        return count(ledger, BEHIND[stage]), count(ledger, (AHEAD[stage],))


def count(ledger: sqlite3.Connection, states: tuple[str, ...]) -> int:
    marks = ",".join("?" * len(states))
    return int(ledger.execute(f"select count(*) from record where state in ({marks})", states).fetchone()[0])


def running(night: Night, task: str) -> str | None:
    """The name of the task's try that runs now: its process bears it; other tests' Airflows have theirs."""
    page = night.supervisor.api._call("GET", f"/api/v2/dags/{DAG}/dagRuns/{RUN}/taskInstances?limit=100")
    found = [t["id"] for t in page["task_instances"] if t["task_id"] == task and t["state"] == "running"]
    return str(found[0]) if found else None


def clear(night: Night, task: str) -> None:
    """As an operator would: wait until Airflow has noticed, then clear the task and what follows it."""
    api = night.supervisor.api
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        (state,) = {t.state for t in api.task_instances(DAG, RUN) if t.task_id == task}
        if state in ("failed", "up_for_retry"):
            break
        time.sleep(0.3)
    assert state in ("failed", "up_for_retry"), state
    assert api.clear(DAG, RUN, [(task, 0)]) >= 1
