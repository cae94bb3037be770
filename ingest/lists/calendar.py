"""When what must be transferred and when what must be opened, by fonds: how much of each day's is done. Counted along an index."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record, transfer_item
from ingest.lists.due import Kind
from ingest.lists.rates import ARCHIVED


@dataclasses.dataclass(frozen=True, slots=True)
class Falling:
    """What falls due on one day (YYYY-MM-DD) in one fonds, in 件: ``items`` in all, ``gone`` of them transferred to the archives."""

    fonds_no: str
    day: str
    items: int
    gone: int

    @property
    def here(self) -> int:
        return self.items - self.gone

    def as_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "here": self.here}


def calendar(ledger: Ledger, kind: Kind, fonds_no: str | None = None) -> list[Falling]:
    """All archived 件 by the day on which they fall due (transfer or opening) and fonds, in that order; a 件 of several versions
    counts once. What was transferred is opened, or not, by the archives: it is no more ours to open."""
    day = record.c[kind.value]
    keys = (day, record.c.fonds_no, record.c.archival_code)
    wanted: list[sa.ColumnElement[bool]] = [day.is_not(None), record.c.state.in_(ARCHIVED)]
    if fonds_no is not None:
        wanted.append(record.c.fonds_no == fonds_no)
    each = sa.select(*keys).where(*wanted).group_by(*keys).subquery()
    gone = (
        sa.select(*keys)
        .join(transfer_item, transfer_item.c.record_id == record.c.id)
        .where(*wanted, transfer_item.c.state == "transferred")
        .group_by(*keys)
        .subquery()
    )
    with ledger.read() as conn:
        left = {(row[0], row[1]): int(row[2]) for row in conn.execute(_counted(gone))}
        return [Falling(no, on, int(count), left.get((on, no), 0)) for on, no, count in conn.execute(_counted(each))]


def _counted(each: sa.Subquery) -> sa.Select[Any]:
    day, fonds, _ = each.c
    return sa.select(day, fonds, sa.func.count()).group_by(day, fonds).order_by(day, fonds)
