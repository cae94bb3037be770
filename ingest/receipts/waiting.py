"""Who waits: deliveries without their last word after so many days, with the reason; and receipts that could not be handed over."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.findings import Finding, Severity
from ingest.ledger.tables import batch, opened, receipt, record
from ingest.model import Receipt, State


@dataclasses.dataclass(frozen=True, slots=True)
class Unanswered:
    """A delivery that came on ``since`` (day, China time), ``days`` ago, and why its producer has no final receipt yet."""

    agency: str
    delivery: str
    case_no: str | None
    state: str
    since: str
    days: int
    why: str

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def unanswered(conn: Connection, day: dt.date, days: int, agency: str | None = None) -> list[Unanswered]:
    """The deliveries that on ``day`` have waited ``days`` days or longer, longest first."""
    open_states = [s.value for s in State if not s.final]
    untold = sa.select(receipt.c.subject).where(receipt.c.sent_at.is_(None), receipt.c.kind == Receipt.FINAL.value)
    columns = (
        record.c.agency,
        record.c.delivery,
        record.c.case_no,
        record.c.state,
        record.c.findings,
        record.c.last_error,
    )
    query = (
        sa.select(*columns, batch.c.as_of, receipt.c.last_error.label("unsent"))
        .join(batch, batch.c.id == record.c.batch_id)
        .outerjoin(receipt, (receipt.c.subject == record.c.id) & (receipt.c.kind == Receipt.FINAL.value))
        .where(sa.or_(record.c.state.in_(open_states), record.c.id.in_(untold)))
        .where(batch.c.as_of < (day - dt.timedelta(days=days - 1)).isoformat())
        .order_by(batch.c.as_of, record.c.agency, record.c.batch_id, record.c.position)
    )
    if agency is not None:
        query = query.where(record.c.agency == agency)
    return [_unanswered(row._mapping, day) for row in conn.execute(query)]


def _unanswered(row: Mapping[Any, Any], day: dt.date) -> Unanswered:
    since = row["as_of"][:10]
    waited = (day - dt.date.fromisoformat(since)).days
    return Unanswered(row["agency"], row["delivery"], row["case_no"], row["state"], since, waited, _why(row))


def _why(row: Mapping[Any, Any]) -> str:
    state = State(row["state"])
    if state is State.HELD:
        codes = {f.code for f in map(Finding.from_json, row["findings"]) if f.weight is Severity.HOLD}
        return f"待人决定 / a person must decide: {', '.join(sorted(codes))}"
    if trouble := row["unsent"] or row["last_error"]:
        return f"机器故障 / machine trouble: {trouble}"
    if state is State.DEPOSITED:
        return "副本数未足，或回执未送 / copies are missing, or the receipt is not sent"
    if state is State.DUPLICATE:
        return "等先到的同一报送有结果 / waits for the first delivery of the same content"
    return f"处理中 / under way: {state.value}"


@dataclasses.dataclass(frozen=True, slots=True)
class Unsent:
    """What one agency could not be told: how many receipts were tried in vain, and what its source said last."""

    agency: str
    receipts: int
    error: str

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def unsent(conn: Connection) -> list[Unsent]:
    """The agencies that are owed receipts which could not be handed over, by name."""
    agency = sa.func.coalesce(record.c.agency, opened.c.agency).label("agency")
    rows = conn.execute(
        sa.select(agency, sa.func.count().label("count"), sa.func.max(receipt.c.last_error).label("error"))
        .select_from(receipt)
        .outerjoin(record, record.c.id == receipt.c.subject)
        .outerjoin(opened, opened.c.id == receipt.c.subject)
        .where(receipt.c.sent_at.is_(None), receipt.c.last_error.is_not(None))
        .group_by(agency)
        .order_by(agency)
    )
    return [Unsent(r.agency, r[1], r.error) for r in rows]
