"""四性检测报告 as data: head, item rows, what did not pass, counts by nature and the conclusion, of a record, a package or a batch.

The same object is written as JSON and printed by `ingest.checks.reportform`. Same inputs, same report: its number is made of
its content.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ingest.checks.items import Circumstances, Item, Stage, catalogue, items_of, results, sheet, subject_code
from ingest.findings import Finding, Severity, gravest
from ingest.metadata.parts import rows, section, text, whole
from ingest.model import CST
from sip import canonical

if TYPE_CHECKING:
    from ingest.checks.engine import CheckReport
    from ingest.checks.packages import PackageReport

RESULTS = ("pass", "fail", "warn", "manual", "not_applicable")
NATURES = {"authenticity": "真实性", "integrity": "完整性", "usability": "可用性", "safety": "安全性"}
_TOLD = (Severity.REJECT, Severity.HOLD, Severity.REMARK)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One record as a report takes it: who it is, what was found, and whether it was checked at all.

    What was refused at the door was not: then only the items that its findings name have a result.
    """

    name: str  # 档号, or 办件编号 where there is none yet
    title: str
    files: int
    bytes: int
    findings: Sequence[Finding]
    circumstances: Circumstances
    checked: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One item: how many records came to each result, and what was said of those that did not pass."""

    item: Item
    counts: Mapping[str, int]
    note: str
    fields: tuple[str, ...]

    @property
    def result(self) -> str:
        """The result of the item as a whole: the gravest that any record has."""
        order = ("fail", "manual", "warn", "pass", "not_applicable")
        return next((result for result in order if self.counts[result]), "not_applicable")


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """One finding that a reader must see: which record, which items, why, and what becomes of it."""

    name: str
    title: str
    items: tuple[str, ...]
    code: str
    severity: str
    place: str
    zh: str
    en: str


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """One 四性检测报告. ``head`` are further lines of its head (label → text); ``unchecked`` of its records
    were refused or held at the door; ``conclusion`` is pass, remark, hold or reject."""

    stage: Stage
    subject: str
    head: Mapping[str, str]
    checked_at: dt.datetime
    records: int
    files: int
    bytes: int
    unchecked: int
    scanner: str | None
    lines: tuple[Line, ...]
    told: tuple[Told, ...]
    conclusion: str

    @property
    def number(self) -> str:
        """报告编号: stage, day, and the beginning of the digest of the content."""
        digest = hashlib.sha256(canonical.dumps(self._content())).hexdigest()[:12]
        return f"{self.stage}-{self.checked_at.astimezone(CST):%Y%m%d}-{digest}"

    def by_nature(self) -> dict[str, dict[str, int]]:
        """Counts of items by nature and result."""
        out = {nature: dict.fromkeys(RESULTS, 0) for nature in NATURES}
        for line in self.lines:
            out[line.item.nature][line.result] += 1
        return out

    def as_json(self) -> dict[str, Any]:
        return {"schema": "guidang.check-report/1.0", "number": self.number, **self._content()}

    def _content(self) -> dict[str, Any]:
        data = sheet(self.stage)
        return {
            "stage": self.stage.value,
            "standard": data["standard"],
            "scheme_version": data["version"],
            "software": software(),
            "scanner": self.scanner,
            "subject": self.subject,
            "head": dict(self.head),
            "checked_at": self.checked_at.isoformat(),
            "records": self.records,
            "files": self.files,
            "bytes": self.bytes,
            "unchecked": self.unchecked,
            "items": [_line_json(line) for line in self.lines],
            "by_nature": self.by_nature(),
            "told": [dataclasses.asdict(told) for told in self.told],
            "conclusion": self.conclusion,
        }


def _line_json(line: Line) -> dict[str, Any]:
    item = line.item
    return {
        "code": item.code, "level2": item.level2, "nature": item.nature, "zh": item.zh, "en": item.en, "mode": item.mode,
        "blocking": item.blocking, "result": line.result, "counts": dict(line.counts), "note": line.note,
        "fields": list(line.fields),
    }  # fmt: skip


@cache
def software() -> str:
    """Name and version of this engine, for the head of a report."""
    return f"Guidang {metadata.version('guidang')}"


def of_parts(
    stage: Stage, subject: str, head: Mapping[str, str], checked_at: dt.datetime, parts: Sequence[Part],
    whole_package: Sequence[Finding] = (), items: Sequence[Mapping[str, Any]] | None = None,
) -> Report:  # fmt: skip
    """The report of several records; ``whole_package`` are findings on what holds them, ``items`` its own results if any."""
    rows_of = [items] if items is not None else [_rows(part, stage) for part in parts]
    codes = {item.code: dict.fromkeys(RESULTS, 0) for item in catalogue(stage)}
    notes: dict[str, str] = {}
    for found in rows_of:
        for row in found:
            codes[row["code"]][row["result"]] += 1
            if row.get("note") and (row["result"] != "not_applicable" or row["code"] not in notes):
                notes[row["code"]] = row["note"]["zh"]
    fields: dict[str, dict[str, None]] = {}
    for finding in [*whole_package, *(finding for part in parts for finding in part.findings)]:
        for code in items_of(subject_code(finding), stage):
            if finding.field and finding.weight is not Severity.INFO:
                fields.setdefault(code, {})[finding.field] = None
    lines = tuple(
        Line(item, codes[item.code], notes.get(item.code, ""), tuple(fields.get(item.code, ()))[:5])
        for item in catalogue(stage)
    )
    told = [_told("", "", finding, stage) for finding in whole_package if finding.weight in _TOLD]
    told += [
        _told(part.name, part.title, finding, stage)
        for part in parts
        for finding in part.findings
        if finding.weight in _TOLD
    ]
    told.sort(key=lambda t: _TOLD.index(Severity(t.severity)))
    worst = gravest([*whole_package, *(finding for part in parts for finding in part.findings)])
    scanners = sorted({part.circumstances.engine for part in parts if part.circumstances.engine})
    return Report(
        stage=stage,
        subject=subject,
        head=head,
        checked_at=checked_at,
        records=len(parts),
        files=sum(part.files for part in parts),
        bytes=sum(part.bytes for part in parts),
        unchecked=sum(not part.checked for part in parts),
        scanner="；".join(scanners) or None,
        lines=lines,
        told=tuple(told),
        conclusion="pass" if worst in (None, Severity.INFO) else str(worst),
    )


def _rows(part: Part, stage: Stage) -> list[dict[str, Any]]:
    found = results(part.findings, part.circumstances, stage)
    if part.checked:
        return found
    return [row if row["findings"] else row | {"result": "not_applicable", "note": None} for row in found]


def _told(name: str, title: str, finding: Finding, stage: Stage) -> Told:
    place = " ".join(part for part in (finding.path, finding.field) if part)
    return Told(
        name, title, items_of(subject_code(finding), stage), subject_code(finding), finding.weight.value, place,
        finding.text("zh"), finding.text("en"),
    )  # fmt: skip


def of_record(report: CheckReport, checked_at: dt.datetime) -> Report:
    """The report of one record at archiving."""
    record = report.record
    about = section(record, "record")
    case_no = text(section(record, "case"), "case_no") or ""
    files = [file for _, file in rows(record, "files")]
    size = sum(whole(section(file, "archived"), "size") or 0 for file in files)
    head = {
        "办件编号": case_no,
        "题名": text(about, "title") or "",
        "全宗": " ".join(part for part in (text(about, "fonds_no"), text(about, "fonds_unit")) if part),
        "登记文件数": str(len(files)),
    }
    part = Part(case_no, head["题名"], len(report.formats), size, report.findings, report.circumstances)
    return of_parts(Stage.GD, case_no, head, checked_at, [part])


def of_package(report: PackageReport, checked_at: dt.datetime, head: Mapping[str, str] | None = None) -> Report:
    """The report of a package at transfer or in keeping."""
    parts = [Part(r.archival_code, r.title, r.files, r.bytes, r.findings, report.circumstances) for r in report.records]
    return of_parts(report.stage, report.name, head or {}, checked_at, parts, report.whole, report.items)
