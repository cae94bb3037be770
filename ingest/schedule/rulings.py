"""An archivist's decision on an unscheduled matter, taken once for the matter and good for every record that waits on it.

A new version of the schedule cannot release those records: they were closed under the old one. A ruling names the entry by
which they are filed until the version with the matter's own entry holds. It speaks only where no entry does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingest.findings import Finding
from ingest.metadata import strictjson
from ingest.schedule.load import ScheduleError
from ingest.schedule.model import Category, Entry, Schedule

FOLDER = "rulings"
SCHEMA_ID = "guidang.rulings/1.0"
_FIELDS = ("fonds_no", "matter_code", "schedule_id", "version", "entry_no", "decided_by", "decided_at", "reason")
_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[1-6][0-9]{2}[0-9A-Z]{10}([0-9]{2})?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Ruling:
    """File the matter with this 实施编码 (or 业务办理项编码) by entry ``entry_no`` of that version; ``reason`` says why."""

    fonds_no: str
    matter_code: str
    schedule_id: str
    version: str
    entry_no: str
    decided_by: str
    decided_at: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Ruled:
    """A ruling with the version, entry and class it points at."""

    ruling: Ruling
    schedule: Schedule
    entry: Entry
    category: Category


def parse_rulings(content: bytes, name: str) -> list[Ruling]:
    """The rulings in one file ``{"schema": "guidang.rulings/1.0", "rulings": [...]}``. Raises ScheduleError."""
    try:
        data = strictjson.loads(content)
    except strictjson.BadJson as error:
        raise ScheduleError([Finding("SCH-JSON", path=name, params={"file": name, "reason": error.reason})]) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA_ID or not isinstance(data.get("rulings"), list):
        raise ScheduleError([_bad(name, None, f"应为 {SCHEMA_ID}")])
    wrong = [_bad(name, at, reason) for at, row in enumerate(data["rulings"]) if (reason := _wrong(row))]
    if wrong:
        raise ScheduleError(wrong)
    return [Ruling(**row) for row in data["rulings"]]


def load_rulings(folder: Path) -> list[Ruling]:
    """All rulings of ``folder/*.json`` in order of name; none if the folder is absent. Raises ScheduleError."""
    return [ruling for file in sorted(folder.glob("*.json")) for ruling in parse_rulings(file.read_bytes(), file.name)]


def add_ruling(folder: Path, ruling: Ruling, schedules: Iterable[Schedule]) -> Path:
    """Write one more ruling to ``folder/<fonds>.json``, whole or not at all, after proving that it can be used.

    Raises ScheduleError where it points nowhere or the matter has one already. One person at a time may add rulings.
    """
    if reason := _wrong(dataclasses.asdict(ruling)):
        raise ScheduleError([_bad(ruling.matter_code, None, reason)])
    resolve([*load_rulings(folder), ruling], schedules)
    file = folder / f"{ruling.fonds_no}.json"
    own = parse_rulings(file.read_bytes(), file.name) if file.exists() else []
    return write_rulings(folder, ruling.fonds_no, [*own, ruling])


def write_rulings(folder: Path, fonds_no: str, rulings: Iterable[Ruling]) -> Path:
    """Write all rulings of one fonds to its file, whole or not at all."""
    file = folder / f"{fonds_no}.json"
    data = {"schema": SCHEMA_ID, "rulings": [dataclasses.asdict(each) for each in rulings]}
    folder.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8") + b"\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    return file


def resolve(rulings: Iterable[Ruling], schedules: Iterable[Schedule]) -> dict[tuple[str, str], Ruled]:
    """Rulings by (fonds, matter code), each with what it points at.

    Raises ScheduleError where a ruling names a version that was never in force, an entry that archives nothing or has no
    term, or where two rulings speak about one matter.
    """
    versions = {(s.fonds_no, s.schedule_id, s.version): s for s in schedules if s.status in ("in_force", "superseded")}
    out: dict[tuple[str, str], Ruled] = {}
    wrong = []
    for at, ruling in enumerate(rulings):
        schedule = versions.get((ruling.fonds_no, ruling.schedule_id, ruling.version))
        entry = next((e for e in schedule.entries if e.entry_no == ruling.entry_no), None) if schedule else None
        category = schedule.category_of(entry) if schedule and entry else None
        key = (ruling.fonds_no, ruling.matter_code)
        if schedule is None or entry is None or category is None:
            wrong.append(
                _bad(
                    ruling.matter_code, at, f"没有施行的《{ruling.schedule_id} {ruling.version}》条款 {ruling.entry_no}"
                )
            )
        elif not entry.archive or entry.retention_code is None:
            wrong.append(_bad(ruling.matter_code, at, f"条款 {ruling.entry_no} 不归档或不单独定期限"))
        elif key in out:
            wrong.append(_bad(ruling.matter_code, at, "同一事项有两条裁定"))
        else:
            out[key] = Ruled(ruling, schedule, entry, category)
    if wrong:
        raise ScheduleError(wrong)
    return out


def _wrong(row: Any) -> str | None:
    if not isinstance(row, dict) or set(row) != set(_FIELDS):
        return f"字段应为 {'、'.join(_FIELDS)}"
    if not all(isinstance(value, str) and value.strip() and len(value) <= 500 for value in row.values()):
        return "每个字段都须有内容"
    return None if _CODE.fullmatch(row["matter_code"]) else "事项编码应为 31 位实施编码或 33 位业务办理项编码"


def _bad(name: str, at: int | None, reason: str) -> Finding:
    place = "" if at is None else f"/rulings/{at}"
    return Finding("SCH-RULING", path=name, field=place or None, params={"place": place, "reason": reason})
