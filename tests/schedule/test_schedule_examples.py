"""The example schedules file the sample night as it was made to be filed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from schedule_samples import AS_OF, case

import samplenight
from ingest.paths import SCHEMAS
from ingest.schedule import Match, ScheduleSet, assign
from ingest.schedule.load import load_schedules

NIGHT = Path(samplenight.__file__).parent
MATTERS: list[dict[str, Any]] = json.loads((NIGHT / "matters.json").read_text("utf-8"))["matters"]
AGENCIES = {a["id"]: a for a in json.loads((NIGHT / "agencies.json").read_text("utf-8"))["agencies"]}


def _case_of(matter: dict[str, Any]) -> dict[str, Any]:
    made = case(title=f"关于测试公司{matter['short']}的办件")
    made["case"]["matter"] = matter
    made["case"]["region_code"] = AGENCIES[matter["agency"]]["region_code"]
    return made


@pytest.mark.parametrize("matter", MATTERS, ids=lambda m: m["short"])
def test_each_matter_of_the_sample_night_goes_where_it_is_meant_to(
    matter: dict[str, Any], examples: ScheduleSet
) -> None:
    answer = examples.match(_case_of(matter), AGENCIES[matter["agency"]]["fonds_no"], as_of=AS_OF)
    if matter["entry_hint"] is None:
        assert [f.code for f in answer.findings] == ["FIL-UNSCHEDULED"]
    else:
        assert isinstance(answer, Match)
        assert answer.entry.entry_no == matter["entry_hint"]


def test_numbers_have_the_form_shown_in_the_domain_example(
    examples: ScheduleSet, serials: Callable[[str], int]
) -> None:
    record = _case_of(MATTERS[0])
    answer = examples.match(record, "T001", as_of=AS_OF)
    assert isinstance(answer, Match)
    first, second = assign(answer, record, serials), assign(answer, record, serials)
    assert first.electronic_record_code == "440100-T001-11440100FAKE00021A3440116001000-2024-D30-000001"
    assert first.archival_code == "T001-ZY·XK·2024·D30-00001"
    assert (second.electronic_record_code[-6:], second.archival_code[-5:]) == ("000002", "00002")
    assert (first.category, first.schedule_version, first.matched_by) == ("ZY·XK", "2024-V1", "implementation_code")
    assert "办结于2024-03-13" in first.why and "2.2.1" in first.why


def test_examples_survive_the_round_through_json_unchanged() -> None:
    for schedule in load_schedules(SCHEMAS / "schedules"):
        again = type(schedule).from_json(json.loads(json.dumps(schedule.as_json())))
        assert again == schedule
        assert again.digest == schedule.digest
