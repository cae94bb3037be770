"""What a run did, read from the ledger: per agency, and the reasons of what was not accepted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ingest import visits
from ingest.findings import Finding, Severity
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, event, record, rerun, rerun_item
from ingest.model import State
from ingest.receipts.waiting import Unanswered, Unsent, unanswered, unsent
from ingest.settings import Limits
from sip import canonical


@dataclasses.dataclass(slots=True)
class AgencyLine:
    """One agency's night: counts of records, bytes of payload accepted."""

    agency: str
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    held: int = 0
    duplicate: int = 0
    unfinished: int = 0
    packages: int = 0
    bytes: int = 0

    def add(self, other: AgencyLine) -> None:
        for f in dataclasses.fields(self)[1:]:
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


@dataclasses.dataclass(frozen=True, slots=True)
class NightReport:
    """The night in figures.

    ``causes`` maps a finding code to how many records it stopped, most first, and ``examples`` to one such finding;
    ``seconds`` is first to last event; ``away`` says of which agencies the source could not be listed, and why; ``released`` how
    many held records of earlier nights went on in this one, by what let them go (decision, schedule, trust); ``scanned`` the
    records whose files an anti-virus engine has seen; ``older`` how many new deliveries by agency are left to the backfill;
    ``failed`` maps a cause of machine trouble to how many records it left undone, and ``failures`` to one of them in words;
    ``unanswered`` are the deliveries of any night that have waited too long for their final receipt, longest first; ``unsent`` the
    agencies that could not be told.
    """

    run_id: str
    agencies: list[AgencyLine]
    causes: dict[str, int]
    examples: dict[str, Finding]
    seconds: float
    away: dict[str, str]
    released: dict[str, int]
    scanned: int
    older: dict[str, int]
    failed: dict[str, int] = dataclasses.field(default_factory=dict)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    unanswered: list[Unanswered] = dataclasses.field(default_factory=list)
    unsent: list[Unsent] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> AgencyLine:
        out = AgencyLine("Σ")
        for line in self.agencies:
            out.add(line)
        return out

    @property
    def unfinished(self) -> int:
        return self.total.unfinished

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "agencies": [dataclasses.asdict(a) for a in self.agencies],
            "total": dataclasses.asdict(self.total),
            "causes": self.causes,
            "failed": self.failed,
            "scanned": self.scanned,
            "sources_away": self.away,
            "left_to_backfill": self.older,
            "released": self.released,
            "unanswered": {
                "deliveries": len(self.unanswered),
                "oldest": [u.as_json() for u in self.unanswered[:_SHOWN]],
            },
            "receipts_unsent": [u.as_json() for u in self.unsent],
            "seconds": round(self.seconds, 1),
        }


_SHOWN = 50  # of a list whose length nobody can know beforehand
RELEASES = ("released", "returned")  # the kinds of events by which a held record leaves
_COLUMN = {
    State.ACKNOWLEDGED: "accepted",
    State.REJECTED: "rejected",
    State.HELD: "held",
    State.DUPLICATE: "duplicate",
}


def report(ledger: Ledger, *run_ids: str, unanswered_days: int = Limits().unanswered_days) -> NightReport:
    """The report of all records that were listed by these runs, or that they were asked to take up again; and
    who has waited longer than ``unanswered_days``."""
    again = sa.select(rerun_item.c.record_id).join(rerun).where(rerun.c.run_id.in_(run_ids))
    theirs = batch.c.run_id.in_(run_ids) | record.c.id.in_(again)
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(
                record.c.agency, record.c.state, record.c.findings, record.c.payload_bytes, record.c.object_key,
                record.c.cause, record.c.last_error, record.c.delivery,
            )
            .join(batch, batch.c.id == record.c.batch_id)
            .where(theirs)
        ).all()  # fmt: skip
        released = _released(conn, run_ids)
        away = {agency: why for run in run_ids for agency, why in visits.away(conn, run).items()}
        older = visits.left_to_backfill(conn, run_ids)
        day = visits.last_day(conn, run_ids)
        waiting = unanswered(conn, day, unanswered_days) if day else []
        untold = unsent(conn)
        ends = conn.execute(
            sa.select(sa.func.min(event.c.at), sa.func.max(event.c.at))
            .select_from(event)
            .join(record, record.c.id == event.c.record_id)
            .join(batch, batch.c.id == record.c.batch_id)
            .where(theirs)
        ).one()
    lines: dict[str, AgencyLine] = {}
    causes: Counter[str] = Counter()
    examples: dict[str, Finding] = {}
    failed: Counter[str] = Counter()
    failures: dict[str, str] = {}
    scanned = 0
    for row in rows:
        scanned += any(found["code"] == "VIR-SCANNED" for found in row.findings)
        line = lines.setdefault(row.agency, AgencyLine(row.agency))
        state = State(row.state)
        column = _COLUMN.get(state, "unfinished")
        line.received += 1
        setattr(line, column, getattr(line, column) + 1)
        if column == "unfinished" and row.cause is not None:
            failed[row.cause] += 1
            failures.setdefault(row.cause, f"{row.agency}/{row.delivery}: {row.last_error}")
        if state is State.ACKNOWLEDGED:
            line.packages += 1
            line.bytes += row.payload_bytes or 0
        elif state in (State.REJECTED, State.HELD):
            by_code = {f.code: f for f in stopping(row.findings)}
            causes.update(by_code.keys())
            examples |= by_code
    return NightReport(
        " + ".join(run_ids),
        sorted(lines.values(), key=lambda x: x.agency),
        dict(causes.most_common()),
        examples,
        _span(*ends),
        away,
        released,
        scanned,
        older,
        dict(failed.most_common()),
        failures,
        waiting,
        untold,
    )


def released_by(run_ids: Iterable[str]) -> sa.ColumnElement[bool]:
    """Of events: that they let a held record go on in one of these runs."""
    said = [
        event.c.detail.contains(f'"run":{canonical.dumps(run).decode().strip()}', autoescape=True) for run in run_ids
    ]
    return event.c.kind.in_(RELEASES) & sa.or_(*said)


def _released(conn: sa.Connection, run_ids: Iterable[str]) -> dict[str, int]:
    """How many held records these runs let go, by what did."""
    details = conn.execute(sa.select(event.c.detail).where(released_by(run_ids))).scalars()
    return dict(Counter(str(json.loads(detail)["by"]) for detail in details))


def stopping(findings: list[Mapping[str, Any]]) -> list[Finding]:
    """Those of a record's stored findings that rejected or held it."""
    return [f for f in map(Finding.from_json, findings) if f.weight in (Severity.REJECT, Severity.HOLD)]


def _span(first: str | None, last: str | None) -> float:
    if first is None or last is None:
        return 0.0
    return (dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)).total_seconds()
