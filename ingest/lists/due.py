"""What falls due: terms that end, records to be opened, records to be transferred; one indexed question each."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.schedule import terms


class Kind(enum.StrEnum):
    """Which day is asked for; the value is the ledger's column."""

    EXPIRY = "retention_end"  # the last day of the term; 永久 never comes
    OPENING = "open_due"
    TRANSFER = "transfer_due"


COLUMNS = (
    "archival_code", "electronic_record_code", "title", "agency", "case_no", "version", "fonds_no", "category", "year",
    "retention_code", "retention_start", "retention_end", "open_due", "transfer_due", "open_control", "open_reasons", "object_key",
)  # fmt: skip
_ARCHIVED = (State.DEPOSITED.value, State.ACKNOWLEDGED.value)


def due(ledger: Ledger, kind: Kind, before: dt.date, fonds_no: str | None = None) -> list[dict[str, Any]]:
    """The archived records whose day is before ``before``, in the order of that day and the 档号, as JSON-ready rows.

    Of a case with several versions the newest stands for all: they share their numbers and terms.
    """
    day = record.c[kind.value]
    wanted = (day < before.isoformat()) & record.c.state.in_(_ARCHIVED)
    if fonds_no is not None:
        wanted &= record.c.fonds_no == fonds_no
    columns = [record.c[name] for name in COLUMNS if name in record.c]
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(*columns, record.c.filing)
            .where(wanted)
            .order_by(day, record.c.archival_code, record.c.version, record.c.id)
        ).all()
    newest = {row.archival_code: row for row in rows}
    return [_listed(row) for row in newest.values()]


def _listed(row: Any) -> dict[str, Any]:
    more = {
        "open_control": row.filing["open_control"],
        "open_reasons": "；".join(row.filing.get("open_reasons", ())),
        "retention_start": terms.retention_start(row.year).isoformat(),
    }
    return {name: more[name] if name in more else getattr(row, name) for name in COLUMNS}
