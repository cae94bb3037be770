"""What follows in time from a record's year and retention: start, end, opening, transfer."""

from __future__ import annotations

import datetime as dt

from ingest.schedule.model import retention_years

OPENING_YEARS = 25  # 档案法 (2020) art. 27
ELECTRONIC_TRANSFER_YEARS = 5  # e-archives go to the archives after five years (WP item 6)
STATUTORY_TRANSFER_YEARS = {"province": 20, "city": 20, "county": 10}  # 档案法实施条例: organs by level


def retention_start(year: int) -> dt.date:
    """The first day of the term: 1 January after the year of closing."""
    return dt.date(year + 1, 1, 1)


def retention_end(year: int, retention_code: str) -> dt.date | None:
    """The last day of the term, (year + n)-12-31; None for 永久. Raises ValueError for an unknown code."""
    years = retention_years(retention_code)
    return None if years == float("inf") else dt.date(year + int(years), 12, 31)


def open_due(year: int) -> dt.date:
    """The day by which every record of the year is 25 years old and is to be open unless its opening was put off."""
    return dt.date(year + OPENING_YEARS, 12, 31)


def transfer_due(year: int, level: str | None = None) -> dt.date:
    """The day by which the year's records go to the archives: five years for e-archives, or the statutory term of a level.

    ``level`` is ``province``, ``city`` or ``county``; None means e-archives. Raises KeyError for another level.
    """
    years = ELECTRONIC_TRANSFER_YEARS if level is None else STATUTORY_TRANSFER_YEARS[level]
    return dt.date(year + years, 12, 31)


def days(year: int, retention_code: str, level: str | None = None) -> dict[str, str | None]:
    """All of it as ISO days: ``retention_start``, ``retention_end`` (None for 永久), ``open_due``, ``transfer_due``."""
    end = retention_end(year, retention_code)
    return {
        "retention_start": retention_start(year).isoformat(),
        "retention_end": end.isoformat() if end else None,
        "open_due": open_due(year).isoformat(),
        "transfer_due": transfer_due(year, level).isoformat(),
    }
