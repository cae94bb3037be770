"""What the machine left undone, by cause: what an operator sees before asking for a re-run."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.runs import OPEN


@dataclasses.dataclass(frozen=True, slots=True)
class Undone:
    """The open records of one cause (empty: nothing failed, they were not reached), by agency, with one error in words."""

    cause: str
    records: int
    agencies: dict[str, int]
    example: str

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def undone(ledger: Ledger) -> list[Undone]:
    """All open records by cause, most first."""
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.cause, record.c.agency, sa.func.count().label("records"),
                      sa.func.min(record.c.last_error).label("example"))
            .where(OPEN)
            .group_by(record.c.cause, record.c.agency)
            .order_by(record.c.cause, record.c.agency)
        ).all()  # fmt: skip
    out: dict[str, Undone] = {}
    for row in rows:
        code = row.cause or ""
        before = out.get(code, Undone(code, 0, {}, ""))
        out[code] = Undone(
            code,
            before.records + row.records,
            {**before.agencies, row.agency: row.records},
            before.example or row.example or "",
        )
    return sorted(out.values(), key=lambda line: (-line.records, line.cause))
