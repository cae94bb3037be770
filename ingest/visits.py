"""Going round the agencies' sources at the beginning of a run: what stands there, and who was away."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import visit as visit_table
from ingest.settings import Agency, ConfigError, Home
from ingest.sources import Delivery, SourceAway, open_source

_AT_ONCE = 8  # sources are waited for, not worked at: one that hangs must not hold up the others
_OVERLAP = dt.timedelta(days=7)  # asked for again: what came late, or in the hour of the last visit


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """One agency's source: the complete deliveries that stand there, or why it could not be listed."""

    agency: str
    deliveries: list[Delivery]
    error: str | None = None

    def also(self, error: str | None) -> Visit:
        """The visit with a trouble that showed only when its deliveries were opened."""
        return self if error is None else dataclasses.replace(self, error=self.error or error)


def visit(home: Home, ledger: Ledger, folder: str, day: dt.date) -> list[Visit]:
    """List all agencies' sources, each for itself; ``folder`` stands in for all of them. In the agencies' order.

    A source is asked for what came since the last good visit before ``day``, with a week's overlap; one that was away for
    days is asked for all of them. Raises ConfigError only where the agencies' registry is broken.
    """
    agencies = [agency for _, agency in sorted(home.agencies().items())]
    since = _since(ledger, day)

    def one(agency: Agency) -> Visit:
        try:
            source = open_source(home, agency, folder)
            return Visit(agency.id, list(source.deliveries(since.get(agency.id))))
        except (SourceAway, ConfigError) as e:
            return Visit(agency.id, [], str(e))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(one, agencies))


def note(tx: Transaction, run_id: str, as_of: str, visits: Sequence[Visit]) -> None:
    """Keep what a run found; the last visit of a run stands."""
    tx.conn.execute(sa.delete(visit_table).where(visit_table.c.run_id == run_id))
    tx.conn.execute(
        sa.insert(visit_table),
        [
            {"run_id": run_id, "agency": v.agency, "as_of": as_of, "error": v.error,
             "deliveries": None if v.error else len(v.deliveries)}
            for v in visits
        ],
    )  # fmt: skip


def away(conn: Connection, run_id: str) -> dict[str, str]:
    """The agencies whose source could not be listed in a run, with the reason."""
    rows = conn.execute(
        sa.select(visit_table.c.agency, visit_table.c.error)
        .where(visit_table.c.run_id == run_id, visit_table.c.error.is_not(None))
        .order_by(visit_table.c.agency)
    )
    return {r.agency: r.error for r in rows}


def _since(ledger: Ledger, day: dt.date) -> dict[str, dt.date]:
    """By agency, the day from which on its source must be asked."""
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(visit_table.c.agency, sa.func.max(visit_table.c.as_of).label("last"))
            .where(visit_table.c.error.is_(None), visit_table.c.as_of < day.isoformat())
            .group_by(visit_table.c.agency)
        )
        return {r.agency: dt.datetime.fromisoformat(r.last).date() - _OVERLAP for r in rows}
