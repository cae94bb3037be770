"""`guidang run`: one night through Airflow on the embedded servers, watched from the terminal to its summary."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext

import sqlalchemy as sa
from rich.console import Group
from rich.live import Live
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from ingest import expectations
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, event, record
from ingest.model import CST, State
from ingest.report import NightReport, released_by, report
from ingest.servers.cli import desk_at
from ingest.servers.supervisor import Supervisor
from ingest.settings import Home
from ingest.show import STAGE_NAMES, console, summary
from ingest.signatures import keeping
from ingest.steps import judge
from ingest.trust import acts
from ingest.workers import Workers

DAG = "nightly_ingest"
_ENDED = ("success", "failed")
_PASSED: dict[str, list[State]] = {  # the states of a record that lie behind each stage
    "receive": [s for s in State if s is not State.LISTED],
    "check": [State.CHECKED, State.FILED, State.PACKAGED, State.DEPOSITED, State.ACKNOWLEDGED],
    "file": [State.FILED, State.PACKAGED, State.DEPOSITED, State.ACKNOWLEDGED],
    "package": [State.PACKAGED, State.DEPOSITED, State.ACKNOWLEDGED],
    "deposit": [State.DEPOSITED, State.ACKNOWLEDGED],
    "acknowledge": [State.ACKNOWLEDGED],
}


def run_night(supervisor: Supervisor, args: argparse.Namespace) -> int:
    """Make the sample night if the inbox is empty, run it, show it, judge it. Returns 0 only if it came out as expected."""
    home = Home(supervisor.home)
    _make_sample(home, args.count)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        begun = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        run_id = _trigger(supervisor)
        ended = _watch(supervisor, ledger, run_id, begun)
        runs = _runs(ledger, run_id, begun)
        night = report(ledger, *runs, unanswered_days=home.limits.unanswered_days)
        summary(night)
        bad = _judge(home, _packages(ledger, runs))
        unexpected = _expected(home, ledger)
    for line in (*bad, *unexpected):
        console.print(line, style="red")
    good = ended == "success" and not bad and not unexpected and not night.unfinished
    console.print(_verdict(good, night, ended))
    _where(supervisor)
    return 0 if good else 1


def _make_sample(home: Home, count: int) -> None:
    if home.inbox.exists() and any(home.inbox.iterdir()):
        return
    import samplenight

    with Progress(console=console) as progress:
        task = progress.add_task("生成样例夜 / making the sample night", total=count)
        samplenight.make(
            home.root, count=count, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    _own_up(home)


def _own_up(home: Home) -> None:
    """The maker of the sample puts its test CAs in place as files; who brought them belongs into the chain."""
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        for item in keeping.items(home.trust, acts.history(ledger)):
            if not item.provenance:
                acts.add(
                    home.trust,
                    ledger,
                    (home.trust / item.file).read_bytes(),
                    kind=None if item.kind == "crl" else item.kind,
                    by="guidang run",
                    source="样例夜自己的测试 CA / the sample night's own test CA",
                    at=dt.datetime.now(dt.UTC),
                )


def _trigger(supervisor: Supervisor) -> str:
    api = supervisor.api
    deadline = time.monotonic() + 120
    while api.dag(DAG) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join(api.import_errors()) or f"{DAG}: Airflow has not read the DAG in 120 s")
        time.sleep(0.5)
    api.unpause(DAG)
    now = dt.datetime.now(CST).replace(microsecond=0)
    run_id = f"manual__{now.isoformat()}"
    api.trigger(DAG, run_id=run_id, logical_date=now)
    console.print(f"已触发 / triggered: {DAG} {run_id}")
    return run_id


# ------------------------------------------------------------------------------------------------ watching


def _watch(supervisor: Supervisor, ledger: Ledger, run_id: str, begun: str) -> str:
    """Show the night until the run ends; returns Airflow's state of it."""
    turn = 0
    with Live(console=console, refresh_per_second=4) if console.is_terminal else nullcontext() as live:
        while True:
            state = supervisor.api.run_state(DAG, run_id)
            runs = _runs(ledger, run_id, begun)
            if live is not None:
                live.update(_picture(supervisor, ledger, run_id, runs))
            elif turn % 5 == 0 or state in _ENDED:
                console.print(_line(ledger, runs))
            if state in _ENDED:
                return state
            turn += 1
            time.sleep(1.0)


def _runs(ledger: Ledger, run_id: str, begun: str) -> list[str]:
    """Our run, and any other that took records since: a night missed while the servers were down may go first."""
    with ledger.read() as conn:
        others = conn.execute(sa.select(batch.c.run_id).where(batch.c.created_at >= begun).distinct()).scalars()
        return sorted({run_id, *others})


def _counts(ledger: Ledger, runs: Sequence[str]) -> dict[State, int]:
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.state, sa.func.count())
            .join(batch, batch.c.id == record.c.batch_id)
            .where(batch.c.run_id.in_(runs))
            .group_by(record.c.state)
        ).all()
    return {State(state): int(n) for state, n in rows}


def _latest(ledger: Ledger, runs: Sequence[str]) -> list[str]:
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.agency, record.c.delivery, record.c.state, record.c.archival_code)
            .join(batch, batch.c.id == record.c.batch_id)
            .where(batch.c.run_id.in_(runs), record.c.state != State.LISTED.value)
            .order_by(record.c.updated_at.desc())
            .limit(5)
        ).all()
    return [f"{r.state:<13}{r.agency}/{r.delivery}  {r.archival_code or ''}" for r in rows]


def _picture(supervisor: Supervisor, ledger: Ledger, run_id: str, runs: Sequence[str]) -> Group:
    counts = _counts(ledger, runs)
    total = sum(counts.values())
    tasks = Table.grid(padding=(0, 2))
    states: dict[str, list[str]] = {}
    for t in supervisor.api.task_instances(DAG, run_id):
        states.setdefault(t.task_id.removeprefix("batch."), []).append(t.state or "…")
    for stage, behind in _PASSED.items():
        done = sum(counts.get(state, 0) for state in behind)
        bar = "█" * (30 * done // total) if total else ""
        tasks.add_row(STAGE_NAMES[stage], f"{bar:<30}", f"{done}/{total}", " ".join(states.get(stage, [])))
    aside = "  ".join(
        f"{label} {counts.get(s, 0)}"
        for s, label in (
            (State.REJECTED, "退回 rejected"),
            (State.HELD, "待定 held"),
            (State.DUPLICATE, "重复 duplicate"),
        )
    )
    return Group(tasks, Text(aside), *(Text(line, style="dim") for line in _latest(ledger, runs)))


def _line(ledger: Ledger, runs: Sequence[str]) -> str:
    counts = _counts(ledger, runs)
    parts = " ".join(f"{s.value} {n}" for s, n in sorted(counts.items()))
    newest = _latest(ledger, runs)
    return f"{dt.datetime.now(CST):%H:%M:%S}  {parts or '…'}" + (f"   {newest[0]}" if newest else "")


# ------------------------------------------------------------------------------------------------ judging


def _packages(ledger: Ledger, runs: Sequence[str]) -> list[str]:
    """The packages that these runs archived: of their own deliveries, and of held records that went on in them."""
    went_on = sa.exists().where(event.c.record_id == record.c.id, released_by(runs))
    with ledger.read() as conn:
        return list(
            conn.execute(
                sa.select(record.c.object_key)
                .join(batch, batch.c.id == record.c.batch_id)
                .where(batch.c.run_id.in_(runs) | went_on, record.c.state == State.ACKNOWLEDGED.value)
                .order_by(record.c.object_key)
            ).scalars()
        )


def _judge(home: Home, keys: list[str]) -> list[str]:
    """Read every package of the night back from the store and ask the bagit library; faults in words."""
    if not keys:
        return []
    faults: list[str] = []
    with Workers(home) as workers, Progress(console=console) as progress:
        task = progress.add_task(
            "从存储读回并由 bagit 库核验 / reading back, judged by the bagit library", total=len(keys)
        )
        for done in workers.map(judge.work, [{"key": k} for k in keys]):
            for d in done:
                said: list[str] = d.value["faults"] if d.value is not None else [d.error or f"lost: {d.lost}"]
                faults += [f"{d.job['key']}: {text}" for text in said]
            progress.advance(task, len(done))
    console.print(
        f"bagit 库核验 / judged by the bagit library: {len(keys) - len({f.split(':')[0] for f in faults})}/{len(keys)} 有效 valid"
    )
    return faults


def _expected(home: Home, ledger: Ledger) -> list[str]:
    path = home.root / "expectations.json"
    return expectations.compare(ledger, path) if path.exists() else []


def _verdict(good: bool, night: NightReport, ended: str) -> Text:
    if not good:
        return Text(f"结果与预期不符 / not as expected (Airflow: {ended})", style="bold red")
    new = night.total.packages
    return Text(f"结果与预期一致：新归档 {new} 件 / as expected: {new} new packages", style="bold green")


def _where(supervisor: Supervisor) -> None:
    """Where things were, for a log; a terminal is told when the night is over and the servers wait."""
    if not sys.stdout.isatty():
        console.print(f"归档工作台 / archive desk: {desk_at(supervisor)}")
        console.print(
            f"Airflow: {supervisor.api.base_url}/dags/{DAG}   对象存储 / object store: {supervisor.store.url}"
        )
        console.print(f"口令文件 / passwords: {supervisor.home / 'secrets'}")
