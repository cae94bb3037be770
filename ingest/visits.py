"""Going round the agencies' sources at the beginning of a run: what stands there, and who was away."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import visit as visit_table
from ingest.settings import Agency, ConfigError, Home
from ingest.sources import Delivery, SourceAway, SourceRefuses, open_source

_AT_ONCE = 8  # sources are waited for, not worked at: one that hangs must not hold up the others
_OVERLAP = dt.timedelta(days=7)  # asked for again: what came late, or in the hour of the last visit
_EVERYTHING = dt.timedelta(
    days=7
)  # so often a source is asked for all it has: what came with a wrong date is found then


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """One agency's source: the complete deliveries that stand there, or why it could not be listed.

    ``again`` when asking again in the same night may help; ``since`` the day from which on it was asked, None for everything.
    """

    agency: str
    deliveries: list[Delivery]
    error: str | None = None
    again: bool = False
    since: dt.date | None = None

    def also(self, error: str | None) -> Visit:
        """The visit with a trouble that showed only when its deliveries were opened."""
        return self if error is None else dataclasses.replace(self, error=self.error or error, again=True)


def visit(
    home: Home, ledger: Ledger, folder: str, day: dt.date, first: dt.date | None, only: Collection[str] | None = None
) -> list[Visit]:
    """List all agencies' sources, or those of ``only``, each for itself; ``folder`` stands in for all of them. In the agencies'
    order.

    A source is asked for what came since the last good visit before ``day``, with a week's overlap, and from ``first`` on if
    that is earlier; one that was away for days is asked for all of them, and once a week each is asked for everything. Raises
    ConfigError only where the agencies' registry is broken.
    """
    agencies = [agency for id_, agency in sorted(home.agencies().items()) if only is None or id_ in only]
    windows = _windows(ledger, day)

    def one(agency: Agency) -> Visit:
        since = windows.get(agency.id)
        if since is not None and first is not None:
            since = min(since, first)
        try:
            source = open_source(home, agency, folder)
            return Visit(agency.id, list(source.deliveries(since)), since=since)
        except (SourceAway, ConfigError) as e:
            return Visit(agency.id, [], str(e), isinstance(e, SourceAway) and not isinstance(e, SourceRefuses), since)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(one, agencies))


def note(
    tx: Transaction, run_id: str, as_of: str, visits: Sequence[Visit], whole: bool, older: Mapping[str, int]
) -> None:
    """Keep what a run found at these agencies; the last visit of a run stands. ``whole`` when the run takes all that it found but
    what is ``older`` than an agency's first night (counted by agency)."""
    for v in visits:
        mine = (visit_table.c.run_id == run_id) & (visit_table.c.agency == v.agency)
        tx.conn.execute(sa.delete(visit_table).where(mine))
    rows = [
        {"run_id": run_id, "agency": v.agency, "as_of": as_of, "error": v.error, "again": v.again if v.error else None,
         "deliveries": None if v.error else len(v.deliveries), "whole": whole, "older": older.get(v.agency),
         "since": v.since.isoformat() if v.since else None,
         "newest": max((d.arrived.isoformat() for d in v.deliveries), default=None)}
        for v in visits
    ]  # fmt: skip
    if rows:
        tx.conn.execute(sa.insert(visit_table), rows)


def away(conn: Connection, run_id: str) -> dict[str, str]:
    """The agencies whose source could not be listed in a run, with the reason."""
    rows = conn.execute(
        sa.select(visit_table.c.agency, visit_table.c.error)
        .where(visit_table.c.run_id == run_id, visit_table.c.error.is_not(None))
        .order_by(visit_table.c.agency)
    )
    return {r.agency: r.error for r in rows}


def worth_another_visit(conn: Connection, run_id: str) -> set[str]:
    """The agencies that were away in a run and may be back."""
    mine = (visit_table.c.run_id == run_id, visit_table.c.error.is_not(None), visit_table.c.again)
    return set(conn.execute(sa.select(visit_table.c.agency).where(*mine)).scalars())


def left_to_backfill(conn: Connection, run_ids: Collection[str]) -> dict[str, int]:
    """By agency, how many new deliveries stood there that are older than its first night."""
    rows = conn.execute(
        sa.select(visit_table.c.agency, sa.func.max(visit_table.c.older).label("older"))
        .where(visit_table.c.run_id.in_(run_ids), visit_table.c.older > 0)
        .group_by(visit_table.c.agency)
        .order_by(visit_table.c.agency)
    )
    return {r.agency: r.older for r in rows}


def last_day(conn: Connection, run_ids: Collection[str]) -> dt.date | None:
    """The day of these runs, of the last where there are several; None where none of them has visited a source."""
    last = conn.execute(sa.select(sa.func.max(visit_table.c.as_of)).where(visit_table.c.run_id.in_(run_ids))).scalar()
    return None if last is None else dt.datetime.fromisoformat(last).date()


def _windows(ledger: Ledger, day: dt.date) -> dict[str, dt.date]:
    """By agency, the day from which on its source must be asked on the night of ``day``; an agency that is not named is asked for
    everything.

    Both clocks count: the source compares with its own, so where its newest delivery is older than our last visit, that says
    from when. What is dated wrongly altogether is found when everything is asked for.
    """
    v = visit_table.c
    good = (v.error.is_(None), v.whole, v.as_of < day.isoformat())
    entire = sa.func.max(sa.case((v.since.is_(None), v.as_of)))
    columns = sa.func.max(v.as_of).label("last"), sa.func.max(v.newest).label("newest"), entire.label("entire")
    with ledger.read() as conn:
        rows = conn.execute(sa.select(v.agency, *columns).where(*good).group_by(v.agency)).all()
    return {
        r.agency: min(_day(r.last), _day(r.newest)) - _OVERLAP
        for r in rows
        if r.newest and r.entire and day - _day(r.entire) < _EVERYTHING
    }


def _day(text: str) -> dt.date:
    """The day of an ISO 8601 date or time; no earlier than the calendar allows for an overlap before it."""
    return max(dt.datetime.fromisoformat(text).date(), dt.date.min + _OVERLAP)
