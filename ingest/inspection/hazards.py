"""隐患 as data: what a rule found, and the sheet that says how grave it is, until when it is mended, and in which words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from ingest.inspection.model import Level
from ingest.paths import SCHEMAS


@dataclasses.dataclass(frozen=True, slots=True)
class Hazard:
    """One hazard: the rule's code in ``schemas/inspection/hazards.json``, what it was found in (the same thing night after night),
    the agency it is about, and the words' parameters."""

    rule: str
    subject: str
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    agency: str | None = None
    inspected: str = ""  # 被检查单位, where it is another than the archive itself

    def text(self, lang: str = "zh") -> str:
        return str(entry(self.rule)[lang]).format_map(self.params)

    @property
    def level(self) -> Level:
        return Level(entry(self.rule)["level"])

    @property
    def days(self) -> int:
        return int(entry(self.rule)["days"])

    @property
    def basis(self) -> str:
        return str(entry(self.rule)["basis"])

    @property
    def demand(self) -> str:
        return str(entry(self.rule)["demand"])


def entry(rule: str) -> Mapping[str, Any]:
    """What the sheet says about a rule. KeyError for one that it does not know."""
    found: Mapping[str, Any] = sheet()[rule]
    return found


@cache
def sheet() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / "inspection" / "hazards.json").read_text("utf-8"))
    return {code: row for code, row in loaded.items() if code != "schema"}
