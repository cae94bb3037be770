"""A night's run: what the DAG's tasks, the command line and the tests call. One line of wiring a step, no Airflow in here."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest import code, discovery, running, runs, stages, visits
from ingest.alerts import Alarm, settle
from ingest.alerts.night import settle_night
from ingest.discovery import Wanted
from ingest.ledger import Ledger
from ingest.ledger.tables import NIGHT
from ingest.model import CST
from ingest.report import NightReport, report
from ingest.reporting import keep
from ingest.reporting import night as workbook
from ingest.settings import Home
from ingest.sources import SourceAway
from ingest.stages import StageFailed, StageResult
from ingest.trouble import cause_of
from ingest.workers import Workers


def discover(
    run_id: str, as_of: dt.datetime, wanted: Wanted | None = None, batch_size: int = 500, home: Home | None = None,
    lane: str = NIGHT,
) -> list[str]:  # fmt: skip
    """List the night's deliveries into batches; returns the ids of the batches to work on (shape: ``["<run>-000", …]``)."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        at = _text(as_of)
        runs.begin(ledger, run_id, at, str(code.running()), lane)
        return discovery.discover(home, ledger, run_id, at, wanted or Wanted(), batch_size, lane)


def discover_again(
    run_id: str, as_of: dt.datetime, wanted: Wanted | None = None, batch_size: int = 500, home: Home | None = None,
    lane: str = NIGHT, last: bool = True,
) -> list[str]:  # fmt: skip
    """Ask the sources again that were away; returns the ids of the batches that now have work to do.

    Raises SourceAway while some are still away and it is not the ``last`` time that they are asked.
    """
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        batches = discovery.discover_again(home, ledger, run_id, _text(as_of), wanted or Wanted(), batch_size, lane)
        with ledger.read() as conn:
            absent = visits.worth_another_visit(conn, run_id)
    if absent and not last:
        raise SourceAway("、".join(sorted(absent)), "稍后再问 / asked again later")
    return batches


def run_stage(stage: str, batch_id: str, home: Home | None = None, lane: str = NIGHT) -> StageResult:
    """Run one stage over one batch. Raises StageFailed when machine trouble left records undone."""
    home = home or Home.of()
    workers = Workers(home) if lane == NIGHT else Workers(home, size=1, nice=_GENTLY)
    with Ledger(home.database_url) as ledger, workers:
        return running.run(stage, home, ledger, batch_id, workers)


def hand_over(run_id: str, home: Home | None = None) -> int:
    """The end of a backfill: what it left undone the next night takes. Returns the number of its batches."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        return discovery.hand_over(ledger, run_id)


def summarise(
    run_id: str, home: Home | None = None, as_of: dt.datetime | None = None, dag_id: str = ""
) -> NightReport:  # fmt: skip
    """The night's report from the ledger and as a workbook, and the reports of the batches it finished, kept in the store.
    ``as_of`` is the run's logical time; with ``dag_id`` the report is noted on the run's page.

    Raises StageFailed when records of the run are still on their way, ClientError when the store does not take the reports.
    """
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        night = _finish(home, ledger, run_id, as_of)
    if dag_id:
        show_on_page(home, dag_id, run_id, workbook.note(night))
    _whole(night)
    return night


def show_on_page(home: Home, dag_id: str, run_id: str, text: str) -> None:
    """Put ``text`` on the run's page as its note. It stands in the report and the log too: an Airflow out of reach costs nothing."""
    from ingest.servers.api import ApiError
    from ingest.servers.reach import airflow_api

    with contextlib.suppress(ApiError):
        if (api := airflow_api(home)) is not None:
            api.annotate(dag_id, run_id, text)


def _finish(home: Home, ledger: Ledger, run_id: str, as_of: dt.datetime | None) -> NightReport:
    night = report(ledger, run_id, unanswered_days=home.limits.unanswered_days)
    runs.end(ledger, run_id, night.unfinished)
    settle_night(home, ledger, night, dt.datetime.now(dt.UTC))
    # what is undone may be undone because the store is away: then the workbook is kept in the home alone
    workbook.make(home, night, (as_of or dt.datetime.now(CST)).astimezone(CST), store=not night.failed)
    keep.make_all(home, ledger, run_id)
    return night


def anchor(as_of: dt.datetime, home: Home | None = None) -> dict[str, Any]:
    """Sign the event chain's head and store it in every replica, stamped where an authority is configured; the last step.

    Returns ``{"heads": [head…], "stamped": [number…], "away": {replica: reason}}``; nothing new, nothing done. A replica that
    is away gets what it lacks the next time. Raises ChainBroken where the ledger contradicts its heads, AuthorityAway,
    ClientError.
    """
    from ingest.audit.anchor import ChainBroken
    from ingest.audit.night import anchor_everywhere

    home = home or Home.of()
    try:
        done = anchor_everywhere(home, as_of)
    except ChainBroken as e:
        settle(home, ["CHAIN-BROKEN"], [Alarm("CHAIN-BROKEN", "ledger", str(e).splitlines())], dt.datetime.now(dt.UTC))
        raise
    settle(home, ["CHAIN-BROKEN"], [], dt.datetime.now(dt.UTC))
    return done


def ingest(
    home: Home, run_id: str, as_of: dt.datetime, wanted: Wanted | None = None, batch_size: int = 500,
    progress: Callable[[StageResult], None] = lambda _: None,
) -> NightReport:  # fmt: skip
    """The whole night without Airflow: the same stage functions over one pool of workers.

    Two batches are under way at once, each stage in the batches' order: while one waits for the disk or the store, the other
    has work for the processors. A batch in trouble stops neither the next nor the report; StageFailed is raised at the end.
    """
    batches = discover(run_id, as_of, wanted, batch_size, home)
    left = [{stage: threading.Event() for stage in stages.STAGES} for _ in batches]
    with Ledger(home.database_url) as ledger, Workers(home) as workers:

        def walk(n: int) -> Exception | None:
            try:
                for name in stages.STAGES:
                    if n:
                        left[n - 1][name].wait()
                    progress(running.run(name, home, ledger, batches[n], workers))
                    left[n][name].set()
            except Exception as e:  # whatever it is: its records bear the cause, and the report tells it
                return e
            finally:
                for gone in left[n].values():
                    gone.set()
            return None

        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as threads:
            failed = [e for e in threads.map(walk, range(len(batches))) if e is not None]
        night = _finish(home, ledger, run_id, as_of)
    trouble = [str(e) if isinstance(e, StageFailed) else f"{cause_of(e)}  {type(e).__name__}: {e}" for e in failed]
    try:
        anchor(as_of, home)
    except (BotoCoreError, ClientError) as e:
        trouble.append(f"链头未能签名入库，下一次运行补上 / the chain's head is not stored, the next run does it: {e}")
    if trouble:
        raise StageFailed("\n".join(trouble)) from next(iter(failed), None)
    _whole(night)
    return night


_BATCHES_AT_ONCE = 2
_GENTLY = 10  # the nice value of a backfill's worker, of which there is one: the night's go first


def _text(as_of: dt.datetime) -> str:
    return as_of.astimezone(CST).isoformat(timespec="seconds")


def _whole(night: NightReport) -> None:
    trouble = [f"{agency}: {why}" for agency, why in night.away.items()]
    if night.unfinished:
        trouble.append(
            f"{night.unfinished} 件因机器故障未完成；清除失败的任务重跑，或等下一夜自动继续 / "
            f"{night.unfinished} records undone: clear the failed tasks, or the next night goes on with them"
        )
    if trouble:
        raise StageFailed("\n".join(trouble))
