"""What people do with findings: raise, plan a measure, say that it is done, close, reopen. Each act is one transaction.

Whoever planned or did the measure does not close it (four eyes). An act names the last step that its person has seen (``seen``): after
another's act it is refused as stale, so that sending a form twice does no harm.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ingest import people
from ingest.inspection import book
from ingest.inspection.model import Evidence, Item, Kind, Level, Outcome, Refused, Stale, Status
from ingest.ledger import Ledger, Transaction

MEASURE, DONE, CLOSED, REOPENED = "inspection_measure", "inspection_done", "inspection_closed", "inspection_reopened"
_LIMIT = 2000  # characters of a field


@dataclasses.dataclass(frozen=True, slots=True)
class Who:
    """Who acts: a name, and how it is known (``desk:<user>``, ``os:<account>``)."""

    name: str
    via: str = ""

    def told(self) -> dict[str, str]:
        return {"by": self.name, "via": self.via}


@dataclasses.dataclass(frozen=True, slots=True)
class Raised:
    """What an inspector found. ``due`` is the last day for mending it."""

    problem: str
    inspector: str
    inspected: str
    demand: str
    due: dt.date
    year: int
    basis: str = ""
    level: Level = Level.MEDIUM
    agency: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """整改措施: what will be done, by whom, until when (None: the day that stands)."""

    measure: str
    responsible: str
    department: str = ""
    due: dt.date | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence as it is handed in: words, or a kept file's name, size and SHA-256, or both."""

    text: str = ""
    name: str = ""
    size: int = 0
    sha256: str = ""


def raise_finding(ledger: Ledger, found: Raised, who: Who) -> int:
    """Enter what an inspector found; its number. Raises Refused for a field that is empty or too long."""
    _person(who)
    required = {"问题描述 / problem": found.problem, "检查单位 / inspecting body": found.inspector,
                "被检查单位 / inspected body": found.inspected, "整改要求 / what is demanded": found.demand}  # fmt: skip
    for name, text in required.items():
        _said(name, text)
    columns = {
        "kind": Kind.INSPECTION.value, "level": found.level.value, "year": found.year, "inspector": found.inspector.strip(),
        "inspected": found.inspected.strip(), "agency": found.agency, "problem": found.problem.strip(),
        "basis": _short("依据条款 / basis", found.basis), "demand": found.demand.strip(), "due": found.due.isoformat(),
        "raised_by": who.name,
    }  # fmt: skip
    with ledger.begin() as tx:
        return book.enter(tx, columns, who.told())


def measure(ledger: Ledger, number: int, plan: Plan, who: Who, seen: int | None = None) -> None:
    """Write down or change what will be done; the finding is then being mended. Raises Refused, Stale."""
    with ledger.begin() as tx:
        item = _standing(tx, number, seen, who, Status.OPEN, Status.FIXING)
        columns = {
            "measure": _said("整改措施 / measure", plan.measure), "responsible": _said("责任人 / responsible", plan.responsible),
            "department": _short("责任部门 / department", plan.department),
            "due": plan.due.isoformat() if plan.due else item.due,
        }  # fmt: skip
        book.note(tx, number, MEASURE, {**who.told(), **columns}, **columns, status=Status.FIXING.value)


def done(
    ledger: Ledger, number: int, progress: str, proofs: Sequence[Proof], who: Who, seen: int | None = None
) -> None:
    """Say that the measure is carried out, with evidence; another person verifies it. Raises Refused, Stale."""
    with ledger.begin() as tx:
        item = _standing(tx, number, seen, who, Status.FIXING)
        progress = _said("完成情况 / what was done", progress)
        given = [p for p in proofs if p.text.strip() or p.sha256]
        if not given:
            raise Refused("须附佐证材料：文字或文件 / evidence is needed: words or a file")
        fresh = [
            Evidence(_short("佐证 / evidence", p.text), who.name, tx.now, p.name[:200], p.size, p.sha256) for p in given
        ]
        told = {**who.told(), "progress": progress, "evidence": [e.as_json() for e in fresh]}
        book.note(
            tx, number, DONE, told, status=Status.TO_VERIFY.value, progress=progress,
            evidence=[e.as_json() for e in (*item.evidence, *fresh)],
        )  # fmt: skip


def close(
    ledger: Ledger, number: int, remark: str, who: Who, outcome: Outcome = Outcome.MENDED, seen: int | None = None
) -> None:
    """销账, by another person than those who planned or did the measure. Raises Refused, Stale.

    A hazard that the last scan still found is closed only with its risk accepted.
    """
    with ledger.begin() as tx:
        item = _standing(tx, number, seen, who, Status.TO_VERIFY)
        remark = _said("验收意见 / what was verified", remark)
        for step in _round(tx, number):
            if step.kind in (MEASURE, DONE) and people.same(
                who.name, who.via, step.detail["by"], step.detail.get("via", "")
            ):
                raise Refused(
                    f"{step.detail['by']} 参与了整改，须由另一人验收销账 / took part in mending it: another person must verify"
                )
        if item.present and outcome is Outcome.MENDED:
            raise Refused(
                "上次检查仍发现该隐患：重新检查（guidang inspection scan）确认消除后再销账，或按接受风险销账 / "
                "the last scan still found it: scan again once it is gone, or close it with the risk accepted"
            )
        told = {**who.told(), "remark": remark, "outcome": outcome.value}
        book.note(
            tx, number, CLOSED, told, status=Status.CLOSED.value, outcome=outcome.value, closed_by=who.name, closed_at=tx.now,
        )  # fmt: skip


def reopen(ledger: Ledger, number: int, reason: str, who: Who, seen: int | None = None) -> None:
    """Verification failed, or what was closed has come back: open again. Raises Refused, Stale."""
    with ledger.begin() as tx:
        item = _standing(tx, number, seen, who, Status.TO_VERIFY, Status.CLOSED)
        reopen_in(tx, item, {**who.told(), "reason": _said("理由 / reason", reason)})


def reopen_in(tx: Transaction, item: Item, told: Mapping[str, Any], **columns: Any) -> None:
    """Open a finding again within a transaction, as a person or a rule asks."""
    book.note(
        tx, item.id, REOPENED, told, status=Status.OPEN.value, outcome=None, closed_by="", closed_at="",
        reopened=item.reopened + 1, **columns,
    )  # fmt: skip


def _standing(tx: Transaction, number: int, seen: int | None, who: Who, *statuses: Status) -> Item:
    _person(who)
    item = book.find(tx.conn, number)
    if item is None:
        raise Refused(f"没有第 {number} 号问题 / no finding {number}")
    if seen is not None and seen != item.step:
        raise Stale(
            f"第 {number} 号问题在您打开页面之后有了新的处理（现为“{item.status.words()}”），请看过再定 / "
            f"somebody acted on finding {number} since you opened the page (now {item.status.words('en')}): look again"
        )
    if item.status not in statuses:
        raise Refused(
            f"第 {number} 号问题现为“{item.status.words()}”，不能这样处理 / finding {number} is {item.status.words('en')}"
        )
    return item


def _round(tx: Transaction, number: int) -> list[book.Step]:
    """The steps since the finding was raised or last reopened."""
    steps = book.history(tx.conn, number)
    last = max((at for at, step in enumerate(steps) if step.kind == REOPENED), default=0)
    return steps[last:]


def _person(who: Who) -> None:
    _said("姓名 / name", who.name)


def _said(what: str, text: str) -> str:
    if not text.strip():
        raise Refused(f"须写明{what} / say it")
    return _short(what, text)


def _short(what: str, text: str) -> str:
    if len(text) > _LIMIT:
        raise Refused(f"{what}：不超过 {_LIMIT} 字 / at most {_LIMIT} characters")
    return text.strip()
