"""Questions to reviewers and their answers, for whoever puts them to people (``dags/schedule_review.py``).

A question is about one text in one round of review; an answer counts only for that. Whoever asks may ask again or crash at any
point: a stage that is decided, by an answer or on the command line, says so instead of being decided twice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ingest.findings import Finding
from ingest.review.desk import Desk
from ingest.review.force import open_desk
from ingest.review.kept import Kept, Ref
from ingest.review.words import brief, next_step, status_words
from ingest.schedule.codes import code_lists
from ingest.schedule.diff import diff
from ingest.schedule.model import Approval
from ingest.schedule.review import Act, Refused
from ingest.settings import Home

_T = TypeVar("_T")
AGREE, RETURN = "同意", "退回"
OPTIONS = (AGREE, RETURN)
_ACTS: dict[str, dict[str, tuple[str, ...]]] = {  # stage → option → acts
    "first": {AGREE: ("accept", "pass"), RETURN: ("accept", "return")},
    "second": {AGREE: ("approve", "enforce"), RETURN: ("return",)},
}
_STATUS = {"first": ("submitted", "first_review"), "second": ("second_review",)}
_TOLD = {"pass": AGREE, "approve": AGREE, "return": RETURN}


class NotTaken(Exception):
    """The rules of review do not allow this; the text says why, in Chinese, and what to do. Ask again."""

    def __init__(self, refused: Refused) -> None:
        super().__init__("；".join(finding.text() for finding in refused.findings))
        self.findings = refused.findings


@dataclasses.dataclass(frozen=True, slots=True)
class Ticket:
    """One round of review of one text: what every question and answer of the round is about."""

    schedule_id: str
    version: str
    round: int
    text_digest: str

    @property
    def ref(self) -> Ref:
        return Ref(self.schedule_id, self.version)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended: ``taken`` is 同意 or 退回, or empty where the stage was not reached; ``status`` is the version's."""

    taken: str
    by: str
    status: str


def submit(home: Home, name: str, by: str, at: dt.datetime, via: str) -> Ticket:
    """Begin a round, or find the one that is under way: a draft is submitted by ``by``. Raises NotTaken, ValueError."""
    ref = Ref.parse(name.strip())

    def work(desk: Desk) -> Ticket:
        kept = desk.find(ref)
        if kept is not None and kept.schedule.status == "draft":
            answer = desk.do(ref, Act("submit", by, at, via=via))
            if isinstance(answer, Refused):
                raise NotTaken(answer)
            kept = desk.find(ref)
        if kept is None:
            raise NotTaken(Refused((Finding("REV-UNKNOWN", params={"schedule": str(ref)}),)))
        if kept.schedule.status not in (*_STATUS["first"], *_STATUS["second"]):
            status = code_lists()["statuses"][kept.schedule.status]
            raise NotTaken(Refused((Finding("REV-NOT-NOW", params={"action": "送审", "status": status}),)))
        return Ticket(ref.schedule_id, ref.version, kept.round, kept.schedule.text_digest)

    return _at_desk(home, work)


def question(home: Home, ticket: Ticket, stage: str) -> str | Outcome:
    """What to put to the reviewer of ``stage`` (Markdown), or the outcome where there is nothing to ask any more."""

    def work(desk: Desk) -> str | Outcome:
        kept = desk.find(ticket.ref)
        if (ended := _ended(kept, ticket, stage)) is not None:
            return ended
        assert kept is not None
        before = desk.before(kept.schedule)
        return brief(kept, stage, desk.lint(kept.schedule), before, diff(before, kept.schedule) if before else None)

    return _at_desk(home, work)


def answer(
    home: Home, ticket: Ticket, stage: str, chosen: str, form: Mapping[str, Any], by: str, at: dt.datetime, via: str
) -> Outcome:
    """Take one person's answer: the stage's acts in one transaction. ``by`` is who logged in, never a field of the form.

    A stage that is decided already gives its outcome. Raises NotTaken, leaving an event, where that person may not decide it or
    the form lacks what the decision needs.
    """

    def work(desk: Desk) -> Outcome:
        if (ended := _ended(desk.find(ticket.ref), ticket, stage)) is not None:
            return ended
        plain = Act("", by, at, _text(form, "opinion"), via=via)
        try:
            plain = dataclasses.replace(plain, approval=_approval(form), day=_day(form, "effective_from"))
        except ValueError as error:
            no_day = Refused((Finding("REV-FORM", params={"reason": str(error)}),))
            desk.note_refusal(ticket.ref, plain, no_day)
            raise NotTaken(no_day) from error
        acts = [dataclasses.replace(plain, action=action) for action in _ACTS[stage][chosen]]
        done = desk.do(ticket.ref, *acts, text_digest=ticket.text_digest)
        if not isinstance(done, Refused):
            return Outcome(chosen, by, done.schedules[0].status)
        if (ended := _ended(desk.find(ticket.ref), ticket, stage)) is not None:
            return ended  # somebody else decided between our look and our act
        desk.note_refusal(ticket.ref, plain, done)
        raise NotTaken(done)

    return _at_desk(home, work)


def standing(home: Home, name: str) -> tuple[str, str]:
    """A version's status, and in words what comes next. Raises ValueError for no name, LookupError for no such version."""

    def work(desk: Desk) -> tuple[str, str]:
        kept = desk.find(Ref.parse(name.strip()))
        if kept is None:
            raise LookupError(name)
        return (
            kept.schedule.status,
            f"《{kept.schedule.name}》{status_words(kept.schedule.status)}。{next_step(kept.schedule)}",
        )

    return _at_desk(home, work)


def _ended(kept: Kept | None, ticket: Ticket, stage: str) -> Outcome | None:
    if kept is None or (kept.round, kept.schedule.text_digest) != (ticket.round, ticket.text_digest):
        return Outcome("", "", kept.schedule.status if kept else "")
    decided = [step for step in kept.this_round() if step.action in _TOLD and step.status_before in _decided_in(stage)]
    if decided:
        return Outcome(_TOLD[decided[-1].action], decided[-1].by, kept.schedule.status)
    return None if kept.schedule.status in _STATUS[stage] else Outcome("", "", kept.schedule.status)


def _decided_in(stage: str) -> tuple[str, ...]:
    return ("first_review",) if stage == "first" else ("second_review",)


def _approval(form: Mapping[str, Any]) -> Approval | None:
    day = _day(form, "approval_date")
    no, org = _text(form, "approval_no"), _text(form, "approval_org")
    return Approval(no, org, day) if no and org and day else None


def _day(form: Mapping[str, Any], name: str) -> dt.date | None:
    """A day of the form, None where it was left empty. Raises ValueError: a slip must not become another day."""
    text = _text(form, name)
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"“{text[:40]}”不是日期，应写作 2026-01-01") from None


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _at_desk(home: Home, work: Callable[[Desk], _T]) -> _T:
    with open_desk(home) as desk:
        return work(desk)
