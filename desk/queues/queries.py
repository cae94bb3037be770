"""What waits for people, out of the ledger: held records by cause, decisions that are not carried out yet, and what was sent back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from desk.paging import SIZE, Part, decode, part
from desk.roles import User
from ingest.findings import Finding, Severity, table
from ingest.held.decide import DECIDED, PROPOSED
from ingest.held.questions import Action, Asked, Question, ask, question
from ingest.ledger import Ledger
from ingest.ledger.tables import held_decision, record, record_finding
from ingest.model import State

_STANDING = held_decision.c.status.in_((PROPOSED, DECIDED))
_STOPS = (Severity.REJECT.value, Severity.HOLD.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """One cause of holding: how many records wait by it, since when, of which agencies (most first), and what it asks.

    ``decided`` of them have a decision that is not carried out yet."""

    code: str
    records: int
    decided: int
    oldest: str
    agencies: tuple[tuple[str, int], ...]
    asked: Asked


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """One held record; ``findings`` are those that hold it, ``asked`` what they ask, ``since`` when it was held."""

    id: str
    agency: str
    case_no: str | None
    delivery: str
    title: str | None
    version: int | None
    matter_code: str | None
    since: str
    findings: tuple[Finding, ...]
    asked: Question
    decision: Mapping[str, Any] | None
    applicant_keys: list[str] | None

    @property
    def token(self) -> str:
        """What a form sends of it: which record, and the question that was shown."""
        return f"{self.id}|{','.join(self.asked.codes)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """A decision that waits: to be confirmed (``proposed``) or to be carried out by the next run (``decided``)."""

    id: int
    record_id: str
    agency: str
    case_no: str | None
    action: Action
    codes: tuple[str, ...]
    accepted: tuple[str, ...]
    reason: str
    by: str
    at: str
    status: str
    confirmed_by: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """One cause of sending back: how many records, the first and last night, and what the producer is told."""

    code: str
    agency: str
    records: int
    first: str
    last: str

    @property
    def nature(self) -> str:
        return str(table()[self.code]["nature"])


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """One rejected record; ``findings`` say what the producer must mend, ``receipt_at`` when it was told (None: not yet)."""

    id: str
    entered: int
    entered_on: str
    agency: str
    case_no: str | None
    delivery: str
    version: int | None
    night: str
    findings: tuple[Finding, ...]
    receipt_code: int | None
    receipt_at: str | None
    applicant_keys: list[str] | None


_HELD = (
    record.c.id, record.c.entered, record.c.agency, record.c.case_no, record.c.delivery, record.c.title_masked, record.c.title,
    record.c.version, record.c.matter_code, record.c.updated_at, record.c.findings, record.c.applicant_keys,
)  # fmt: skip


def causes(ledger: Ledger, user: User) -> list[Cause]:
    """The held records by cause, the largest first. A record that asks several things counts with each."""
    holds = record_finding.c.severity == Severity.HOLD.value
    asked = (
        sa.select(record_finding.c.code, record.c.agency, sa.func.count().label("records"),
                  sa.func.min(record.c.updated_at).label("oldest"))
        .join(record_finding, record_finding.c.entered == record.c.entered)
        .where(*_mine(user, State.HELD), holds)
        .group_by(record_finding.c.code, record.c.agency)
    )  # fmt: skip
    pending = (
        sa.select(record_finding.c.code, sa.func.count(record.c.id.distinct()))
        .join(record, record.c.entered == record_finding.c.entered)
        .join(held_decision, held_decision.c.record_id == record.c.id)
        .where(*_mine(user, State.HELD), holds, _STANDING)
        .group_by(record_finding.c.code)
    )
    with ledger.read() as conn:
        found = conn.execute(asked).all()
        decided: dict[str, int] = {row[0]: row[1] for row in conn.execute(pending)}
    by_code: dict[str, list[Any]] = {}
    for row in found:
        by_code.setdefault(row.code, []).append(row)
    out = [
        Cause(code, sum(r.records for r in rows), decided.get(code, 0), min(r.oldest for r in rows),
              tuple(sorted(((r.agency, r.records) for r in rows), key=lambda pair: (-pair[1], pair[0]))), ask(code))
        for code, rows in by_code.items()
    ]  # fmt: skip
    return sorted(out, key=lambda cause: (-cause.records, cause.code))


def waiting(
    ledger: Ledger, user: User, cause: str, agency: str | None = None, after: str | None = None, size: int = SIZE
) -> Part[Waiting]:
    """The records held by one cause, in the order in which they came."""
    key = decode(after, int)
    with ledger.read() as conn:
        found = conn.execute(_held_by(user, cause, agency, int(key[0]) if key else 0).limit(size + 1)).all()
        standing = _standing(conn, [row.id for row in found])
    rows = [(_waiting(row, standing.get(row.id)), int(row.entered)) for row in found]
    cut = part(rows, lambda one: (one[1],), after=after, size=size)
    return Part([one for one, _ in cut.rows], cut.next, cut.first)


def every(ledger: Ledger, user: User, cause: str, agency: str | None, most: int) -> list[Waiting]:
    """Up to ``most`` undecided records held by one cause: what “all of them” means when somebody decides about all."""
    standing = sa.select(held_decision.c.record_id).where(_STANDING)
    with ledger.read() as conn:
        rows = conn.execute(_held_by(user, cause, agency, 0).where(record.c.id.not_in(standing)).limit(most))
        return [_waiting(row, None) for row in rows]


def some(ledger: Ledger, user: User, ids: list[str]) -> list[Waiting]:
    """These records, as far as they are held and the user's to see."""
    with ledger.read() as conn:
        rows = conn.execute(sa.select(*_HELD).where(*_mine(user, State.HELD), record.c.id.in_(ids))).all()
        standing = _standing(conn, ids)
    return [_waiting(row, standing.get(row.id)) for row in rows]


def decisions(ledger: Ledger, user: User, most: int = 200) -> list[Decision]:
    """Decisions that are not carried out yet, those to be confirmed first, then oldest first."""
    wanted: list[sa.ColumnElement[bool]] = [_STANDING]
    if user.agency is not None:
        wanted.append(record.c.agency == user.agency)
    query = (
        sa.select(held_decision, record.c.agency, record.c.case_no)
        .join(record, record.c.id == held_decision.c.record_id)
        .where(*wanted)
        .order_by(held_decision.c.status.desc(), held_decision.c.id)
        .limit(most)
    )
    with ledger.read() as conn:
        return [
            Decision(d.id, d.record_id, d.agency, d.case_no, Action(d.action), tuple(d.codes), tuple(d.accepted), d.reason,
                     d.decided_by, d.decided_at, d.status, d.confirmed_by)
            for d in conn.execute(query)
        ]  # fmt: skip


def refusals(ledger: Ledger, user: User, since: str, agency: str | None = None) -> list[Refusal]:
    """What was sent back since a day (YYYY-MM-DD), by cause and agency, the most frequent first."""
    query = (
        sa.select(record_finding.c.code, record.c.agency, sa.func.count().label("records"),
                  sa.func.min(record.c.entered_on).label("first"), sa.func.max(record.c.entered_on).label("last"))
        .select_from(record)
        .join(record_finding, record_finding.c.entered == record.c.entered)
        .where(*_sent_back(user, since, agency), record_finding.c.severity.in_(_STOPS))
        .group_by(record_finding.c.code, record.c.agency)
        .order_by(sa.desc("records"), record_finding.c.code, record.c.agency)
    )  # fmt: skip
    with ledger.read() as conn:
        return [Refusal(r.code, r.agency, r.records, r.first, r.last) for r in conn.execute(query)]


def sent_back(
    ledger: Ledger, user: User, since: str, code: str | None = None, agency: str | None = None, after: str | None = None,
    size: int = SIZE,
) -> Part[Sent]:  # fmt: skip
    """The rejected records since a day, newest first."""
    wanted = _sent_back(user, since, agency)
    order = (record.c.entered_on, record.c.entered)
    if (key := decode(after, str, int)) is not None:
        wanted.append(sa.tuple_(*order) < sa.tuple_(*map(sa.literal, key)))
    query = sa.select(
        record.c.id, record.c.entered, record.c.entered_on, record.c.agency, record.c.case_no, record.c.delivery, record.c.version,
        record.c.as_of, record.c.findings, record.c.receipt_code, record.c.receipt_at,
        record.c.applicant_keys,
    ).order_by(*(column.desc() for column in order)).limit(size + 1)  # fmt: skip
    if code is not None:
        query = query.join(record_finding, record_finding.c.entered == record.c.entered)
        wanted.append(record_finding.c.code == code)
    with ledger.read() as conn:
        rows = [
            Sent(r.id, r.entered, r.entered_on, r.agency, r.case_no, r.delivery, r.version, r.as_of, _stopping(r.findings), r.receipt_code,
                 r.receipt_at, r.applicant_keys)
            for r in conn.execute(query.where(*wanted))
        ]  # fmt: skip
    return part(rows, lambda row: (row.entered_on, row.entered), after=after, size=size)


# ------------------------------------------------------------------------------------------------ the parts of these


def _mine(user: User, state: State, agency: str | None = None) -> list[sa.ColumnElement[bool]]:
    out = [record.c.state == state.value]
    out += [record.c.agency == one for one in {user.agency, agency} if one is not None]
    return out


def _sent_back(user: User, since: str, agency: str | None) -> list[sa.ColumnElement[bool]]:
    return [*_mine(user, State.REJECTED, agency), record.c.entered_on >= since]


def _held_by(user: User, cause: str, agency: str | None, after: int) -> sa.Select[Any]:
    """The records held by a cause, in the order of entry. That a finding holds is told by its record, not by its code."""
    return (
        sa.select(*_HELD)
        .join(record_finding, record_finding.c.entered == record.c.entered)
        .where(*_mine(user, State.HELD, agency), record_finding.c.code == cause, record.c.entered > after,
               record_finding.c.severity == Severity.HOLD.value)
        .order_by(record.c.entered)
    )  # fmt: skip


def _standing(conn: Connection, ids: list[str]) -> dict[str, Mapping[str, Any]]:
    rows = conn.execute(sa.select(held_decision).where(held_decision.c.record_id.in_(ids), _STANDING))
    return {row.record_id: dict(row._mapping) for row in rows}


def _waiting(row: Any, decision: Mapping[str, Any] | None) -> Waiting:
    findings = [Finding.from_json(f) for f in row.findings]
    holding = tuple(f for f in findings if f.weight is Severity.HOLD)
    return Waiting(
        row.id, row.agency, row.case_no, row.delivery, row.title_masked or row.title, row.version, row.matter_code,
        row.updated_at, holding, question(findings), decision, row.applicant_keys,
    )  # fmt: skip


def _stopping(findings: list[Mapping[str, Any]]) -> tuple[Finding, ...]:
    return tuple(f for f in map(Finding.from_json, findings) if f.weight in (Severity.REJECT, Severity.HOLD))
