"""三合一 versions as the ledger has them, and which on-line matters they reach."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from desk.roles import User
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.review import shelf
from ingest.schedule import ScheduleSet
from ingest.schedule.coverage import coverage
from ingest.schedule.matters import matters_by_fonds
from ingest.schedule.rulings import FOLDER, load_rulings
from ingest.settings import Home

_WAITING = "FIL-UNSCHEDULED"


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """One version without its text: a row of the list."""

    schedule_id: str
    version: str
    fonds_no: str
    status: str
    effective_from: str | None
    effective_to: str | None
    approval: str
    text_digest: str


@dataclasses.dataclass(frozen=True, slots=True)
class Matter:
    """One on-line matter of a fonds: ``state`` is covered, uncovered, ruled (filed by a ruling) or waiting (records are held for want
    of an entry); ``records`` is how many wait."""

    code: str
    name: str
    state: str
    records: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """How far the version in force of one fonds reaches."""

    fonds_no: str
    name: str
    version: str | None
    matters: tuple[Matter, ...]

    @property
    def covered(self) -> int:
        return sum(m.state in ("covered", "ruled") for m in self.matters)


def fonds_of(home: Home, user: User) -> str | None:
    """The fonds that a producer's own agency files into; None for those who see all. "" where its agency has left the registry."""
    if user.agency is None:
        return None
    agency = home.agencies().get(user.agency)
    return agency.fonds_no if agency else ""


def heads(ledger: Ledger, fonds_no: str | None) -> list[Head]:
    """All versions by fonds, the newest first in each."""
    with ledger.read() as conn:
        rows = [row for row in shelf.heads(conn) if fonds_no in (None, row["fonds_no"])]
    made = [
        Head(r["schedule_id"], r["version"], r["fonds_no"], r["status"], r["effective_from"], r["effective_to"],
             " ".join(filter(None, (r["approval_no"], r["approval_org"], r["approval_date"]))), r["text_digest"])
        for r in rows
    ]  # fmt: skip
    return sorted(made, key=lambda h: (h.fonds_no, h.schedule_id, _backwards(h.version)))


def _backwards(version: str) -> tuple[int, ...]:
    return tuple(-ord(char) for char in version)


def reach(home: Home, ledger: Ledger, day: dt.date, fonds_no: str | None) -> list[Reach]:
    """Each fonds of the registry with its declared matters (config/matters.json) and those that records wait for. Raises BadMatters,
    ScheduleError, ConfigError for files that cannot be used."""
    agencies = [a for a in home.agencies().values() if fonds_no in (None, a.fonds_no)]
    declared = matters_by_fonds(home.matters, {a.id: a.fonds_no for a in home.agencies().values()})
    rulings = load_rulings(home.schedules / FOLDER)
    with ledger.read() as conn:
        schedules = ScheduleSet(shelf.classifying(conn), ())
        held = conn.execute(
            sa.select(record.c.findings).where(record.c.state == State.HELD.value)
        ).scalars().all()  # fmt: skip
    waiting = _waiting(held)
    ruled = {(r.fonds_no, r.matter_code) for r in rulings}
    lines = coverage(schedules, [dict(a.raw) for a in agencies], declared, (), day)
    names = {line.fonds_no: line for line in lines}
    return [
        Reach(no, line.name, line.version, _matters(no, declared.get(no, []), set(line.uncovered), ruled, waiting))
        for no, line in sorted(names.items())
    ]


def _waiting(held: Sequence[Sequence[Mapping[str, Any]]]) -> Counter[tuple[str, str, str]]:
    told = [f.get("params", {}) for findings in held for f in findings if f["code"] == _WAITING]
    return Counter((p.get("fonds", ""), p.get("code", ""), p.get("matter", "")) for p in told)


def _matters(
    fonds_no: str, declared: Sequence[Mapping[str, Any]], bare: set[str], ruled: set[tuple[str, str]],
    waiting: Counter[tuple[str, str, str]],
) -> tuple[Matter, ...]:  # fmt: skip
    held = {code: (name, number) for (no, code, name), number in waiting.items() if no == fonds_no}
    out = []
    for row in declared:
        code, name = str(row.get("implementation_code", "")), str(row.get("name", ""))
        number = held.pop(code, ("", 0))[1]
        state = "waiting" if number else "covered"
        if name in bare:
            state = "ruled" if (fonds_no, code) in ruled else state if number else "uncovered"
        out.append(Matter(code, name, state, number))
    out += [Matter(code, name, "waiting", number) for code, (name, number) in sorted(held.items())]
    return tuple(out)
