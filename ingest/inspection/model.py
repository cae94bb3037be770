"""What a finding of the 整改台账 is: states, levels, and the row as people read it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any


class Kind(enum.StrEnum):
    INSPECTION = "inspection"  # raised by a person: 监督检查反馈意见
    HAZARD = "hazard"  # raised by a rule: 隐患

    def words(self, lang: str = "zh") -> str:
        return {"inspection": ("检查意见", "inspection"), "hazard": ("隐患", "hazard")}[self.value][lang != "zh"]


class Status(enum.StrEnum):
    """销账状态. Only a person other than those who mended it closes a finding."""

    OPEN = "open"
    FIXING = "fixing"  # it has a measure, somebody responsible, and a day
    TO_VERIFY = "to_verify"  # said to be done, with evidence
    CLOSED = "closed"

    def words(self, lang: str = "zh") -> str:
        return _STATUS[self.value][lang != "zh"]


class Level(enum.StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    def words(self, lang: str = "zh") -> str:
        return {"high": ("高", "high"), "medium": ("中", "medium"), "low": ("低", "low")}[self.value][lang != "zh"]


class Outcome(enum.StrEnum):
    MENDED = "mended"
    ACCEPTED = "accepted"  # the risk stays and is known: a rule does not raise it again while it lasts

    def words(self, lang: str = "zh") -> str:
        return {"mended": ("已整改", "mended"), "accepted": ("接受风险", "risk accepted")}[self.value][lang != "zh"]


_STATUS = {
    "open": ("未整改", "open"),
    "fixing": ("整改中", "being mended"),
    "to_verify": ("待验收", "to be verified"),
    "closed": ("已销账", "closed"),
}


class Refused(Exception):
    """An act that is not possible now; the text says why and what to do instead."""


class Stale(Refused):
    """Somebody acted since the page was shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """佐证材料: words, a file (name, size in bytes, SHA-256; kept below the home's ``inspection/evidence``), or both."""

    text: str
    by: str
    at: str
    name: str = ""
    size: int = 0
    sha256: str = ""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One finding as it stands. Days are YYYY-MM-DD, times ISO 8601; ``step`` is the number of its last event.

    ``present`` says of a hazard whether the last scan still found it; None of what a person raised.
    """

    id: int
    kind: Kind
    rule: str | None
    subject: str | None
    level: Level
    status: Status
    year: int
    inspector: str
    inspected: str
    agency: str | None
    problem: str
    problem_en: str
    basis: str
    demand: str
    department: str
    responsible: str
    measure: str
    due: str
    progress: str
    evidence: tuple[Evidence, ...]
    outcome: Outcome | None
    closed_by: str
    closed_at: str
    reopened: int
    present: bool | None
    seen_at: str
    raised_by: str
    raised_at: str
    step: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Item:
        """A row of the ledger's table."""
        given = {f.name: row[f.name] for f in dataclasses.fields(cls)}
        return cls(
            **given
            | {
                "kind": Kind(row["kind"]),
                "level": Level(row["level"]),
                "status": Status(row["status"]),
                "outcome": Outcome(row["outcome"]) if row["outcome"] else None,
                "evidence": tuple(Evidence(**one) for one in row["evidence"]),
            }
        )

    def late(self, day: str) -> bool:
        """Whether its day has passed and it is not closed."""
        return self.status is not Status.CLOSED and self.due < day

    def text(self, lang: str = "zh") -> str:
        return self.problem_en if lang != "zh" and self.problem_en else self.problem

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
