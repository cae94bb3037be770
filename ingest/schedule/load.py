"""Read and validate schedules from JSON. What is wrong comes out as findings in one error, never as a half-read schedule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from ingest.findings import Finding
from ingest.metadata import strictjson
from ingest.paths import SCHEMAS
from ingest.schedule.model import Schedule

MAX_BYTES = 32 * 1024 * 1024  # a schedule of 20,000 entries is about 12 MB


class ScheduleError(ValueError):
    """A schedule that cannot be used; ``findings`` say why, each with the file in ``path``."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("；".join(f"{f.path}: {f.text()}" if f.path else f.text() for f in findings[:20]))
        self.findings = tuple(findings)


@cache
def _validator() -> Any:
    schema = json.loads((SCHEMAS / "schedule-1.0.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def parse_schedule(content: bytes, name: str) -> Schedule:
    """One schedule from the bytes of its JSON file; ``name`` is shown in messages.

    Raises ScheduleError with SCH-JSON, SCH-SHAPE, SCH-DAYS or the codes of ``consistency`` when the content is wrong.
    """
    try:
        data = strictjson.loads(content, max_bytes=MAX_BYTES)
    except strictjson.BadJson as error:
        raise ScheduleError([Finding("SCH-JSON", path=name, params={"file": name, "reason": error.reason})]) from error
    return schedule_from_data(data, name)


def schedule_from_data(data: object, name: str) -> Schedule:
    """One schedule from parsed JSON, validated in form and in itself. Raises ScheduleError."""
    wrong = [
        Finding("SCH-SHAPE", path=name, field=_pointer(error), params={"place": _pointer(error) or "/", "reason": error.message[:300]})
        for error in sorted(_validator().iter_errors(data), key=lambda e: [str(step) for step in e.absolute_path])[:100]
    ]  # fmt: skip
    if wrong or not isinstance(data, Mapping):
        raise ScheduleError(wrong)
    try:
        schedule = Schedule.from_json(data)
    except ValueError as error:  # the pattern lets 2024-02-31 through; the calendar does not
        raise ScheduleError([Finding("SCH-DAYS", path=name, params={"reason": str(error)})]) from error
    wrong = consistency(schedule, name)
    if wrong:
        raise ScheduleError(wrong)
    return schedule


def consistency(schedule: Schedule, name: str) -> list[Finding]:
    """What must hold inside one version before any record may be filed by it; the reviewer's wider checks are in lint."""
    out: list[Finding] = []

    def report(code: str, field: str | None = None, /, **params: str) -> None:
        out.append(Finding(code, path=name, field=field, params=params))

    start, end = schedule.effective_from, schedule.effective_to
    if start is not None and end is not None and end <= start:
        report("SCH-DAYS", reason=f"截止日 {end} 不晚于施行日 {start}")
    if end is not None and start is None:
        report("SCH-DAYS", reason=f"有截止日 {end} 而无施行日")
    for path in _twice(category.path for category in schedule.categories):
        report("SCH-CATEGORY-TWICE", category=path)
    forms: dict[str, set[tuple[str, int, bool]]] = {}
    for category in schedule.categories:
        forms.setdefault(category.code, set()).add((category.template, category.number_width, category.with_org))
    for code in sorted(code for code, kinds in forms.items() if len(kinds) > 1):
        report("SCH-TEMPLATE-MIXED", category=code)
    for entry_no in _twice(entry.entry_no for entry in schedule.entries):
        report("SCH-ENTRY-TWICE", entry=entry_no)
    for at, entry in enumerate(schedule.entries):
        category_ = schedule.category_of(entry)
        if category_ is None:
            report("SCH-CATEGORY-UNDECLARED", f"/entries/{at}", entry=entry.entry_no, category=entry.category_path)
        elif category_.with_org and entry.org_code is None and entry.archive:
            report("SCH-ORG-MISSING", f"/entries/{at}/org_code", entry=entry.entry_no, category=entry.category_path)
        if entry.matter_type_scheme is not None and entry.matter_kind is None:
            scheme, code_ = entry.matter_type_scheme, str(entry.matter_type_code)
            report("SCH-MATTER-TYPE", f"/entries/{at}/matter_type", entry=entry.entry_no, scheme=scheme, code=code_)
    return out


def contradictions(schedules: Sequence[Schedule]) -> list[Finding]:
    """What several versions of one fonds may not be to one another. Such a set must not be used for filing."""
    return [*overlaps(schedules), *changed_templates(schedules)]


def changed_templates(schedules: Sequence[Schedule]) -> list[Finding]:
    """Categories whose 档号 has another structure in another version that holds or held: one fonds would mix DA/T 13 and 22."""
    seen: dict[tuple[str, str], tuple[str, Schedule]] = {}
    out: list[Finding] = []
    for schedule in sorted(_holding(schedules), key=lambda s: (str(s.effective_from), s.version)):
        for category in schedule.categories:
            template, first = seen.setdefault((schedule.fonds_no, category.code), (category.template, schedule))
            if category.template != template and first is not schedule:
                params = {"category": category.code, "one": first.name, "other": schedule.name}
                out.append(Finding("SCH-TEMPLATE-CHANGED", params=params))
    return out


def _holding(schedules: Sequence[Schedule]) -> list[Schedule]:
    return [s for s in schedules if s.status in ("in_force", "superseded") and s.effective_from is not None]


def overlaps(schedules: Sequence[Schedule]) -> list[Finding]:
    """Pairs of versions of one fonds that both hold on some day."""
    out: list[Finding] = []
    active = sorted(_holding(schedules), key=lambda s: (s.fonds_no, str(s.effective_from), s.version))
    for at, one in enumerate(active):
        for other in active[at + 1 :]:
            if (
                other.fonds_no == one.fonds_no
                and other.effective_from is not None
                and one.holds_on(other.effective_from)
            ):
                params = {"fonds": one.fonds_no, "one": one.version, "other": other.version}
                out.append(Finding("SCH-OVERLAP", params=params))
    return out


def load_schedules(folder: Path) -> list[Schedule]:
    """All ``*.json`` of a folder in order of name. Raises ScheduleError with the findings of every file at once."""
    schedules: list[Schedule] = []
    wrong: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for file in sorted(folder.glob("*.json")):
        try:
            schedule = parse_schedule(file.read_bytes(), file.name)
        except ScheduleError as error:
            wrong.extend(error.findings)
            continue
        if (schedule.schedule_id, schedule.version) in seen:
            wrong.append(
                Finding("SCH-VERSION-TWICE", path=file.name, params={"schedule": schedule.name, "file": file.name})
            )
        seen.add((schedule.schedule_id, schedule.version))
        schedules.append(schedule)
    wrong.extend(contradictions(schedules))
    if wrong:
        raise ScheduleError(wrong)
    return schedules


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{step}" for step in error.absolute_path)


def _twice(values: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    out: dict[str, None] = {}
    for value in values:
        if value in seen:
            out[value] = None
        seen.add(value)
    return list(out)
