"""What waits for people, out of the ledger: held records by cause, decisions that are not carried out yet, and what was sent back."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
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

_CHUNK = 2000  # rows looked through at a time where a cause is asked for


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
    decided: set[str] = set()
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.id, record.c.agency, record.c.updated_at, record.c.findings).where(
                *_mine(user, State.HELD)
            )
        ).all()
        decided.update(
            conn.execute(
                sa.select(held_decision.c.record_id).where(held_decision.c.status.in_((PROPOSED, DECIDED)))
            ).scalars()
        )
    number: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    oldest: dict[str, str] = {}
    agencies: dict[str, Counter[str]] = {}
    for row in rows:
        for code in _holding(row.findings):
            number[code] += 1
            answered[code] += row.id in decided
            oldest[code] = min(oldest.get(code, row.updated_at), row.updated_at)
            agencies.setdefault(code, Counter())[row.agency] += 1
    return [
        Cause(code, count, answered[code], oldest[code], tuple(agencies[code].most_common()), ask(code))
        for code, count in sorted(number.items(), key=lambda item: (-item[1], item[0]))
    ]


def waiting(
    ledger: Ledger, user: User, cause: str, agency: str | None = None, after: str | None = None, size: int = SIZE
) -> Part[Waiting]:
    """The records held by one cause, in the order in which they came."""
    key = decode(after, int)
    with ledger.read() as conn:
        found = list(_some(_held_by(conn, user, cause, agency, int(key[0]) if key else 0), size + 1))
        standing = _standing(conn, [row.id for row in found])
    rows = [(_waiting(row, standing.get(row.id)), int(row.entered)) for row in found]
    cut = part(rows, lambda one: (one[1],), after=after, size=size)
    return Part([one for one, _ in cut.rows], cut.next, cut.first)


def every(ledger: Ledger, user: User, cause: str, agency: str | None, most: int) -> list[Waiting]:
    """Up to ``most`` undecided records held by one cause: what “all of them” means when somebody decides about all."""
    with ledger.read() as conn:
        out: list[Waiting] = []
        rows = iter(_held_by(conn, user, cause, agency, 0))
        while chunk := list(_some(rows, _CHUNK)):
            standing = _standing(conn, [row.id for row in chunk])
            out += [_waiting(row, None) for row in chunk if row.id not in standing]
            if len(out) >= most:
                break
    return out[:most]


def some(ledger: Ledger, user: User, ids: list[str]) -> list[Waiting]:
    """These records, as far as they are held and the user's to see."""
    with ledger.read() as conn:
        rows = conn.execute(sa.select(*_HELD).where(*_mine(user, State.HELD), record.c.id.in_(ids))).all()
        standing = _standing(conn, ids)
    return [_waiting(row, standing.get(row.id)) for row in rows]


def decisions(ledger: Ledger, user: User, most: int = 200) -> list[Decision]:
    """Decisions that are not carried out yet, those to be confirmed first, then oldest first."""
    wanted: list[sa.ColumnElement[bool]] = [held_decision.c.status.in_((PROPOSED, DECIDED))]
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
    rejecting = [code for code, row in table().items() if row["severity"] in (Severity.REJECT, Severity.HOLD)]
    query = (
        sa.select(record_finding.c.code, record.c.agency, sa.func.count().label("records"),
                  sa.func.min(record.c.entered_on).label("first"), sa.func.max(record.c.entered_on).label("last"))
        .select_from(record)
        .join(record_finding, record_finding.c.entered == record.c.entered)
        .where(*_sent_back(user, since, agency), record_finding.c.code.in_(rejecting))
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
    if (key := decode(after, int)) is not None:
        wanted.append(record.c.entered < int(key[0]))
    query = sa.select(
        record.c.id, record.c.entered, record.c.agency, record.c.case_no, record.c.delivery, record.c.version,
        record.c.as_of, record.c.findings, record.c.receipt_code, record.c.receipt_at,
        record.c.applicant_keys,
    ).order_by(record.c.entered.desc()).limit(size + 1)  # fmt: skip
    if code is not None:
        query = query.join(record_finding, record_finding.c.entered == record.c.entered)
        wanted.append(record_finding.c.code == code)
    with ledger.read() as conn:
        rows = [
            Sent(r.id, r.entered, r.agency, r.case_no, r.delivery, r.version, r.as_of, _stopping(r.findings), r.receipt_code,
                 r.receipt_at, r.applicant_keys)
            for r in conn.execute(query.where(*wanted))
        ]  # fmt: skip
    return part(rows, lambda row: (row.entered,), after=after, size=size)


# ------------------------------------------------------------------------------------------------ the parts of these


def _mine(user: User, state: State, agency: str | None = None) -> list[sa.ColumnElement[bool]]:
    out = [record.c.state == state.value]
    out += [record.c.agency == one for one in {user.agency, agency} if one is not None]
    return out


def _sent_back(user: User, since: str, agency: str | None) -> list[sa.ColumnElement[bool]]:
    """Rejected since a day. The first record of these days bounds the walk along (state, entered), so that the years before are not
    looked through."""
    one = record.alias("one")
    first = sa.select(sa.func.min(one.c.entered)).where(one.c.entered_on >= since).scalar_subquery()
    return [*_mine(user, State.REJECTED, agency), record.c.entered_on >= since, record.c.entered >= first]


def _holding(findings: list[Mapping[str, Any]]) -> set[str]:
    """The codes that hold a record, from its stored findings: thousands of rows are counted, and none needs its words for that."""
    return {f["code"] for f in findings if f["severity"] == Severity.HOLD}


def _held_by(conn: Connection, user: User, cause: str, agency: str | None, after: int) -> Iterator[Any]:
    """Rows held by a cause, in the order of entry. That a finding holds is told by its record alone, not by its code."""
    query = (
        sa.select(*_HELD)
        .join(record_finding, record_finding.c.entered == record.c.entered)
        .where(*_mine(user, State.HELD, agency), record_finding.c.code == cause, record.c.entered > after)
        .order_by(record.c.entered)
        .execution_options(yield_per=200)
    )
    return (row for row in conn.execute(query) if cause in _holding(row.findings))


def _some(rows: Iterator[Any], most: int) -> Iterator[Any]:
    for _, row in zip(range(most), rows, strict=False):
        yield row


def _standing(conn: Connection, ids: list[str]) -> dict[str, Mapping[str, Any]]:
    rows = conn.execute(
        sa.select(held_decision).where(
            held_decision.c.record_id.in_(ids), held_decision.c.status.in_((PROPOSED, DECIDED))
        )
    )
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
