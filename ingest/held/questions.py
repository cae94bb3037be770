"""What a held record asks, and which decisions answer it: rules of ``schemas/held/questions.json`` over finding codes."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from ingest.findings import Finding, Severity
from ingest.model import State
from ingest.paths import SCHEMAS

# The state from which a record lost in a stage starts again: the stage's input.
_INPUT = {
    "receive": State.LISTED,
    "check": State.RECEIVED,
    "file": State.CHECKED,
    "package": State.FILED,
    "deposit": State.PACKAGED,
}
_ORDER = [State.LISTED, State.RECEIVED, State.CHECKED, State.FILED, State.PACKAGED]


class Action(enum.StrEnum):
    """What a person may decide about one held record."""

    RECHECK = "recheck"  # do again what held it: trust, configuration or the machine have changed
    ACCEPT = "accept"  # go on with the doubt, as a remark that names who accepted it
    RETURN = "return"  # rejected; the producer gets a receipt with the reason
    NEXT_VERSION = (
        "next_version"  # the version's place is taken by other content: archive it as the case's next version
    )

    def words(self, lang: str = "zh") -> str:
        return str(_sheet()["decisions"][self.value][lang])


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What one finding code asks. ``command`` is where it is answered for many records at once, if anywhere."""

    code: str
    zh: str
    en: str
    decisions: tuple[Action, ...]
    resume: str
    command: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """All that one record asks: ``codes`` (sorted) hold it; ``resume`` is where it starts again when it is tried again."""

    codes: tuple[str, ...]
    asked: tuple[Asked, ...]
    resume: State

    @property
    def decisions(self) -> tuple[Action, ...]:
        """What can be decided: what answers every code; accepting is offered where it settles at least one."""
        some = {action for asked in self.asked for action in asked.decisions}
        return tuple(
            action
            for action in Action
            if action in some and (action is Action.ACCEPT or all(action in asked.decisions for asked in self.asked))
        )

    @property
    def acceptable(self) -> tuple[str, ...]:
        """The codes that a person may accept with a remark."""
        return tuple(asked.code for asked in self.asked if Action.ACCEPT in asked.decisions)

    def as_json(self) -> dict[str, Any]:
        return {
            "codes": list(self.codes),
            "decisions": [action.value for action in self.decisions],
            "acceptable": list(self.acceptable),
            "questions": [
                {"code": a.code, "zh": a.zh, "en": a.en} | ({"command": a.command} if a.command else {})
                for a in self.asked
            ],
        }


def question(findings: Sequence[Finding]) -> Question:
    """What a record held by these findings asks."""
    holding = sorted({f.code: f for f in findings if f.weight is Severity.HOLD}.items())
    asked = tuple(ask(code) for code, _ in holding)
    starts = [_resume(each, finding) for each, (_, finding) in zip(asked, holding, strict=True)]
    return Question(tuple(code for code, _ in holding), asked, min(starts, key=_ORDER.index, default=State.RECEIVED))


def ask(code: str) -> Asked:
    """The question of one finding code; the sheet's last row answers for every code that has no row of its own."""
    for row in _sheet()["questions"]:
        if _speaks_of(row["codes"], code):
            return Asked(
                code,
                row["zh"],
                row["en"],
                tuple(Action(d) for d in row["decisions"]),
                row["resume"],
                row.get("command"),
            )
    raise KeyError(code)


def _resume(asked: Asked, finding: Finding) -> State:
    if asked.resume == "stage":
        return _INPUT[finding.params["stage"]]
    return State(asked.resume)


def _speaks_of(patterns: Iterable[str], code: str) -> bool:
    return any(code.startswith(p.removesuffix("*")) if p.endswith("*") else code == p for p in patterns)


def kept(findings: Iterable[Finding], resume: State) -> list[Finding]:
    """The findings that stay true when a record starts again from ``resume``: those of the stages before."""
    dropped = {
        State.LISTED: ("",),
        State.CHECKED: ("FIL-", "DEP-"),
        State.FILED: ("DEP-",),
        State.PACKAGED: ("DEP-",),
    }
    out = [f for f in findings if f.code not in ("RCV-WORKER-LOST", "RCV-VERSION-CONFLICT")]
    if resume is State.RECEIVED:
        return [f for f in out if f.code.startswith(("RCV-", "HLD-AS-VERSION"))]
    return [f for f in out if not f.code.startswith(dropped[resume])]


@cache
def _sheet() -> Any:
    return json.loads((SCHEMAS / "held" / "questions.json").read_text("utf-8"))
