"""Turns: one process at a time, on both databases; a killed holder gives its turn back."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.ledger.turns import Busy


def hold(url: str, has_it: Event) -> None:
    with Ledger(url) as ledger, ledger.turn("batch 1"):
        has_it.set()
        time.sleep(60)


def count(url: str, file: Path, times: int) -> None:
    """Add one to the number in a file, as only one at a time can."""
    with Ledger(url) as ledger:
        for _ in range(times):
            with ledger.turn("the file"):
                number = int(file.read_text())
                time.sleep(0.001)
                file.write_text(str(number + 1))


def test_a_turn_is_waited_for_no_longer_than_asked_and_others_are_free(ledger: Ledger, url: str) -> None:
    with ledger.turn("batch 1"):
        with Ledger(url) as other, pytest.raises(Busy, match="batch 1"), other.turn("batch 1", patience=0.2):
            raise AssertionError("held twice")
        with Ledger(url) as other, other.turn("batch 2", patience=0.2):
            pass
    with ledger.turn("batch 1", patience=0):
        pass


@pytest.mark.slow
def test_a_killed_holder_gives_its_turn_back(ledger: Ledger, url: str) -> None:
    context = multiprocessing.get_context("spawn")
    has_it = context.Event()
    holder = context.Process(target=hold, args=(url, has_it))
    holder.start()
    assert has_it.wait(60)
    with pytest.raises(Busy), ledger.turn("batch 1", patience=0):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with ledger.turn("batch 1", patience=10):
        pass


@pytest.mark.slow
def test_turns_exclude_each_other(url: str, ledger: Ledger, tmp_path: Path) -> None:
    (file := tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    counters = [context.Process(target=count, args=(url, file, 10)) for _ in range(3)]
    for counter in counters:
        counter.start()
    for counter in counters:
        counter.join()
    assert [c.exitcode for c in counters] == [0, 0, 0]
    assert file.read_text() == "30"
