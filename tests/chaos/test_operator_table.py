"""What the operator does × when (docs/operations/operator-table.md): after the next night the store holds the same, always.

Each night takes one kind of act through all its tasks, one after the other; the rows then ask what was done to theirs, and
whether all came out as in the night that nobody touched.
"""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from typing import Any

import pytest
from chaos_night import AS_OF, DAG, RUN, EmptyableSupervisor
from operator_nights import TASKS, SmallNights, ledger_whole

from ingest import night as nights
from ingest.alerts.kinds import PAGES
from ingest.ledger import Ledger
from ingest.rerun.listing import undone
from ingest.servers.api import ApiError
from ingest.settings import Home
from ingest.stages import StageFailed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

ALL = ("pending", "running", "failed", "succeeded")
# each state is a night through Airflow: one here, all of them by `make proof-operators`
STATES = ALL if os.environ.get("PROOF_OPERATORS") else ("running",)


@dataclasses.dataclass
class Disturbed:
    """What an operator did in a night: the state of each task when it was cleared, its tries in the end, and how all ended."""

    before: dict[str, str | None] = dataclasses.field(default_factory=dict)
    tries: dict[str, int] = dataclasses.field(default_factory=dict)
    outcome: dict[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""


@pytest.fixture(scope="module")
def small(servers: EmptyableSupervisor, tmp_path_factory: pytest.TempPathFactory) -> SmallNights:
    return SmallNights(servers, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def undisturbed_small(small: SmallNights) -> dict[str, Any]:
    done = small.undisturbed()
    assert {state for state, _ in done["states"].values()} >= {"acknowledged", "rejected", "held"}
    return done


@pytest.fixture(scope="module")
def cleared(small: SmallNights, undisturbed_small: dict[str, Any]) -> dict[str, Disturbed]:
    """The nights of the table's first four columns, by the state in which each task is cleared."""
    nights_of = {"pending": _pending, "running": _running, "failed": _failed, "succeeded": _succeeded}
    return {state: nights_of[state](small) for state in STATES}


def _pending(small: SmallNights) -> Disturbed:
    """The DAG is paused, so that nothing has begun when each task is cleared."""
    done = Disturbed()
    small.begin(paused=True)
    small.wait_for(lambda: "discover" in {task for task, _ in small.states()})
    states = small.states()
    for (task, index), state in states.items():
        small.clear(task, index, downstream=False)
        done.before[task] = state
    small.api.unpause(DAG)
    return _end(small, done)


def _running(small: SmallNights) -> Disturbed:
    return _caught(small, fail=False)


def _failed(small: SmallNights) -> Disturbed:
    return _caught(small, fail=True)


def _caught(small: SmallNights, fail: bool) -> Disturbed:
    """Each task is caught at its start and cleared, or marked as failed and then cleared."""
    done = Disturbed()
    small.begin()

    def ended() -> bool:
        """Over, and nothing left to catch: Airflow may end a run as failed in the moment in which a task is cleared; then its
        operator clears the next task too."""
        missing = [task for task in TASKS if task not in done.before]
        if small.over() and missing:
            for task, index in small.states():
                if task == missing[0]:
                    small.clear(task, index)
            return False
        return small.over()

    with small.caught(ended) as tries:
        for caught in tries:
            if caught.task not in TASKS or caught.task in done.before:
                continue
            if fail:
                small.set_state(caught.task, caught.map_index, "failed")
            done.before[caught.task] = small.states()[caught.task, caught.map_index]
            small.clear(caught.task, caught.map_index)
    return _end(small, done)


def _succeeded(small: SmallNights) -> Disturbed:
    """The night is over; each task is cleared, the last first, and all of them run again."""
    done = Disturbed()
    small.begin()
    small.wait_for(small.over)
    states = small.states()
    for (task, index), state in sorted(states.items(), key=lambda item: -_place(item[0][0])):
        if task in TASKS:
            done.before[task] = state
            small.clear(task, index, downstream=False)
    return _end(small, done)


def _place(task: str) -> int:
    return TASKS.index(task) if task in TASKS else -1


def _end(small: SmallNights, done: Disturbed) -> Disturbed:
    small.wait_for(small.over)
    done.note = small.api._call("GET", f"/api/v2/dags/{DAG}/dagRuns/{RUN}")["note"] or ""
    done.tries = {task: tries for (task, _), tries in small.tries().items()}
    done.outcome = small.next_night()
    ledger_whole(small.night.home)
    return done


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("task", TASKS)
def test_cleared_at_any_time_it_ends_the_same(
    cleared: dict[str, Disturbed], undisturbed_small: dict[str, Any], task: str, state: str
) -> None:
    night = cleared[state]
    expected = {"pending": (None, "scheduled", "queued"), "running": ("running",), "failed": ("failed",),
                "succeeded": ("success",)}[state]  # fmt: skip
    assert night.before[task] in expected, night.before
    assert night.tries[task] >= (1 if state == "pending" else 2)
    assert night.outcome == undisturbed_small


@pytest.mark.parametrize("state", STATES)
def test_the_runs_page_shows_the_nights_report(cleared: dict[str, Disturbed], state: str) -> None:
    assert "接收 7，归档 4，退回 2，待定 1" in cleared[state].note


def test_marked_as_a_success_by_mistake_it_is_made_up(small: SmallNights, undisturbed_small: dict[str, Any]) -> None:
    """A stage that did nothing leaves its records where they stood: ``late`` takes them up, or the next night does."""
    small.begin()
    marked = []
    with small.caught(small.over) as tries:
        for caught in tries:
            if caught.task in ("batch.receive", "late.package") and caught.task not in marked:
                marked.append(caught.task)
                small.set_state(caught.task, caught.map_index, "success")
    assert "batch.receive" in marked
    # the report says what is undone; where ``late`` was caught when it had made everything up already, nothing is
    with Ledger(small.night.home.database_url) as ledger:
        left = undone(ledger)
    assert small.api.run_state(DAG, RUN) == ("failed" if left else "success")
    assert small.next_night() == undisturbed_small
    ledger_whole(small.night.home)


def test_the_run_deleted_while_it_runs_is_made_up_by_the_next(
    small: SmallNights, undisturbed_small: dict[str, Any]
) -> None:
    small.begin()
    gone: list[str] = []
    with small.caught(lambda: bool(gone)) as tries:
        for caught in tries:
            if caught.task == "batch.check" and not gone:
                with pytest.raises(ApiError, match="409"):  # Airflow wants a run ended before it is deleted
                    small.api.delete_run(DAG, RUN)
                small.end_run()
                small.api.delete_run(DAG, RUN)
                gone.append(caught.task)
    with pytest.raises(ApiError):
        small.api.run_state(DAG, RUN)
    assert small.next_night() == undisturbed_small
    ledger_whole(small.night.home)


def test_the_same_day_twice_at_once_archives_once(small: SmallNights, undisturbed_small: dict[str, Any]) -> None:
    """Airflow refuses a second run of the day; one without a day waits its turn; the command line works beside them."""
    small.begin()
    with pytest.raises(ApiError, match="409"):
        small.api.trigger(DAG, run_id="again", logical_date=AS_OF)
    small.api.trigger(DAG, run_id="beside")
    trouble: list[BaseException] = []
    beside = threading.Thread(target=_by_hand, args=(small.night.home, trouble))
    beside.start()
    small.wait_for(lambda: small.over() and small.api.run_state(DAG, "beside") in ("success", "failed"))
    beside.join(300)
    assert not beside.is_alive() and trouble == []
    assert small.next_night() == undisturbed_small
    ledger_whole(small.night.home)


def _by_hand(home: Home, trouble: list[BaseException]) -> None:
    try:
        nights.ingest(home, RUN, AS_OF)
    except StageFailed:
        pass  # what the other has under way is not ours to finish
    except BaseException as e:
        trouble.append(e)


def test_the_table_has_a_row_for_each() -> None:
    table = (PAGES / "operator-table.md").read_text("utf-8")
    for task in TASKS:
        (row,) = re.findall(rf"^\| .*`{re.escape(task.removeprefix('batch.'))}`.*$", table, re.M)
        assert row.count("|") == 6
    for act in ("标记成功", "删除运行", "同日两次"):
        assert act in table
