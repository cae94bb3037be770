"""A night's run: what the DAG's tasks, the command line and the tests call. One line of wiring a step, no Airflow in here."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ingest import discovery, stages
from ingest.discovery import Wanted
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.report import NightReport, report
from ingest.reporting import keep
from ingest.settings import Home
from ingest.stages import StageFailed, StageResult
from ingest.workers import Workers


def discover(
    run_id: str, as_of: dt.datetime, wanted: Wanted | None = None, batch_size: int = 500, home: Home | None = None
) -> list[str]:
    """List the night's deliveries into batches; returns the ids of the batches to work on (shape: ``["<run>-000", …]``)."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        return discovery.discover(
            home, ledger, run_id, as_of.astimezone(CST).isoformat(timespec="seconds"), wanted or Wanted(), batch_size
        )


def run_stage(stage: str, batch_id: str, home: Home | None = None) -> StageResult:
    """Run one stage over one batch. Raises StageFailed when machine trouble left records undone."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger, Workers(home) as workers:
        return stages.STAGES[stage](home, ledger, batch_id, workers)


def summarise(run_id: str, home: Home | None = None) -> NightReport:
    """The night's report from the ledger, and the reports of the batches it finished, kept in the store.

    Raises StageFailed when records of the run are still on their way, ClientError when the store does not take the reports.
    """
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        night = report(ledger, run_id)
        keep.make_all(home, ledger, run_id)
    _whole(night)
    return night


def anchor(as_of: dt.datetime, home: Home | None = None) -> dict[str, Any]:
    """Sign the event chain's head and store it in every replica, stamped where an authority is configured; the last step.

    Returns ``{"heads": [head…], "stamped": [number…], "away": {replica: reason}}``; nothing new, nothing done. A replica that
    is away gets what it lacks the next time. Raises ChainBroken where the ledger contradicts its heads, AuthorityAway,
    ClientError.
    """
    from ingest.audit.night import anchor_everywhere

    return anchor_everywhere(home or Home.of(), as_of)


def ingest(
    home: Home, run_id: str, as_of: dt.datetime, wanted: Wanted | None = None, batch_size: int = 500,
    progress: Callable[[StageResult], None] = lambda _: None,
) -> NightReport:  # fmt: skip
    """The whole night without Airflow: the same stage functions over one pool of workers.

    Two batches are under way at once, each stage in the batches' order: while one waits for the disk or the store, the other
    has work for the processors. A batch in machine trouble does not stop the next; StageFailed is raised at the end.
    """
    batches = discover(run_id, as_of, wanted, batch_size, home)
    left = [{stage: threading.Event() for stage in stages.STAGES} for _ in batches]
    with Ledger(home.database_url) as ledger, Workers(home) as workers:

        def walk(n: int) -> str | None:
            try:
                for name, stage in stages.STAGES.items():
                    if n:
                        left[n - 1][name].wait()
                    progress(stage(home, ledger, batches[n], workers))
                    left[n][name].set()
            except StageFailed as e:
                return str(e)
            finally:
                for gone in left[n].values():
                    gone.set()
            return None

        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as threads:
            trouble = [t for t in threads.map(walk, range(len(batches))) if t is not None]
        night = report(ledger, run_id)
        keep.make_all(home, ledger, run_id)
    anchor(as_of, home)
    if trouble:
        raise StageFailed("\n".join(trouble))
    _whole(night)
    return night


_BATCHES_AT_ONCE = 2


def _whole(night: NightReport) -> None:
    trouble = [f"{agency}: {why}" for agency, why in night.away.items()]
    if night.unfinished:
        trouble.append(
            f"{night.unfinished} 件因机器故障未完成；清除失败的任务重跑，或等下一夜自动继续 / "
            f"{night.unfinished} records undone: clear the failed tasks, or the next night goes on with them"
        )
    if trouble:
        raise StageFailed("\n".join(trouble))
