"""A night out of the ledger: its runs, what became of their records, who was away, what is stuck, how fast it goes.

Counts come from indexes alone (`record_batch_state`, `record_natures`), so that they cost the same in a ledger of years.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from desk.records.veil import by_digest
from desk.roles import User
from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, event, record, rerun, rerun_item, run, visit
from ingest.model import State
from ingest.report import stopping
from ingest.runs import UNDONE
from ingest.settings import Home

# what is still before a record in each state: the stages of the way, in their order
STAGES = ("receive", "check", "file", "package", "deposit", "acknowledge")
WAITS_FOR: dict[State, str] = dict(
    zip(
        (State.LISTED, State.RECEIVED, State.CHECKED, State.FILED, State.PACKAGED, State.DEPOSITED), STAGES, strict=True
    )
)
_DONE_BY = {"received": "receive", "checked": "check", "filed": "file", "packaged": "package", "deposited": "deposit",
            "acknowledged": "acknowledge"}  # fmt: skip
_PACE_SECONDS = 300.0  # how far back the pace is measured
_PACE_EVENTS = 20_000  # and of how many events at most
_CAUSES_READ = 20_000  # stopped records whose findings are read for the table of causes


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One run; times in ISO 8601. Without ``ended_at`` it works, or was cut off."""

    id: str
    lane: str
    as_of: str
    begun_at: str
    ended_at: str | None

    @property
    def minutes(self) -> float | None:
        return (_time(self.ended_at) - _time(self.begun_at)) / 60 if self.ended_at else None


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One agency's source in a run: how many deliveries stood there, or why it could not be listed."""

    agency: str
    deliveries: int | None
    error: str | None
    older: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What became of an agency's records (or of all): by state, and the bytes of those archived."""

    agency: str
    states: Mapping[State, int]
    bytes: int

    def count(self, *states: State) -> int:
        return sum(self.states.get(s, 0) for s in states)

    @property
    def received(self) -> int:
        return sum(self.states.values())

    @property
    def accepted(self) -> int:
        return self.count(State.ACKNOWLEDGED)

    @property
    def undone(self) -> int:
        return self.count(*WAITS_FOR)


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """One stage: records that wait for it, those that have passed it, and how many pass a minute just now."""

    name: str
    waiting: int
    passed: int
    pace: float


@dataclasses.dataclass(frozen=True, slots=True)
class Stuck:
    """A record that a machine failed on and that is still undone."""

    id: str
    agency: str
    delivery: str
    state: str
    cause: str
    error: str | None
    failures: int
    since: str


@dataclasses.dataclass(frozen=True, slots=True)
class Night:
    """A run's present state. ``left`` is the estimate of minutes to its end, None where nothing moves or nothing is left."""

    run: Run
    sources: list[Source]
    lines: list[Line]
    stages: list[Stage]
    left: float | None

    @property
    def total(self) -> Line:
        states: Counter[State] = Counter()
        for line in self.lines:
            states.update(line.states)
        return Line("Σ", states, sum(line.bytes for line in self.lines))


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """Why records of a run were stopped: how many by this finding, and one of them in words, its applicant veiled."""

    code: str
    records: int
    example: Finding


@dataclasses.dataclass(frozen=True, slots=True)
class Day:
    """One night of the history, all its runs together; ``minutes`` None where no run was timed."""

    day: str
    accepted: int
    rejected: int
    held: int
    received: int
    bytes: int
    minutes: float | None


# ------------------------------------------------------------------------------------------------ runs


def runs(ledger: Ledger, most: int = 30) -> list[Run]:
    """The newest runs, newest first."""
    with ledger.read() as conn:
        return [_run(row) for row in conn.execute(_RUNS.order_by(run.c.begun_at.desc()).limit(most))]


def find(ledger: Ledger, run_id: str) -> Run | None:
    """One run by its name; None where the ledger knows none such."""
    with ledger.read() as conn:
        row = conn.execute(_RUNS.where(run.c.id == run_id)).one_or_none()
    return None if row is None else _run(row)


_RUNS = sa.select(run.c.id, run.c.lane, run.c.as_of, run.c.begun_at, run.c.ended_at)


def _run(row: Any) -> Run:
    return Run(**row._mapping)


# ------------------------------------------------------------------------------------------------ the night


def night(ledger: Ledger, user: User, of: Run, now: dt.datetime) -> Night:
    """What became of a run so far, as much of it as the user may see."""
    with ledger.read() as conn:
        lines = _lines(conn, user, of.id)
        sources = _sources(conn, user, of.id)
        pace = _pace(conn, now) if of.ended_at is None else {}
    total: Counter[State] = Counter()
    for line in lines:
        total.update(line.states)
    stages, ahead = [], 0
    waiting = {stage: total[state] for state, stage in WAITS_FOR.items()}
    passed = total[State.ACKNOWLEDGED]
    for name in reversed(STAGES):
        through = (
            sum(total.values()) - total[State.LISTED] if name == STAGES[0] else passed
        )  # those set aside came in too
        stages.append(Stage(name, waiting[name], through, pace.get(name, 0.0)))
        passed += waiting[name]
    for n, name in enumerate(STAGES):
        ahead += waiting[name] * (len(STAGES) - n)
    speed = sum(pace.values())
    return Night(of, sources, lines, stages[::-1], ahead / speed if ahead and speed else None)


def _lines(conn: Connection, user: User, run_id: str) -> list[Line]:
    """By agency: the records that the run listed, and those it was asked to take up again."""
    again = sa.select(rerun_item.c.record_id).join(rerun).where(rerun.c.run_id == run_id)
    mine = sa.select(batch.c.id).where(batch.c.run_id == run_id)
    found: dict[str, Counter[State]] = {}
    size: Counter[str] = Counter()
    for which in (record.c.batch_id.in_(mine), record.c.id.in_(again) & record.c.batch_id.not_in(mine)):
        asked = (
            sa.select(record.c.agency, record.c.state, sa.func.count(), sa.func.sum(record.c.payload_bytes))
            .where(which, *_of(user))
            .group_by(record.c.agency, record.c.state)
        )
        for agency, state, count, payload in conn.execute(asked):
            found.setdefault(agency, Counter())[State(state)] += count
            if state == State.ACKNOWLEDGED:
                size[agency] += int(payload or 0)
    return [Line(agency, states, size[agency]) for agency, states in sorted(found.items())]


def _sources(conn: Connection, user: User, run_id: str) -> list[Source]:
    mine = [visit.c.run_id == run_id] + ([visit.c.agency == user.agency] if user.agency is not None else [])
    rows = conn.execute(
        sa.select(visit.c.agency, visit.c.deliveries, visit.c.error, visit.c.older)
        .where(*mine)
        .order_by(visit.c.agency)
    )
    return [Source(**row._mapping) for row in rows]


def _pace(conn: Connection, now: dt.datetime) -> dict[str, float]:
    """By stage, how many records pass a minute, out of the newest events."""
    since = (now.astimezone(dt.UTC) - dt.timedelta(seconds=_PACE_SECONDS)).isoformat(timespec="milliseconds")
    newest = sa.select(event.c.kind, event.c.at).order_by(event.c.seq.desc()).limit(_PACE_EVENTS).subquery()
    asked = (
        sa.select(newest.c.kind, sa.func.count())
        .where(newest.c.at >= since, newest.c.kind.in_(_DONE_BY))
        .group_by(newest.c.kind)
    )
    return {_DONE_BY[kind]: count * 60 / _PACE_SECONDS for kind, count in conn.execute(asked)}


def causes(home: Home, ledger: Ledger, user: User, of: Run) -> list[Cause]:
    """Why records of a run were rejected or held, the most frequent first."""
    mine = sa.select(batch.c.id).where(batch.c.run_id == of.id)
    stopped = record.c.state.in_([State.REJECTED.value, State.HELD.value])
    asked = (
        sa.select(record.c.findings, record.c.applicant_keys)
        .where(record.c.batch_id.in_(mine), stopped, *_of(user))
        .limit(_CAUSES_READ)
    )
    found: Counter[str] = Counter()
    examples: dict[str, tuple[Finding, list[str] | None]] = {}
    with ledger.read() as conn:
        for findings, keys in conn.execute(asked.execution_options(yield_per=500)):
            by_code = {f.code: (f, keys) for f in stopping(findings)}
            found.update(by_code.keys())
            examples = by_code | examples
    shown = {code: by_digest(home, keys).finding(example) for code, (example, keys) in examples.items()}
    return [Cause(code, count, shown[code]) for code, count in found.most_common()]


def stuck(ledger: Ledger, user: User, most: int = 20) -> list[Stuck]:
    """Records that a machine failed on and that nothing has moved since, of whatever run, the longest first."""
    asked = (
        sa.select(record.c.id, record.c.agency, record.c.delivery, record.c.state, record.c.cause,
                  record.c.last_error.label("error"), record.c.failures, record.c.updated_at.label("since"))
        .where(record.c.cause.is_not(None), UNDONE, *_of(user))
        .order_by(record.c.updated_at)
        .limit(most)
    )  # fmt: skip
    with ledger.read() as conn:
        return [Stuck(**row._mapping) for row in conn.execute(asked)]


# ------------------------------------------------------------------------------------------------ history


def agencies(ledger: Ledger, user: User) -> list[str]:
    """The agencies of which there are records, those that the user may see; found by leaps through an index."""
    if user.agency is not None:
        return [user.agency]
    with ledger.read() as conn:
        return _leaps(conn, record.c.agency, lambda last: record.c.agency > last if last else sa.true(), sa.func.min)


def history(ledger: Ledger, user: User, agency: str | None = None, nights: int = 30) -> list[Day]:
    """The last nights in which records came, oldest first; of one agency or of all that the user may see."""
    which = [a for a in agencies(ledger, user) if agency is None or a == agency]
    with ledger.read() as conn:
        days = _leaps(
            conn,
            record.c.entered_on,
            lambda last: record.c.entered_on < last if last else sa.true(),
            sa.func.max,
            nights,
        )
        if not days or not which:
            return []
        rows = conn.execute(
            sa.select(record.c.entered_on, record.c.state, sa.func.count(), sa.func.sum(record.c.payload_bytes))
            .where(record.c.agency.in_(which), record.c.entered_on >= days[-1])
            .group_by(record.c.agency, record.c.entered_on, record.c.state)
        ).all()
        timed = conn.execute(
            sa.select(run.c.as_of, run.c.begun_at, run.c.ended_at).where(run.c.as_of >= days[-1])
        ).all()
    counts: dict[str, Counter[str]] = {day: Counter() for day in days}
    size: Counter[str] = Counter()
    for day, state, count, payload in rows:
        counts[day][state] += count
        if state == State.ACKNOWLEDGED:
            size[day] += int(payload or 0)
    minutes: dict[str, float] = {}
    for as_of, begun, ended in timed:
        if ended:
            minutes[as_of[:10]] = minutes.get(as_of[:10], 0.0) + (_time(ended) - _time(begun)) / 60
    return [
        Day(day, counts[day][State.ACKNOWLEDGED], counts[day][State.REJECTED], counts[day][State.HELD],
            sum(counts[day].values()), size[day], minutes.get(day))
        for day in reversed(days)
    ]  # fmt: skip


def _leaps(conn: Connection, column: Any, beyond: Any, best: Any, most: int = 500) -> list[str]:
    """The different values of an indexed column, one look at the index each."""
    out: list[str] = []
    while len(out) < most:
        value = conn.execute(sa.select(best(column)).where(beyond(out[-1] if out else None))).scalar()
        if value is None:
            break
        out.append(value)
    return out


def _of(user: User) -> list[sa.ColumnElement[bool]]:
    return [record.c.agency == user.agency] if user.agency is not None else []


def _time(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
