"""The items of DA/T 70-2018 by stage: the catalogues are data, the results follow from the findings.

An item passes only where a machine can judge it and found nothing. What a person must do stays ``manual``; what depends on
something that failed is ``not_applicable`` and says on what.
"""

from __future__ import annotations

import dataclasses
import enum
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


class Stage(enum.StrEnum):
    """The three stages of the standard."""

    GD = "GD"  # 归档
    YJ = "YJ"  # 移交与接收
    BC = "BC"  # 长期保存


_SHEETS = {Stage.GD: "dat70.json", Stage.YJ: "dat70-yj.json", Stage.BC: "dat70-bc.json"}


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One item of a catalogue.

    ``mode`` says who judges it: *automatic* this machine; *scanner* it too, where an anti-virus engine answered; *evidence* it
    too, where the result of a drill is at hand; *later* the batch's report, after filing; *carrier* a person, where there is
    an off-line carrier; *manual* a person always; *not_applicable* nobody.
    """

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

    def concerns(self, finding: Finding | str) -> bool:
        """Whether a finding (or its code) is about this item; ``SIG-*`` stands for all codes that begin so."""
        code = finding if isinstance(finding, str) else subject_code(finding)
        return any(code.startswith(own[:-1]) if own.endswith("*") else code == own for own in self.findings)


@dataclasses.dataclass(frozen=True, slots=True)
class Circumstances:
    """What an item's result depends on besides findings.

    ``engine`` is the anti-virus engine that answered, with the date of its signatures; ``carrier`` an off-line carrier, if
    there is one; ``restored`` the outcome of a restore drill, if there was one; ``filed`` whether numbers have been given.
    """

    engine: str | None = None
    carrier: str | None = None
    restored: bool | None = None
    filed: bool = False


def subject_code(finding: Finding) -> str:
    """The code by which a finding belongs to items: its own, or that of the package's fault which it passes on."""
    return finding.params.get("fault", finding.code)


@cache
def sheet(stage: Stage = Stage.GD) -> Mapping[str, Any]:
    """A stage's data file as it stands, its items resolved: one that is ``like`` another takes over what it does not say."""
    data: dict[str, Any] = json.loads((SCHEMAS / "checks" / _SHEETS[stage]).read_text("utf-8"))
    data["items"] = [_resolved(row, stage) for row in data["items"]]
    return data


def _resolved(row: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    if "like" not in row:
        return dict(row)
    like = str(row["like"])
    of = Stage(like.partition("-")[0])
    base = next(item for item in sheet(of)["items"] if item["code"] == like)
    out: dict[str, Any] = base | {key: value for key, value in row.items() if key not in ("like", "add")}
    out["findings"] = [*out["findings"], *row.get("add", ())]
    out["depends_on"] = [code.replace(f"{of}-", f"{stage}-", 1) for code in out["depends_on"]]
    return out


@cache
def catalogue(stage: Stage = Stage.GD) -> tuple[Item, ...]:
    """All items of a stage, in the order of the standard."""
    return tuple(
        Item(**(row | {"depends_on": tuple(row["depends_on"]), "findings": tuple(row["findings"])}))
        for row in sheet(stage)["items"]
    )


@cache
def items_of(code: str, stage: Stage = Stage.GD) -> tuple[str, ...]:
    """The items that a finding of this code is about."""
    return tuple(item.code for item in catalogue(stage) if item.concerns(code))


def results(
    findings: Iterable[Finding], circumstances: Circumstances | None = None, stage: Stage = Stage.GD
) -> list[dict[str, Any]]:
    """The result of each item: ``{code, level2, nature, zh, en, blocking, result, findings, note?}``."""
    circumstances = circumstances or Circumstances()
    by_item: dict[str, list[Finding]] = {item.code: [] for item in catalogue(stage)}
    for finding in findings:
        for code in items_of(subject_code(finding), stage):
            by_item[code].append(finding)
    failed = {code for code, found in by_item.items() if gravest(found) is Severity.REJECT}
    return [_row(item, by_item[item.code], failed, circumstances) for item in catalogue(stage)]


def _row(item: Item, found: list[Finding], failed: set[str], circumstances: Circumstances) -> dict[str, Any]:
    result, note = _judge(item, found, failed, circumstances)
    row: dict[str, Any] = {
        "code": item.code,
        "level2": item.level2,
        "nature": item.nature,
        "zh": item.zh,
        "en": item.en,
        "blocking": item.blocking,
        "result": result,
        "findings": sorted({subject_code(finding) for finding in found}),
    }
    return row | ({"note": dict(note)} if note else {})


def _judge(
    item: Item, found: list[Finding], failed: set[str], circumstances: Circumstances
) -> tuple[str, Mapping[str, str]]:
    worst = _RESULT[gravest(found)]
    if worst == "fail":
        return "fail", {}
    match item.mode:
        case "scanner":
            return _judge_scan(item, worst, circumstances.engine)
        case "manual":
            return "manual", item.note
        case "carrier":
            return ("manual", item.note) if circumstances.carrier else ("not_applicable", _ON_LINE)
        case "evidence":
            return ("manual", item.note) if circumstances.restored is None else (worst, {})
        case "later" if not circumstances.filed:
            return "not_applicable", item.note
        case "not_applicable":
            return "not_applicable", item.note
    on = [code for code in item.depends_on if code in failed]
    if worst == "pass" and on:
        names = "、".join(on)
        return "not_applicable", {
            "zh": f"因 {names} 未通过，未能全部检测。",
            "en": f"Not wholly checked: {names} failed.",
        }
    return worst, {}


_ON_LINE = {"zh": "没有离线载体。", "en": "There is no off-line carrier."}


def _judge_scan(item: Item, worst: str, engine: str | None) -> tuple[str, Mapping[str, str]]:
    """Passed only if an engine answered and scanned everything; a file that it gave up on is for a person."""
    if engine is None:
        return "manual", item.note
    return ("pass" if worst == "pass" else "manual"), {"zh": f"杀毒引擎：{engine}", "en": f"Engine: {engine}"}
