"""What a run takes: what is new at the sources, listed into batches, and what earlier runs left undone."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ingest import visits
from ingest.held.release import release_held
from ingest.ledger import Ledger
from ingest.ledger.tables import batch as batch_table
from ingest.ledger.tables import record as record_table
from ingest.model import State
from ingest.settings import ConfigError, Home
from ingest.sources import Delivery
from ingest.sources.base import part_of
from ingest.steps import listing

_WINDOW = ("arrived_from", "arrived_to")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries a run takes: from which source, arrived when (days included, None = open), only which 办件编号."""

    source: str = ""
    arrived_from: dt.date | None = None
    arrived_to: dt.date | None = None
    cases: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Wanted:
        """From the parameters of a DAG run (texts, dates as YYYY-MM-DD). Raises ConfigError for what is no date."""
        try:
            first, last = (dt.date.fromisoformat(d) if (d := params.get(k)) else None for k in _WINDOW)
        except ValueError as e:
            raise ConfigError(f"日期有误 / not a date: {e}") from e
        return cls(params.get("source") or "", first, last, tuple(params.get("only_cases") or ()))

    def takes(self, delivery: Delivery) -> bool:
        return (
            (self.arrived_from is None or delivery.arrived >= self.arrived_from)
            and (self.arrived_to is None or delivery.arrived <= self.arrived_to)
            and (
                not self.cases
                or delivery.packed  # which cases it holds is seen when it is opened
                or delivery.name.startswith(self.cases)
                or delivery.name.rpartition("#")[2].startswith(self.cases)
            )
        )


def discover(
    home: Home, ledger: Ledger, run_id: str, as_of: str, wanted: Wanted = Wanted(), batch_size: int = 500
) -> list[str]:
    """List what is new at the sources into batches of this run and return the ids of all batches with work to do.

    A source that is away is noted for the report; what it holds is taken when it is back.

    Unfinished batches of earlier runs come along. ``as_of`` is the night's logical time (ISO 8601 with offset): whatever the
    archive dates in these records is dated so. Run again for the same run, it returns the same batches, and further ones
    for what has come since. What was held and may go on by now, goes on with its own batch.
    """
    release_held(home, ledger, as_of, run_id)
    visited = visits.visit(home, ledger, wanted.source, dt.datetime.fromisoformat(as_of).date())
    listed = {record_id(d): d for v in visited for d in v.deliveries if wanted.takes(d)}
    with ledger.begin() as tx:
        known = tx.known(listed)
    inside = listing.look_into(home, wanted.source, {i: d for i, d in listed.items() if i not in known})
    troubles = {listed[i].agency: why for i, why in inside.away.items()}
    with ledger.begin() as tx:
        visits.note(tx, run_id, as_of, [v.also(troubles.get(v.agency)) for v in visited])
        known = tx.known(listed)  # another run may have been faster
        new = [
            (i, whole, d)
            for whole, delivery in listed.items()
            if whole not in known and whole not in inside.away
            for i, d in _records_in(whole, delivery, inside.parts)
            if wanted.takes(d)
        ]
        first = tx.batches(run_id)
        for n, start in enumerate(range(0, len(new), batch_size), start=first):
            some = new[start : start + batch_size]
            batch_id = f"{_short(run_id)}-{n:03d}"
            tx.add_batch(batch_id, run_id, as_of, [
                {"id": i, "source": wanted.source, "agency": d.agency, "delivery": d.name, "location": d.location}
                for i, _, d in some
            ])  # fmt: skip
            for whole in dict.fromkeys(w for i, w, _ in some if w != i and w not in known):
                d = listed[whole]
                tx.add_opened(batch_id, whole, d.agency, d.name, len(inside.parts[whole]))
                known.add(whole)
    return open_batches(ledger, run_id)


def _records_in(whole: str, delivery: Delivery, parts: Mapping[str, list[str]]) -> Iterator[tuple[str, Delivery]]:
    """The records of a delivery, each as a delivery of its own; itself where it is one."""
    if whole not in parts:
        yield whole, dataclasses.replace(delivery, packed=False)
        return
    for part in parts[whole]:
        one = part_of(delivery, whole, part)
        yield record_id(one), one


def record_id(delivery: Delivery) -> str:
    """A delivery's id: the same listing gives the same id, a delivery written anew another."""
    text = "\0".join((delivery.agency, delivery.name, delivery.location, delivery.fingerprint))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def open_batches(ledger: Ledger, run_id: str) -> list[str]:
    """Batches of this run and all others with records undone or unanswered, in the order in which they were made."""
    undone = record_table.c.state.in_([s.value for s in State if not s.final and s is not State.HELD])
    unanswered = sa.and_(
        record_table.c.state.in_([State.REJECTED.value, State.DUPLICATE.value]), record_table.c.receipt_at.is_(None)
    )
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(batch_table.c.id)
            .where(
                sa.or_(
                    batch_table.c.run_id == run_id,
                    sa.exists().where(record_table.c.batch_id == batch_table.c.id, sa.or_(undone, unanswered)),
                )
            )
            .order_by(batch_table.c.created_at, batch_table.c.id)
        )
        return [r.id for r in rows]


def _short(run_id: str) -> str:
    """A run id as part of a folder name."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:12]
