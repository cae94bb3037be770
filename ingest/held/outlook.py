"""What would answer many held records at once: a ruling on the matter that they share."""

from __future__ import annotations

import dataclasses
from collections import Counter

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State

_UNSCHEDULED = "FIL-UNSCHEDULED"


@dataclasses.dataclass(frozen=True, slots=True)
class Matter:
    """A matter that no entry takes: by which fonds and code it is ruled on, its name, and how many records wait."""

    fonds_no: str
    code: str
    name: str
    records: int


def unscheduled(ledger: Ledger) -> list[Matter]:
    """The matters that wait for a ruling or a new version, those with most records first."""
    with ledger.read() as conn:
        rows = conn.execute(sa.select(record.c.findings).where(record.c.state == State.HELD.value)).scalars()
        found: Counter[tuple[str, str, str]] = Counter()
        for findings in rows:
            for told in (f.get("params", {}) for f in findings if f["code"] == _UNSCHEDULED):
                if told.get("code"):
                    found[(told.get("fonds", ""), told["code"], told.get("matter", ""))] += 1
    return [Matter(*key, count) for key, count in sorted(found.items(), key=lambda kv: (-kv[1], kv[0]))]
