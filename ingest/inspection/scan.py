"""The night's look for hazards: what is new is raised, what came back is opened again, what is gone is noted. Safe to repeat.

A finding whose hazard is gone stays open until a person closes it with evidence; one that comes back after it was closed as mended
is opened again by the rule, and one whose risk was accepted is left closed while it lasts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.inspection import acts, book
from ingest.inspection.hazards import Hazard
from ingest.inspection.model import Item, Kind, Outcome, Status
from ingest.inspection.rules import RULES, Scene
from ingest.ledger import Ledger, Transaction
from ingest.model import CST
from ingest.settings import ConfigError, Home
from ingest.signatures.trust import TrustError

SEEN, GONE = "inspection_seen", "inspection_gone"
_MACHINE = "rule"  # who raises by rule
_TROUBLE = (ClientError, BotoCoreError, ConfigError, TrustError, OSError, ValueError)


@dataclasses.dataclass(slots=True)
class Scanned:
    """What a scan came to: numbers of findings, and by rule's code why it could not look."""

    raised: list[int] = dataclasses.field(default_factory=list)
    reopened: list[int] = dataclasses.field(default_factory=list)
    gone: list[int] = dataclasses.field(default_factory=list)
    present: int = 0
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def scan(home: Home, ledger: Ledger, at: dt.datetime) -> Scanned:
    """Look by every rule and bring the findings up to date; ``at`` is the night's logical time (aware)."""
    out = Scanned()
    at = at.astimezone(CST)
    for rule, codes in RULES:
        try:
            with ledger.read() as conn:
                found = list(rule(Scene(home, conn, at)))
        except _TROUBLE as why:  # one rule that cannot look must not blind the others
            for code in codes:
                out.unknown[code] = f"{type(why).__name__}: {why}"[:300]
            continue
        with ledger.begin() as tx:
            for code in codes:
                _settle(tx, code, [h for h in found if h.rule == code], at, out)
    return out


def _settle(tx: Transaction, code: str, found: list[Hazard], at: dt.datetime, out: Scanned) -> None:
    known = book.hazards(tx.conn, code)
    seen_at = at.isoformat(timespec="seconds")
    for hazard in found:
        out.present += 1
        item = known.pop(hazard.subject, None)
        if item is None:
            out.raised.append(_raise(tx, hazard, at))
        else:
            _again(tx, item, hazard, at, out)
            book.seen(tx, item.id, seen_at)
    for item in known.values():
        if item.present:
            out.gone.append(item.id)
            book.note(tx, item.id, GONE, {"by": _MACHINE, "as_of": seen_at}, present=False)


def _raise(tx: Transaction, hazard: Hazard, at: dt.datetime) -> int:
    columns: Mapping[str, Any] = {
        "kind": Kind.HAZARD.value, "rule": hazard.rule, "subject": hazard.subject, "level": hazard.level.value,
        "year": at.year, "inspector": "系统巡查", "inspected": hazard.inspected or "本单位", "agency": hazard.agency,
        "problem": hazard.text(), "problem_en": hazard.text("en"), "basis": hazard.basis, "demand": hazard.demand,
        "due": _due(hazard, at), "raised_by": _MACHINE, "present": True, "seen_at": at.isoformat(timespec="seconds"),
    }  # fmt: skip
    return book.enter(tx, columns, {"by": _MACHINE})


def _again(tx: Transaction, item: Item, hazard: Hazard, at: dt.datetime, out: Scanned) -> None:
    words = {"problem": hazard.text(), "problem_en": hazard.text("en")}
    if item.status is Status.CLOSED and (item.outcome is not Outcome.ACCEPTED or not item.present):
        # mended and here again; or accepted, gone since, and back: what was accepted was the other time
        told = {"by": _MACHINE, "reason": hazard.text()}
        acts.reopen_in(tx, item, told, **words, present=True, due=_due(hazard, at))
        out.reopened.append(item.id)
    elif item.problem != hazard.text() or not item.present:
        book.note(tx, item.id, SEEN, {"by": _MACHINE, "problem": hazard.text()}, **words, present=True)


def _due(hazard: Hazard, at: dt.datetime) -> str:
    return (at.date() + dt.timedelta(days=hazard.days)).isoformat()
