"""What the ledger knows for the coverage of the schedules: each record that came as far as filing, matched or waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.schedule.coverage import Coverage, RecordLine, coverage
from ingest.schedule.matters import BadMatters, matters_by_fonds
from ingest.settings import Agency, ConfigError, Home
from ingest.steps import house

_UNMATCHED = ("FIL-UNSCHEDULED", "FIL-NO-SCHEDULE", "FIL-NOT-IN-SCOPE")
_ARCHIVED = (State.DEPOSITED.value, State.ACKNOWLEDGED.value)


def measured(home: Home, ledger: Ledger, day: dt.date, matters_file: Path | None = None) -> list[Coverage]:
    """Coverage of every agency of the registry on ``day``. Raises ScheduleError, ConfigError."""
    agencies = home.agencies()
    fonds_of = {agency.id: agency.fonds_no for agency in agencies.values()}
    try:
        matters = matters_by_fonds(matters_file or home.matters, fonds_of)
    except BadMatters as e:
        raise ConfigError(str(e)) from e
    entries = [dict(agency.raw) for agency in agencies.values()]
    return coverage(house.schedules(home), entries, matters, lines(ledger, agencies), day)


def lines(ledger: Ledger, agencies: Mapping[str, Agency]) -> Iterator[RecordLine]:
    """Records that filing has decided on; what was rejected before says nothing about the schedule."""
    held = (record.c.state == State.HELD.value) & record.c.year.is_(None)
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.agency, record.c.state, record.c.findings, record.c.fonds_no, record.c.matter_code,
                      record.c.title, record.c.closed_on, record.c.as_of)
            .where(record.c.fonds_no.is_not(None) | held, record.c.origin.is_(None))  # scans were filed by no entry
        ).all()  # fmt: skip
    for row in rows:
        if row.fonds_no is not None:
            archived = dt.datetime.fromisoformat(row.as_of).date() if row.state in _ARCHIVED else None
            yield RecordLine(row.fonds_no, row.matter_code or "", row.title or "", True, _day(row.closed_on), archived)
            continue
        stopped = next((f for f in row.findings if f["code"] in _UNMATCHED), None)
        if stopped is not None and row.agency in agencies:
            told = stopped.get("params", {})
            fonds = told.get("fonds") or agencies[row.agency].fonds_no
            yield RecordLine(fonds, told.get("code", ""), told.get("matter", stopped["code"]), False, None, None)


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
