"""What a run takes: what is new at the sources, listed into batches, and what earlier runs left undone."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ingest import code, runs, visits
from ingest.held.release import release_held
from ingest.ledger import Ledger, receipts, wholes
from ingest.ledger.tables import NIGHT
from ingest.ledger.tables import batch as batch_table
from ingest.ledger.tables import record as record_table
from ingest.rerun import taking
from ingest.settings import ConfigError, Home
from ingest.sources import Delivery
from ingest.sources.base import part_of
from ingest.staging.cleaning import clean
from ingest.steps import listing

_WINDOW = ("arrived_from", "arrived_to")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries a run takes: from which source, arrived when (days included, None = open), only which 办件编号, only of
    which agencies.

    With ``rerun`` it takes nothing new, but what that says (`ingest.rerun.asking.What`, or the number of a re-run already asked
    for), in the name of ``asked_by`` and for ``reason``.
    """

    source: str = ""
    arrived_from: dt.date | None = None
    arrived_to: dt.date | None = None
    cases: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    rerun: str = ""
    reason: str = ""
    asked_by: str = ""

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return dataclasses.replace(self, reason="", asked_by="") == Wanted()

    @property
    def first(self) -> dt.date:
        """The day from which on sources must be asked, that nothing is left out."""
        return dt.date.min if self.cases or self.arrived_from is None else self.arrived_from

    @classmethod
    def of(cls, params: Mapping[str, Any], asked_by: str = "") -> Wanted:
        """From the parameters of a DAG run (texts, dates as YYYY-MM-DD). Raises ConfigError for what is no date."""
        try:
            first, last = (dt.date.fromisoformat(d) if (d := params.get(k)) else None for k in _WINDOW)
        except ValueError as e:
            raise ConfigError(f"日期有误 / not a date: {e}") from e
        cases, agencies = (tuple(params.get(k) or ()) for k in ("only_cases", "agencies"))
        rerun, reason = ((params.get(k) or "").strip() for k in ("rerun", "reason"))
        return cls(params.get("source") or "", first, last, cases, agencies, rerun, reason, asked_by)

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
    home: Home, ledger: Ledger, run_id: str, as_of: str, wanted: Wanted = Wanted(), batch_size: int = 500,
    lane: str = NIGHT,
) -> list[str]:  # fmt: skip
    """List what is new at the sources into batches of this run and return the ids of all batches with work to do.

    A source that is away is noted for the report; what it holds is taken when it is back.

    Unfinished batches of earlier runs of the same ``lane`` come along. ``as_of`` is the night's logical time (ISO 8601 with
    offset): whatever the archive dates in these records is dated so. Run again for the same run, it returns the same batches,
    and further ones for what has come since. What was held and may go on by now, goes on with its own batch.

    A night leaves what is older than an agency's first night (``source.from`` in agencies.json) to the backfill, and counts it.
    """
    if wanted.rerun:
        return taking.take(ledger, run_id, as_of, wanted.rerun, wanted.asked_by, wanted.reason)
    if lane == NIGHT:
        clean(home, ledger)  # what a killed run has answered, and not cleaned any more
        release_held(home, ledger, as_of, run_id)
        taking.take_waiting(ledger, run_id, as_of)
    _list(home, ledger, run_id, as_of, wanted, batch_size, lane)
    return open_batches(ledger, run_id, lane)


def discover_again(
    home: Home, ledger: Ledger, run_id: str, as_of: str, wanted: Wanted = Wanted(), batch_size: int = 500,
    lane: str = NIGHT,
) -> list[str]:  # fmt: skip
    """Ask those sources again that were away earlier in this run and may be back; returns the ids of the batches that have work
    to do now, those that machine trouble left undone among them. A re-run keeps to what it was asked for."""
    if wanted.rerun:
        return taking.take(ledger, run_id, as_of, wanted.rerun, wanted.asked_by, wanted.reason, undone=True)
    with ledger.read() as conn:
        absent = visits.worth_another_visit(conn, run_id)
    if absent:
        _list(home, ledger, run_id, as_of, wanted, batch_size, lane, absent)
    return open_batches(ledger, run_id, lane, own=False)


def hand_over(ledger: Ledger, run_id: str) -> int:
    """Leave what a backfill has not finished to the nights; returns the number of its batches."""
    with ledger.begin() as tx:
        mine = (batch_table.c.run_id == run_id) & (batch_table.c.lane != NIGHT)
        return tx.conn.execute(sa.update(batch_table).where(mine).values(lane=NIGHT)).rowcount


def _list(
    home: Home, ledger: Ledger, run_id: str, as_of: str, wanted: Wanted, batch_size: int, lane: str,
    only: set[str] | None = None,
) -> None:  # fmt: skip
    """Visit the sources (of ``only``) and enter what is new there into batches."""
    day = dt.datetime.fromisoformat(as_of).date()
    if only is None and wanted.agencies:
        only = set(wanted.agencies)
        if unknown := only - home.agencies().keys():
            raise ConfigError(f"没有机构 / no such agency: {sorted(unknown)}; agencies.json")
    by_window = wanted.all and lane == NIGHT  # else nothing is said of what came since the last visit
    visited = visits.visit(home, ledger, wanted.source, day, None if by_window else wanted.first, only)
    found = {record_id(d): d for v in visited for d in v.deliveries if wanted.takes(d)}
    firsts = _first_nights(home) if by_window else {}
    listed = {i: d for i, d in found.items() if d.arrived >= firsts.get(d.agency, dt.date.min)}
    with ledger.begin() as tx:
        known = tx.known(found)
    older = Counter(d.agency for i, d in found.items() if i not in listed and i not in known)
    inside = listing.look_into(home, wanted.source, {i: d for i, d in listed.items() if i not in known})
    troubles = {listed[i].agency: why for i, why in inside.away.items()}
    with ledger.begin() as tx:
        seen = [v.also(troubles.get(v.agency)) for v in visited]
        visits.note(tx, run_id, as_of, seen, by_window, older)
        known = tx.known(listed)  # another run may have been faster
        found_in = {
            whole: list(_records_in(whole, delivery, inside.parts))
            for whole, delivery in listed.items()
            if whole not in known and whole not in inside.away
        }
        new = [(i, whole, d) for whole, some in found_in.items() for i, d in some if wanted.takes(d)]
        first = tx.batches(run_id)
        for n, start in enumerate(range(0, len(new), batch_size), start=first):
            some = new[start : start + batch_size]
            batch_id = f"{_short(run_id)}-{n:03d}"
            tx.add_batch(batch_id, run_id, as_of, [
                {"id": i, "source": wanted.source, "agency": d.agency, "delivery": d.name, "location": d.location,
                 "container": whole if whole != i else None}
                for i, whole, d in some
            ], lane, str(code.running()), code.running().contract)  # fmt: skip
            for whole in dict.fromkeys(w for i, w, _ in some if w != i and w not in known):
                d = listed[whole]
                tx.add_opened(batch_id, whole, d.agency, d.name, [i for i, _ in found_in[whole]])
                known.add(whole)


def _first_nights(home: Home) -> dict[str, dt.date]:
    """By agency, the day from which on the nights take what arrives; an agency without one has no such day."""
    out = {}
    for id_, agency in home.agencies().items():
        if day := agency.raw.get("source", {}).get("from"):
            try:
                out[id_] = dt.date.fromisoformat(day)
            except (TypeError, ValueError):
                raise ConfigError(
                    f"机构 {id_} 的 source.from 不是日期 / source.from of agency {id_} is no date"
                ) from None
    return out


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


def open_batches(ledger: Ledger, run_id: str, lane: str = NIGHT, own: bool = True) -> list[str]:
    """Batches of this run (``own``: finished ones too), and those of all others of its lane with records undone or receipts unsent, in
    the order in which they were made."""
    open_records = sa.exists().where(record_table.c.batch_id == batch_table.c.id, runs.UNDONE)
    work = sa.or_(open_records, receipts.of_batch_unsent(), wholes.of_batch_unsent())
    mine = sa.and_(batch_table.c.run_id == run_id, sa.true() if own else sa.false())
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(batch_table.c.id)
            .where(sa.or_(mine, sa.and_(work, batch_table.c.lane == lane)))
            .order_by(batch_table.c.created_at, batch_table.c.id)
        )
        return [r.id for r in rows]


def _short(run_id: str) -> str:
    """A run id as part of a folder name."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:12]
