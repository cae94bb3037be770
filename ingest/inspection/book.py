"""Where findings and their histories stand in the ledger; nothing here decides."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.inspection.model import Item, Kind, Level, Status
from ingest.ledger import Transaction
from ingest.ledger.tables import event, inspection_finding, inspection_step

_EMPTY: dict[str, Any] = {
    "rule": None, "subject": None, "agency": None, "problem_en": "", "department": "", "responsible": "", "measure": "",
    "progress": "", "evidence": [], "outcome": None, "closed_by": "", "closed_at": "", "reopened": 0, "present": None,
    "seen_at": "",
}  # fmt: skip
RAISED = "inspection_raised"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of a finding's history: the event's number, time, kind, and what it tells (``by``, ``via``, …)."""

    seq: int
    at: str
    kind: str
    detail: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Which findings are listed. ``late_on`` asks for those not closed whose day is before it; ``agency`` None is all."""

    status: Status | None = None
    kind: Kind | None = None
    level: Level | None = None
    agency: str | None = None
    late_on: str | None = None
    unclosed: bool = False


def find(conn: Connection, number: int) -> Item | None:
    row = conn.execute(sa.select(inspection_finding).where(inspection_finding.c.id == number)).one_or_none()
    return None if row is None else Item.of(dict(row._mapping))


def hazards(conn: Connection, rule: str) -> dict[str, Item]:
    """All findings that a rule ever raised, by what it found them in."""
    rows = conn.execute(sa.select(inspection_finding).where(inspection_finding.c.rule == rule))
    return {row.subject: Item.of(dict(row._mapping)) for row in rows}


def listing(
    conn: Connection, asked: Asked, limit: int | None = None, after: tuple[str, int] | None = None
) -> list[Item]:
    """Findings by due day, then number; at most ``limit`` behind ``after`` (day, number)."""
    table = inspection_finding.c
    query = sa.select(inspection_finding).where(*_where(asked)).order_by(table.due, table.id)
    if after is not None:
        query = query.where(sa.tuple_(table.due, table.id) > sa.tuple_(*after))
    if limit is not None:
        query = query.limit(limit)
    return [Item.of(dict(row._mapping)) for row in conn.execute(query)]


def counts(conn: Connection, agency: str | None = None) -> dict[Status, int]:
    """How many findings stand in each state."""
    table = inspection_finding.c
    query = sa.select(table.status, sa.func.count()).where(*_where(Asked(agency=agency))).group_by(table.status)
    found = {Status(status): int(number) for status, number in conn.execute(query)}
    return {status: found.get(status, 0) for status in Status}


def late(conn: Connection, day: str, agency: str | None = None) -> int:
    """How many findings are over their day."""
    query = sa.select(sa.func.count()).select_from(inspection_finding)
    return int(conn.execute(query.where(*_where(Asked(late_on=day, agency=agency)))).scalar_one())


def _where(asked: Asked) -> list[sa.ColumnElement[bool]]:
    table = inspection_finding.c
    out: list[sa.ColumnElement[bool]] = []
    for column, value in ((table.status, asked.status), (table.kind, asked.kind), (table.level, asked.level)):
        if value is not None:
            out.append(column == value.value)
    if asked.agency is not None:
        out.append(table.agency == asked.agency)
    if asked.unclosed or asked.late_on is not None:
        out.append(table.status.in_([s.value for s in Status if s is not Status.CLOSED]))
    if asked.late_on is not None:
        out.append(table.due < asked.late_on)
    return out


def history(conn: Connection, number: int) -> list[Step]:
    """Every step of a finding, first to last."""
    rows = conn.execute(
        sa.select(event.c.seq, event.c.at, event.c.kind, event.c.detail)
        .join(inspection_step, inspection_step.c.seq == event.c.seq)
        .where(inspection_step.c.finding_id == number)
        .order_by(event.c.seq)
    )
    return [Step(row.seq, row.at, row.kind, json.loads(row.detail)) for row in rows]


def enter(tx: Transaction, columns: Mapping[str, Any], detail: Mapping[str, Any]) -> int:
    """A new finding with its event; its number. ``detail`` says who raised it and how he was known."""
    told = {name: value for name, value in columns.items() if value not in (None, "", [])}
    number = tx.chain.append(RAISED, None, {**told, **detail})
    tx.conn.execute(
        sa.insert(inspection_finding).values(
            **_EMPTY | dict(columns), id=number, status=Status.OPEN.value, raised_at=tx.now, step=number
        )
    )
    tx.conn.execute(sa.insert(inspection_step).values(finding_id=number, seq=number))
    return number


def note(tx: Transaction, number: int, kind: str, detail: Mapping[str, Any], **columns: Any) -> int:
    """One step of a finding: its event, and the row as the step leaves it; the event's number."""
    seq = tx.chain.append(kind, None, {"finding": number, **detail})
    tx.conn.execute(sa.update(inspection_finding).where(inspection_finding.c.id == number).values(**columns, step=seq))
    tx.conn.execute(sa.insert(inspection_step).values(finding_id=number, seq=seq))
    return seq


def seen(tx: Transaction, number: int, at: str) -> None:
    """Note when a scan last found a hazard. No step: nothing about the finding has changed."""
    tx.conn.execute(sa.update(inspection_finding).where(inspection_finding.c.id == number).values(seen_at=at))
