"""The 移交目录 of a fonds that another has succeeded: all it holds, under its own old numbers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.schedule.lineage import Lineage

COLUMNS = (
    "no", "frozen_since", "archival_code", "electronic_record_code", "title", "year", "retention_code", "closed_on", "object_key",
)  # fmt: skip


def handover(ledger: Ledger, lineage: Lineage, fonds_no: str) -> list[dict[str, Any]]:
    """One row for each 件 of the fonds in the order of 档号, its newest version's package named.

    Raises ValueError where the fonds was not succeeded as a whole.
    """
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record)
            .where(record.c.fonds_no == fonds_no, record.c.state.in_([State.DEPOSITED.value, State.ACKNOWLEDGED.value]))
            .order_by(record.c.version, record.c.id)
        ).all()
    newest = {row.archival_code: dict(row._mapping) for row in rows}
    return lineage.handover(fonds_no, newest.values())
