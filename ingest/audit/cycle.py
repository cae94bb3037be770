"""Which copies are read again tonight: every copy within the period, oldest proof first, the same share each night."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from ingest.ledger.tables import copy

PERIOD_DAYS = 90
_ROUNDING = 1e-9  # of sums of many small weights


@dataclasses.dataclass(frozen=True, slots=True)
class Due:
    """One copy to be read."""

    key: str
    replica: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How the copies stand at a moment: how many there are, how many are over the period, since when the oldest waits."""

    copies: int
    bytes: int
    overdue: int
    oldest: str | None


def standing(conn: Connection, as_of: dt.datetime, period_days: int = PERIOD_DAYS) -> Standing:
    limit = moment(as_of - dt.timedelta(days=period_days))
    late = sa.func.sum(sa.case((copy.c.verified_at < limit, 1), else_=0))
    totals = (sa.func.count(), sa.func.coalesce(sa.func.sum(copy.c.size), 0), sa.func.coalesce(late, 0))
    row = conn.execute(sa.select(*totals, sa.func.min(copy.c.verified_at)).select_from(copy)).one()
    return Standing(int(row[0]), int(row[1]), int(row[2]), row[3])


def due(conn: Connection, as_of: dt.datetime, period_days: int = PERIOD_DAYS) -> Iterator[Due]:
    """Tonight's copies. ``as_of`` is the night's logical time: what was proved since then is not read again.

    A copy weighs half by the number and half by the bytes, so that neither many small nor few large ones fill a night: all
    weigh 1, a night takes copies of 1/period in all, oldest proof first, and any that would be late by tomorrow night.
    """
    now = standing(conn, as_of, period_days)
    must = moment(as_of - dt.timedelta(days=period_days - 1))
    rows = conn.execute(
        sa.select(copy.c.object_key, copy.c.replica, copy.c.size, copy.c.verified_at)
        .where(copy.c.verified_at < moment(as_of))
        .order_by(copy.c.verified_at, copy.c.object_key, copy.c.replica)
        .execution_options(yield_per=1000)
    )
    weight = 0.0
    for row in rows:
        if weight * period_days >= 1 - _ROUNDING and row.verified_at >= must:
            return
        yield Due(row.object_key, row.replica, int(row.size))
        weight += (1 / now.copies + int(row.size) / max(now.bytes, 1)) / 2


def moment(at: dt.datetime) -> str:
    """A time as the ledger writes them, so that texts compare as times do."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
