"""What an alarm of a code says and where its page is: ``schemas/operations/alarms.json`` and ``docs/operations/<code>.md``."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

from ingest.paths import ROOT, SCHEMAS

PAGES = ROOT / "docs" / "operations"


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One code: what it means and what to do next, in both languages."""

    code: str
    zh: str
    en: str
    next_zh: str
    next_en: str

    @property
    def page(self) -> str:
        return f"docs/operations/{self.code}.md"


@cache
def kinds() -> dict[str, Kind]:
    """All codes."""
    sheet = json.loads((SCHEMAS / "operations" / "alarms.json").read_text("utf-8"))["alarms"]
    return {code: Kind(code, **words) for code, words in sheet.items()}
