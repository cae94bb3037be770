"""The items of DA/T 70-2018 for one record: the catalogue is data, the results follow from the findings.

An item passes only where a machine can judge it and found nothing. What a person must do stays ``manual``; what depends on
something that failed is ``not_applicable`` and says on what.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ingest.findings import Finding, Severity, gravest
from ingest.paths import SCHEMAS

_RESULT = {
    Severity.REJECT: "fail",
    Severity.HOLD: "manual",
    Severity.REMARK: "warn",
    Severity.INFO: "pass",
    None: "pass",
}
_ANY = "-*"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One item of the catalogue. ``mode``: automatic, manual, later (another stage judges it), not_applicable, or scanner
    (automatic where an anti-virus engine answered, else manual)."""

    code: str
    level2: str
    nature: str
    zh: str
    en: str
    object: str
    method: str
    basis: str
    blocking: bool
    mode: str
    depends_on: tuple[str, ...]
    findings: tuple[str, ...]
    note: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def concerns(self, code: str) -> bool:
        """Whether a finding of this code is about this item; ``SIG-*`` stands for all codes that begin so."""
        return any(
            code.startswith(own.removesuffix("*")) if own.endswith(_ANY) else code == own for own in self.findings
        )


@cache
def catalogue() -> tuple[Item, ...]:
    """All items of the archiving stage, in the order of the standard."""
    sheet = json.loads((SCHEMAS / "checks" / "dat70.json").read_text("utf-8"))
    return tuple(
        Item(**(row | {"depends_on": tuple(row["depends_on"]), "findings": tuple(row["findings"])}))
        for row in sheet["items"]
    )


@cache
def items_of(code: str) -> tuple[str, ...]:
    """The items that a finding of this code is about."""
    return tuple(item.code for item in catalogue() if item.concerns(code))


def results(findings: Iterable[Finding], engine: str | None = None) -> list[dict[str, Any]]:
    """The result of each item: ``{code, level2, nature, zh, en, blocking, result, findings, note?}``.

    ``engine`` is the anti-virus engine that answered, with the date of its signatures; None if there was none.
    """
    by_item: dict[str, list[Finding]] = {item.code: [] for item in catalogue()}
    for finding in findings:
        for code in items_of(finding.code):
            by_item[code].append(finding)
    failed = {code for code, found in by_item.items() if gravest(found) is Severity.REJECT}
    return [_row(item, by_item[item.code], failed, engine) for item in catalogue()]


def _row(item: Item, found: list[Finding], failed: set[str], engine: str | None) -> dict[str, Any]:
    result, note = _judge_scan(item, found, engine) if item.mode == "scanner" else _judge(item, found, failed)
    row: dict[str, Any] = {
        "code": item.code,
        "level2": item.level2,
        "nature": item.nature,
        "zh": item.zh,
        "en": item.en,
        "blocking": item.blocking,
        "result": result,
        "findings": sorted({finding.code for finding in found}),
    }
    return row | ({"note": dict(note)} if note else {})


def _judge(item: Item, found: list[Finding], failed: set[str]) -> tuple[str, Mapping[str, str]]:
    worst = _RESULT[gravest(found)]
    if item.mode == "not_applicable" or item.mode == "later":
        return ("fail" if worst == "fail" else "not_applicable"), item.note
    if item.mode == "manual":
        return ("fail" if worst == "fail" else "manual"), item.note
    on = [code for code in item.depends_on if code in failed]
    if worst == "pass" and on:
        names = "、".join(on)
        return "not_applicable", {
            "zh": f"因 {names} 未通过，未能全部检测。",
            "en": f"Not wholly checked: {names} failed.",
        }
    return worst, {}


def _judge_scan(item: Item, found: list[Finding], engine: str | None) -> tuple[str, Mapping[str, str]]:
    """Passed only if an engine answered and scanned everything; a file that it gave up on is for a person."""
    if gravest(found) is Severity.REJECT:
        return "fail", {}
    if engine is None:
        return "manual", item.note
    return ("manual" if found else "pass"), {"zh": f"杀毒引擎：{engine}", "en": f"Engine: {engine}"}
