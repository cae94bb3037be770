"""JSON of the working rooms: what is held and sent back, decisions that wait, the inspection register, schedules, indicators. To read
only: whoever decides does so at a page, after a look ahead."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from desk.acting import Name, Number, Word, now
from desk.guard import HomeDep, LedgerDep, allowed
from desk.numbers.routes import figures
from desk.queues import queries as queues
from desk.queues.shown import veiled
from desk.roles import Right, User
from desk.schedules import queries as schedules
from ingest.findings import Finding
from ingest.held.questions import Action
from ingest.inspection import book
from ingest.inspection.model import Item, Kind, Level, Status
from ingest.review.desk import Desk
from ingest.review.kept import Ref

router = APIRouter(tags=["rooms"])
Reader = Annotated[User, Depends(allowed(Right.SEE))]


class FindingOut(BaseModel):
    """One finding in words; ``path`` is the file, ``field`` a JSON pointer into the metadata."""

    code: str
    severity: str
    zh: str
    en: str
    path: str | None
    field: str | None

    @classmethod
    def of(cls, f: Finding) -> FindingOut:
        return cls(code=f.code, severity=f.weight.value, zh=f.text("zh"), en=f.text("en"), path=f.path, field=f.field)


class CauseOut(BaseModel):
    """Held records of one cause: how many, how many of them decided on, the oldest, by agency, and what it asks."""

    code: str
    records: int
    decided: int
    oldest: str
    agencies: dict[str, int]
    zh: str
    en: str
    decisions: list[Action]


class HeldOut(BaseModel):
    """One held record and the decision on it that waits, if any."""

    id: str
    agency: str
    case_no: str | None
    delivery: str
    version: int | None
    since: str
    findings: list[FindingOut]
    decisions: list[Action]
    decision: int | None


class HeldPart(BaseModel):
    rows: list[HeldOut]
    next: str | None


class DecisionOut(BaseModel):
    """A decision that waits to be confirmed (``proposed``) or carried out (``decided``)."""

    id: int
    record_id: str
    agency: str
    action: Action
    codes: list[str]
    reason: str
    by: str
    at: str
    status: str


class SentOut(BaseModel):
    """One rejected record: what its producer must mend, and when it was told so."""

    id: str
    agency: str
    case_no: str | None
    delivery: str
    version: int | None
    night: str
    findings: list[FindingOut]
    receipt_code: int | None
    receipt_at: str | None


class SentPart(BaseModel):
    rows: list[SentOut]
    next: str | None


class EvidenceOut(BaseModel):
    text: str
    by: str
    at: str
    name: str
    size: int
    sha256: str


class InspectionOut(BaseModel):
    """One finding of the 整改台账 as it stands; ``step`` is the number of its last event."""

    id: int
    kind: Kind
    rule: str | None
    level: Level
    status: Status
    year: int
    inspected: str
    agency: str | None
    problem: str
    problem_en: str
    demand: str
    responsible: str
    measure: str
    due: str
    progress: str
    evidence: list[EvidenceOut]
    closed_by: str
    closed_at: str
    present: bool | None
    step: int

    @classmethod
    def of(cls, item: Item) -> InspectionOut:
        return cls(**item.as_json())


class VersionOut(BaseModel):
    """One 三合一 version without its text."""

    schedule_id: str
    version: str
    fonds_no: str
    status: str
    effective_from: str | None
    effective_to: str | None
    approval: str
    text_digest: str


@router.get("/queues/held", name="api_causes")
def causes(ledger: LedgerDep, user: Reader) -> list[CauseOut]:
    """Held records by cause, the largest first."""
    return [
        CauseOut(code=c.code, records=c.records, decided=c.decided, oldest=c.oldest, agencies=dict(c.agencies),
                 zh=c.asked.zh, en=c.asked.en, decisions=list(c.asked.decisions))
        for c in queues.causes(ledger, user)
    ]  # fmt: skip


@router.get("/queues/held/{cause}", name="api_held")
def held(home: HomeDep, ledger: LedgerDep, user: Reader, cause: Name, agency: Word = "", after: Word = "") -> HeldPart:
    """The records held by one finding code, in the order of their arrival."""
    found = veiled(home, queues.waiting(ledger, user, cause, agency or None, after or None))
    rows = [
        HeldOut(id=r.id, agency=r.agency, case_no=r.case_no, delivery=r.delivery, version=r.version, since=r.since,
                findings=[FindingOut.of(f) for f in r.findings], decisions=list(r.asked.decisions),
                decision=r.decision["id"] if r.decision else None)
        for r in found.rows
    ]  # fmt: skip
    return HeldPart(rows=rows, next=found.next)


@router.get("/queues/decisions", name="api_decisions")
def decisions(ledger: LedgerDep, user: Reader) -> list[DecisionOut]:
    """Decisions that are not carried out yet, at most 200."""
    return [
        DecisionOut(id=d.id, record_id=d.record_id, agency=d.agency, action=d.action, codes=list(d.codes), reason=d.reason,
                    by=d.by, at=d.at, status=d.status)
        for d in queues.decisions(ledger, user)
    ]  # fmt: skip


@router.get("/queues/rejected", name="api_rejected")
def rejected(
    home: HomeDep, ledger: LedgerDep, user: Reader, days: Annotated[int, Query(ge=1, le=3660)] = 30, code: Word = "",
    agency: Word = "", after: Word = "",
) -> SentPart:  # fmt: skip
    """What was sent back in the last ``days``, newest first."""
    since = (now().date() - dt.timedelta(days=days)).isoformat()
    found = veiled(home, queues.sent_back(ledger, user, since, code or None, agency or None, after or None))
    rows = [
        SentOut(id=r.id, agency=r.agency, case_no=r.case_no, delivery=r.delivery, version=r.version, night=r.night,
                findings=[FindingOut.of(f) for f in r.findings], receipt_code=r.receipt_code, receipt_at=r.receipt_at)
        for r in found.rows
    ]  # fmt: skip
    return SentPart(rows=rows, next=found.next)


@router.get("/inspection", name="api_inspection")
def inspection(
    ledger: LedgerDep, user: Reader, status: Status | None = None, kind: Kind | None = None, level: Level | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[InspectionOut]:  # fmt: skip
    """Findings and hazards by their day, at most ``limit``; all that are not closed where no status is asked for."""
    asked = book.Asked(status, kind, level, user.agency, unclosed=status is None)
    with ledger.read() as conn:
        return [InspectionOut.of(item) for item in book.listing(conn, asked, limit)]


@router.get("/inspection/{number}", name="api_inspection_one")
def one(ledger: LedgerDep, user: Reader, number: Number) -> InspectionOut:
    """One finding."""
    with ledger.read() as conn:
        item = book.find(conn, number)
    if item is None or (user.agency is not None and item.agency != user.agency):
        raise HTTPException(404)
    return InspectionOut.of(item)


@router.get("/schedules", name="api_schedules")
def versions(home: HomeDep, ledger: LedgerDep, user: Reader) -> list[VersionOut]:
    """All 三合一 versions."""
    found = schedules.heads(ledger, schedules.fonds_of(home, user))
    return [VersionOut.model_validate(head, from_attributes=True) for head in found]


@router.get("/schedules/{schedule_id}/{version}", name="api_schedule")
def schedule(home: HomeDep, ledger: LedgerDep, user: Reader, schedule_id: Name, version: Name) -> dict[str, Any]:
    """One version with its text, in the shape of ``schemas/schedule-1.0.schema.json``."""
    kept = Desk(home, ledger).find(Ref(schedule_id, version))
    if kept is None or schedules.fonds_of(home, user) not in (None, kept.schedule.fonds_no):
        raise HTTPException(404)
    return kept.schedule.as_json()


@router.get("/numbers", name="api_numbers")
def numbers(home: HomeDep, ledger: LedgerDep, user: Reader) -> dict[str, Any]:
    """The indicators of 业务建设评价 (``guidang.indicators/1.0``)."""
    return figures(home, ledger, user).as_json()
