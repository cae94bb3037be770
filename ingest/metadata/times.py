"""Times of a case: real moments, in an order that can have happened, none in the future."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata import codelists
from ingest.metadata.parts import rows, section, text
from ingest.model import CST

# What must not come before what (domain: order of the business acts). Each is taken at its first occurrence.
_MILESTONES = ("apply", "receive", "accept", "approve", "decide", "close", "deliver", "file")
_FIELDS = ("applied_at", "accepted_at", "decided_at", "closed_at")
_ACTION_OF = {"applied_at": "apply", "accepted_at": "accept", "closed_at": "close"}
_CLOCK_SKEW = dt.timedelta(minutes=5)
_FOUNDING = dt.datetime(1949, 10, 1, tzinfo=CST)
_AT_ONCE = "1"  # 即办件
_COMMITTED = "2"  # 承诺件
_SENT_BACK, _NEVER_COMPLETED = "1", "5"


def moment(given: str) -> dt.datetime | None:
    """An ISO 8601 moment; without a zone it is China's. None if there is no such moment (30 February)."""
    try:
        value = dt.datetime.fromisoformat(given)
        value = value if value.tzinfo else value.replace(tzinfo=CST)
        value.astimezone(CST)  # year 1 or 9999 cannot be shifted
    except (ValueError, OverflowError):
        return None
    return value


def check(case: Any, as_of: dt.datetime) -> Iterator[Finding]:
    """Findings on times; ``as_of`` is the moment against which "future" is judged."""
    known: dict[str, dt.datetime] = {}
    for field, given in _given(case):
        value = moment(given)
        if value is None:
            yield Finding("MET-NO-SUCH-TIME", field=field)
            continue
        known[field] = value
        if value > as_of + _CLOCK_SKEW:
            yield Finding("MET-TIME-FUTURE", field=field, params={"as_of": as_of.astimezone(CST).isoformat()})
        elif value < _FOUNDING:
            yield Finding("MET-TIME-TOO-OLD", field=field)
    yield from _check_date(case, as_of)
    first = _first_events(case, known)
    yield from _check_order([(f"/case/{name}", known[f"/case/{name}"]) for name in _FIELDS if f"/case/{name}" in known])
    yield from _check_order([(first[action][0], first[action][1]) for action in _MILESTONES if action in first])
    yield from _check_same_moment(known, first)
    yield from _check_history(case, known, first)


def _given(case: Any) -> Iterator[tuple[str, str]]:
    body = section(case, "case")
    for name in _FIELDS:
        if given := text(body, name):
            yield f"/case/{name}", given
    for index, event in rows(case, "events"):
        if given := text(event, "at"):
            yield f"/events/{index}/at", given
    for index, file in rows(case, "files"):
        if given := text(file, "created_at"):
            yield f"/files/{index}/created_at", given


def _check_date(case: Any, as_of: dt.datetime) -> Iterator[Finding]:
    given = text(section(case, "record"), "date")
    if given is None:
        return
    try:
        date = dt.date.fromisoformat(given)
    except ValueError:
        yield Finding("MET-NO-SUCH-TIME", field="/record/date")
        return
    if date > as_of.astimezone(CST).date():
        yield Finding("MET-TIME-FUTURE", field="/record/date", params={"as_of": as_of.astimezone(CST).isoformat()})
    elif date < _FOUNDING.date():
        yield Finding("MET-TIME-TOO-OLD", field="/record/date")


def _first_events(case: Any, known: Mapping[str, dt.datetime]) -> dict[str, tuple[str, dt.datetime]]:
    """The earliest event of each action, with its pointer."""
    first: dict[str, tuple[str, dt.datetime]] = {}
    for index, event in rows(case, "events"):
        field, action = f"/events/{index}/at", text(event, "action")
        if action and field in known and (action not in first or known[field] < first[action][1]):
            first[action] = (field, known[field])
    return first


def _check_order(chain: list[tuple[str, dt.datetime]]) -> Iterator[Finding]:
    for (earlier, before), (later, after) in itertools.pairwise(chain):
        if before > after:
            yield Finding("MET-TIME-ORDER", field=later, params={"earlier": earlier})


def _check_same_moment(
    known: Mapping[str, dt.datetime], first: Mapping[str, tuple[str, dt.datetime]]
) -> Iterator[Finding]:
    for name, action in _ACTION_OF.items():
        field = f"/case/{name}"
        if field in known and action in first and known[field] != first[action][1]:
            yield Finding("MET-TIME-DISAGREE", field=field, params={"with": first[action][0]})


def _check_history(
    case: Any, known: Mapping[str, dt.datetime], first: Mapping[str, tuple[str, dt.datetime]]
) -> Iterator[Finding]:
    """The handling history is whole: the acts that must be there are, and what was opened was closed (GD-2-5)."""
    if not any(rows(case, "events")):  # the schema check has said so
        return
    body = section(case, "case")
    result = text(section(body, "result"), "code")
    at_once = text(section(body, "service_kind"), "code") == _AT_ONCE
    present = {action for _, event in rows(case, "events") if (action := text(event, "action"))}
    needed = ["close"] if at_once else ["apply", "accept", "close"]
    if {"reject_accept"} & present or result in (_SENT_BACK, _NEVER_COMPLETED):
        needed = [action for action in needed if action != "accept"]
    for action in needed:
        if action not in present:
            name = codelists.load("event_action").text("guidang", action)
            yield Finding("MET-EVENT-MISSING", field="/events", params={"action": str(name)})
    if "special_start" in present and not _answered("special_start", "special_end", case, known, first):
        yield Finding("MET-EVENT-UNPAIRED", field="/events", params={"action": "特别程序"})
    if (
        "correction_notice" in present
        and result != _NEVER_COMPLETED
        and not _answered("correction_notice", "correction_accept", case, known, first)
    ):
        yield Finding("MET-EVENT-UNPAIRED", field="/events", params={"action": "补交告知"})
    yield from _check_two_persons(case)


def _answered(
    opening: str,
    closing: str,
    case: Any,
    known: Mapping[str, dt.datetime],
    first: Mapping[str, tuple[str, dt.datetime]],
) -> bool:
    """Whether each ``opening`` has its own later ``closing``, and the last stands before the case was closed."""
    opened, closed = _times(opening, case, known), _times(closing, case, known)
    if len(opened) != len(closed) or any(a > b for a, b in zip(opened, closed, strict=True)):
        return False
    return "close" not in first or not closed or closed[-1] <= first["close"][1]


def _times(action: str, case: Any, known: Mapping[str, dt.datetime]) -> list[dt.datetime]:
    fields = [f"/events/{index}/at" for index, event in rows(case, "events") if event.get("action") == action]
    return sorted(known[field] for field in fields if field in known)


def _check_two_persons(case: Any) -> Iterator[Finding]:
    if text(section(case, "case", "service_kind"), "code") != _COMMITTED:
        return
    reviewers = {text(e, "agent_id") for _, e in rows(case, "events") if e.get("action") == "review"} - {None}
    for index, event in rows(case, "events"):
        if event.get("action") == "approve" and text(event, "agent_id") in reviewers:
            yield Finding("MET-EVENT-SAME-PERSON", field=f"/events/{index}/agent_id")
