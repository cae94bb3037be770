"""One decision for a matter releases every record that waits on it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from schedule_samples import AGENCY, AS_OF, case, entry, schedule, schedule_data

from ingest.schedule import Match, NoMatch, ScheduleError, ScheduleSet, load
from ingest.schedule.rulings import Ruling, parse_rulings

FOOD = f"{AGENCY}3440116001000"
TABLE = [entry("1.1", "D30", keywords=["裁决"]), entry("1.2", None), entry("1.3", "Y", matter_codes=["440117"])]


def ruling(**more: str) -> dict[str, str]:
    return {
        "fonds_no": "T001", "matter_code": FOOD, "schedule_id": "T001-SHY", "version": "2024-V1", "entry_no": "1.1",
        "decided_by": "档案员", "decided_at": "2024-04-02", "reason": "比照同类事项",
    } | more  # fmt: skip


def decided(record: dict[str, Any], *rulings: dict[str, str]) -> Match | NoMatch:
    made = [Ruling(**row) for row in rulings]
    return ScheduleSet([schedule(*TABLE)], made).match(record, "T001", as_of=AS_OF)


def test_a_waiting_record_is_filed_by_the_ruling_and_says_so() -> None:
    assert isinstance(decided(case()), NoMatch)
    answer = decided(case(), ruling())
    assert isinstance(answer, Match)
    assert (answer.level, answer.entry.entry_no, answer.retention_code) == ("ruling", "1.1", "D30")
    assert [f.code for f in answer.findings] == ["FIL-BY-RULING"]
    assert "档案员" in answer.why and "比照同类事项" in answer.why


def test_an_entry_speaks_before_a_ruling_and_other_matters_still_wait() -> None:
    named = decided(case(basic="440117002000"), ruling(matter_code=f"{AGENCY}3440117002000"))
    assert isinstance(named, Match)
    assert named.entry.entry_no == "1.3"
    assert isinstance(decided(case(basic="440116001003"), ruling()), NoMatch)


def test_a_ruling_for_one_handling_item_is_found() -> None:
    assert isinstance(decided(case(), ruling(matter_code=f"{FOOD}01")), Match)


@pytest.mark.parametrize(
    "change", [{"entry_no": "9.9"}, {"version": "V7"}, {"fonds_no": "T009"}, {"entry_no": "1.2"}], ids=str
)
def test_a_ruling_that_points_nowhere_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ScheduleError) as error:
        decided(case(), ruling(**change))
    assert [f.code for f in error.value.findings] == ["SCH-RULING"]


def test_two_rulings_on_one_matter_are_refused() -> None:
    with pytest.raises(ScheduleError, match="两条裁定"):
        decided(case(), ruling(), ruling(reason="另一理由"))


@pytest.mark.parametrize(
    "rows", [[{"fonds_no": "T001"}], ["x"], [ruling(reason=" ")], [ruling(matter_code="44")], {}], ids=len
)
def test_a_file_of_another_form_is_refused(rows: Any) -> None:
    with pytest.raises(ScheduleError):
        parse_rulings(json.dumps({"schema": "guidang.rulings/1.0", "rulings": rows}).encode(), "r.json")


def test_rulings_stand_beside_the_schedules_and_change_the_digest(tmp_path: Path) -> None:
    (tmp_path / "T001.json").write_text(json.dumps(schedule_data(*TABLE)), "utf-8")
    before = load(tmp_path)
    (tmp_path / "rulings").mkdir()
    (tmp_path / "rulings" / "T001.json").write_text(
        json.dumps({"schema": "guidang.rulings/1.0", "rulings": [ruling()]}), "utf-8"
    )
    after = load(tmp_path)
    assert isinstance(after.match(case(), "T001", as_of=AS_OF), Match)
    assert after.digest != before.digest
