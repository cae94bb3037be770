"""Coverage of the example schedules over the sample night's matters, and of fonds without anything."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import samplenight
from ingest.schedule import ScheduleSet
from ingest.schedule.coverage import Coverage, RecordLine, approved_share, coverage, table

NIGHT = Path(samplenight.__file__).parent
AGENCIES: list[dict[str, Any]] = json.loads((NIGHT / "agencies.json").read_text("utf-8"))["agencies"]
DAY = dt.date(2024, 6, 1)


def line(matched: bool, name: str = "裁决", days: int | None = None, fonds: str = "T003") -> RecordLine:
    closed = dt.date(2024, 3, 1)
    return RecordLine(fonds, "X1", name, matched, closed, None if days is None else closed + dt.timedelta(days=days))


def of(lines: list[Coverage], fonds: str) -> Coverage:
    return next(row for row in lines if row.fonds_no == fonds)


def test_matters_of_the_sample_night(examples: ScheduleSet) -> None:
    matters: dict[str, list[dict[str, Any]]] = {}
    for matter in json.loads((NIGHT / "matters.json").read_text("utf-8"))["matters"]:
        fonds = next(a["fonds_no"] for a in AGENCIES if a["id"] == matter["agency"])
        matters.setdefault(fonds, []).append(matter)
    lines = coverage(examples, AGENCIES, matters, [], DAY)
    assert [row.matter_rate for row in lines[:2]] == [1.0, 1.0]
    assert of(lines, "T003").uncovered == ("招标投标投诉处理裁决（测试）",)
    assert approved_share(lines) == (3, 3)


def test_records_are_counted_and_waiting_matters_listed_by_number(examples: ScheduleSet) -> None:
    rows = [
        line(True, "备案", 3),
        line(True, "备案", 8),
        line(True, "备案"),
        line(False),
        line(False),
        line(False, "别的"),
    ]
    found = of(coverage(examples, AGENCIES, {}, rows, DAY), "T003")
    assert (found.received, found.matched, found.match_rate, found.median_days) == (6, 3, 0.5, 5.5)
    assert found.unscheduled == (("X1", "裁决", 2), ("X1", "别的", 1))
    assert table([found])[1][5:] == ["3/6（50.0%）", "5.5", "裁决（2件）；别的（1件）"]
    assert json.loads(json.dumps(found.as_json()))["match_rate"] == 0.5


def test_a_fonds_without_a_version_in_force_covers_nothing(examples: ScheduleSet) -> None:
    lines = coverage(examples, AGENCIES, {"T001": [{"name": "甲"}]}, [], dt.date(2023, 12, 31))
    found = of(lines, "T001")
    assert (found.version, found.matter_rate, found.match_rate) == (None, 0.0, None)
    assert approved_share(lines) == (0, 3)
    assert table([found])[1][2:6] == ["无", "无", "0/1（0.0%）", "—"]
