"""When runs began and ended, and what is still open: what tells a night at work from one that stands still or never came."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger import Ledger
from ingest.ledger.tables import NIGHT, record
from ingest.ledger.tables import run as run_table
from ingest.model import State

UNDONE = record.c.state.in_([s.value for s in State if not s.final and s is not State.HELD])
_UNANSWERED = record.c.state.in_([State.REJECTED.value, State.DUPLICATE.value]) & record.c.receipt_at.is_(None)
OPEN = UNDONE | _UNANSWERED
"""Of records: that the machine, not a person, has something left to do about them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One run. ``ended_at`` is None while it works, and for ever when it was cut off; ``undone`` records it left."""

    id: str
    lane: str
    as_of: str
    code: str
    begun_at: str
    ended_at: str | None
    undone: int | None


def begin(ledger: Ledger, run_id: str, as_of: str, code: str, lane: str = NIGHT) -> None:
    """Note that a run begins, and which code begins it; begun again (its first task was cleared) it has no end yet."""
    with ledger.begin() as tx:
        again = sa.update(run_table).where(run_table.c.id == run_id).values(ended_at=None, undone=None)
        if not tx.conn.execute(again).rowcount:
            tx.conn.execute(sa.insert(run_table).values(id=run_id, lane=lane, as_of=as_of, code=code, begun_at=tx.now))


def end(ledger: Ledger, run_id: str, undone: int) -> None:
    """Note that a run has come to its end, and how many records it left undone."""
    with ledger.begin() as tx:
        tx.conn.execute(sa.update(run_table).where(run_table.c.id == run_id).values(ended_at=tx.now, undone=undone))


def latest(conn: Connection, lane: str = NIGHT) -> Run | None:
    """The run of the lane that began last."""
    newest = sa.select(run_table).where(run_table.c.lane == lane).order_by(run_table.c.begun_at.desc()).limit(1)
    row = conn.execute(newest).one_or_none()
    return None if row is None else Run(**row._mapping)
