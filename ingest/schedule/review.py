"""Review of a version by the archive administration: which step is allowed when, by whom, and the event that it leaves.

    draft → submitted → first_review → second_review → approved → in_force → superseded | revoked
                             └──────────────┴─→ returned → draft

Pure functions: they take a version, its history and an act, and give the changed versions with their events, or a refusal.
Storing both in one transaction is the part of ``ingest.review``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ingest.findings import Finding, Severity
from ingest.people import plain
from ingest.schedule.codes import code_lists
from ingest.schedule.diff import pair
from ingest.schedule.load import consistency, contradictions
from ingest.schedule.model import Approval, Entry, Schedule

# action → (from which states, to which); the words are shown to the person who acts
ACTIONS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "edit": (("draft",), "draft", "修改"),
    "submit": (("draft",), "submitted", "送审"),
    "accept": (("submitted",), "first_review", "受理初审"),
    "pass": (("first_review",), "second_review", "初审通过"),
    "return": (("first_review", "second_review"), "returned", "退回修改"),
    "redraft": (("returned",), "draft", "重新起草"),
    "approve": (("second_review",), "approved", "批复同意"),
    "enforce": (("approved",), "in_force", "施行"),
    "supersede": (("in_force",), "superseded", "被替代"),
    "revoke": (("in_force",), "revoked", "废止"),
}
_REVIEWERS_ACTS = ("accept", "pass", "return", "approve")
_WITH_OPINION = ("return", "revoke")
_WRITERS_ACTS = ("create", "edit", "submit")
# how a version comes into the ledger: as a first draft, or as one that was approved before this system
BEGINNINGS = {"create": ("draft",), "adopt": ("in_force", "superseded", "revoked")}


@dataclasses.dataclass(frozen=True, slots=True)
class Act:
    """What one person wants to do. ``at`` is aware; ``approval`` goes with approve, ``day`` (施行日) with enforce,
    ``content`` (the changed draft) with edit; ``via`` says how the person was known (an account of the machine, of Airflow).
    """

    action: str
    by: str
    at: dt.datetime
    opinion: str = ""
    approval: Approval | None = None
    day: dt.date | None = None
    content: Schedule | None = None
    via: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ReviewEvent:
    """One step as it goes into the chain: who, when, why, and the whole head of the version after it.

    Digests are of the whole version (``Schedule.digest``), ``text_digest`` of its text alone. ``rows`` are the changed entries:
    number, SHA-256 before and after (None: absent).
    """

    schedule_id: str
    version: str
    action: str
    by: str
    at: str
    opinion: str
    status_before: str
    status_after: str
    digest_before: str
    digest_after: str
    text_digest: str
    via: str = ""
    effective_from: str | None = None
    effective_to: str | None = None
    approval: dict[str, str] | None = None
    rows: tuple[tuple[str, str | None, str | None], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"rows": [list(row) for row in self.rows]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ReviewEvent:
        return cls(**data | {"rows": tuple((str(no), before, after) for no, before, after in data["rows"])})


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """The versions changed by an act (the one acted on first) and their events, in the same order."""

    schedules: tuple[Schedule, ...]
    events: tuple[ReviewEvent, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """Why an act is not allowed; nothing changed."""

    findings: tuple[Finding, ...]


def begin(schedule: Schedule, act: Act) -> Done | Refused:
    """The first step of a version in the ledger: ``create`` a draft, or ``adopt`` one that was approved before this system.

    Raises ValueError as ``decide`` does.
    """
    if act.action not in BEGINNINGS or act.at.tzinfo is None:
        raise ValueError(f"not a beginning: {act.action!r} at {act.at}")
    out = [] if act.by.strip() else [Finding("REV-NOBODY")]
    if schedule.status not in BEGINNINGS[act.action]:
        status = code_lists()["statuses"][schedule.status]
        out.append(Finding(f"REV-{act.action.upper()}", params={"schedule": schedule.name, "status": status}))
    if out:
        return Refused(tuple(out))
    return Done((schedule,), (_event(None, schedule, act),))


def refusal(schedule: Schedule, act: Act, findings: Sequence[Finding]) -> ReviewEvent:
    """The event that an answer was not taken, and why; the version stays as it is."""
    reasons = "；".join(finding.text() for finding in findings)
    return _event(schedule, schedule, dataclasses.replace(act, action="refused", opinion=reasons))


def decide(
    schedule: Schedule,
    act: Act,
    history: Sequence[ReviewEvent],
    *,
    peers: Sequence[Schedule] = (),
    checked: Sequence[Finding] = (),
) -> Done | Refused:
    """Take one step with a version.

    ``history`` are all events of this version in order; ``peers`` the other versions of the fonds (for enforce: the one in
    force is superseded on the new one's first day); ``checked`` the findings of lint (for submit). Raises ValueError for an
    unknown action or a time without zone, which only a program can get wrong.
    """
    if act.action not in ACTIONS or act.at.tzinfo is None:
        raise ValueError(f"not an act of review: {act.action!r} at {act.at}")
    refusals = _guards(schedule, act, history, checked)
    if refusals:
        return Refused(tuple(refusals))
    after = _after(schedule, act)
    wrong = consistency(after, after.name) if act.action in ("edit", "enforce") else []
    if wrong:
        return Refused(tuple(wrong))
    if act.action == "enforce":
        return _enforce(schedule, after, act, peers)
    return Done((after,), (_event(schedule, after, act),))


def _guards(schedule: Schedule, act: Act, history: Sequence[ReviewEvent], checked: Sequence[Finding]) -> list[Finding]:
    statuses, words = code_lists()["statuses"], ACTIONS[act.action][2]
    out = []
    told = (history[-1].status_after, history[-1].digest_after) if history else ("draft", schedule.digest)
    if told != (schedule.status, schedule.digest):
        out.append(Finding("REV-HISTORY", params={"schedule": schedule.name}))
    if schedule.status not in ACTIONS[act.action][0]:
        out.append(Finding("REV-NOT-NOW", params={"action": words, "status": statuses[schedule.status]}))
    if not act.by.strip():
        out.append(Finding("REV-NOBODY"))
    if act.action in _REVIEWERS_ACTS and plain(act.by) in _writers(history):
        out.append(Finding("REV-FOUR-EYES", params={"by": act.by, "action": words}))
    if act.action in _WITH_OPINION and not act.opinion.strip():
        out.append(Finding("REV-OPINION", params={"action": words}))
    if act.action == "submit":
        bad = [finding for finding in checked if finding.weight is Severity.REJECT]
        if bad:
            out.append(Finding("REV-LINT", params={"count": str(len(bad)), "first": bad[0].text()}))
    if act.action == "approve" and not (act.approval and act.approval.no.strip() and act.approval.org.strip()):
        out.append(Finding("REV-APPROVAL"))
    if act.action == "enforce":
        out += _day_of_effect(schedule, act)
    if (
        act.action == "edit"
        and schedule.status == "draft"
        and (act.content is None or _identity(act.content) != _identity(schedule))
    ):
        out.append(Finding("REV-EDIT", params={"schedule": schedule.name}))
    return out


def _writers(history: Sequence[ReviewEvent]) -> set[str]:
    """Who wrote or sent the version: whoever did must not review it (four eyes)."""
    return {plain(event.by) for event in history if event.action in _WRITERS_ACTS}


def _identity(schedule: Schedule) -> tuple[str, str, str, str]:
    return schedule.schedule_id, schedule.version, schedule.fonds_no, schedule.status


def _day_of_effect(schedule: Schedule, act: Act) -> list[Finding]:
    day = act.day or schedule.effective_from
    approval = schedule.approval
    if day is None:
        return [Finding("REV-DAY", params={"reason": "没有施行日期"})]
    if approval is not None and day < approval.date:  # 令第8号 art. 12: carried out only after it was agreed to
        return [Finding("REV-DAY", params={"reason": f"施行日期 {day} 早于批复日期 {approval.date}"})]
    return []


def _after(schedule: Schedule, act: Act) -> Schedule:
    status = ACTIONS[act.action][1]
    if act.action == "edit" and act.content is not None:
        return act.content
    if act.action == "approve":
        return dataclasses.replace(schedule, status=status, approval=act.approval)
    if act.action == "enforce":
        return dataclasses.replace(schedule, status=status, effective_from=act.day or schedule.effective_from)
    if act.action == "supersede":
        return dataclasses.replace(schedule, status=status, effective_to=act.day)
    return dataclasses.replace(schedule, status=status)


def _enforce(schedule: Schedule, after: Schedule, act: Act, peers: Sequence[Schedule]) -> Done | Refused:
    """Bring a version into force and end the one before it on the same day, so that no day has none or two."""
    changed, events = [after], [_event(schedule, after, act)]
    others: list[Schedule] = []
    for peer in peers:
        first = peer.effective_from
        ends = peer.status == "in_force" and peer.fonds_no == after.fonds_no and peer.effective_to is None
        if ends and first is not None and after.effective_from is not None and first < after.effective_from:
            ending = dataclasses.replace(
                act, action="supersede", day=after.effective_from, opinion=f"由 {after.name} 替代"
            )
            ended = _after(peer, ending)
            changed.append(ended)
            events.append(_event(peer, ended, ending))
            others.append(ended)
        else:
            others.append(peer)
    clashes = contradictions([after, *others])
    return Refused(tuple(clashes)) if clashes else Done(tuple(changed), tuple(events))


def _event(before: Schedule | None, after: Schedule, act: Act) -> ReviewEvent:
    old_entries = before if before is not None else dataclasses.replace(after, entries=())
    rows = [
        (entry.entry_no, row_digest(old), row_digest(new))
        for old, new in (pair(old_entries, after) if act.action in ("edit", "create", "adopt") else [])
        if old != new and (entry := new or old) is not None
    ]
    head = after.as_json()
    return ReviewEvent(
        schedule_id=after.schedule_id,
        version=after.version,
        action=act.action,
        by=act.by,
        at=act.at.isoformat(),
        opinion=act.opinion,
        status_before=before.status if before else "",
        status_after=after.status,
        digest_before=before.digest if before else "",
        digest_after=after.digest,
        text_digest=after.text_digest,
        via=act.via,
        effective_from=head["effective_from"],
        effective_to=head["effective_to"],
        approval=head["approval"],
        rows=tuple(sorted(rows, key=str)),
    )


def row_digest(entry: Entry | None) -> str | None:
    """SHA-256 (hex) of one entry's canonical JSON; None for no entry."""
    if entry is None:
        return None
    text = json.dumps(entry.as_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
