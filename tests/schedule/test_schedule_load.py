"""What cannot be a schedule is refused with a code and a place, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from schedule_samples import category, entry, schedule, schedule_data

from ingest.schedule import ScheduleError, ScheduleSet, load, parse_schedule
from ingest.schedule.load import contradictions


def refused(data: Any) -> list[str]:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(ScheduleError) as error:
        parse_schedule(content, "T001.json")
    assert all(f.path == "T001.json" for f in error.value.findings)
    return [f.code for f in error.value.findings]


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b'{"schema": NaN}', b'{"schema": 1, "schema": 2}', b"[" * 100_000],
    ids=["cut", "not_utf8", "nan", "twin_keys", "deep"],
)
def test_broken_json_is_a_finding(content: bytes) -> None:
    assert refused(content) == ["SCH-JSON"]


def test_form_errors_come_together_with_their_places() -> None:
    data = schedule_data(entry("1", retention="30年"), status="gone")
    with pytest.raises(ScheduleError) as error:
        parse_schedule(json.dumps(data).encode(), "T001.json")
    assert {f.field for f in error.value.findings} == {"/entries/0/entry_no", "/entries/0/retention_code", "/status"}


def test_no_version_takes_effect_without_its_approval() -> None:
    assert refused(schedule_data(entry("1.1"), approval=None)) == ["SCH-SHAPE"]
    assert refused(schedule_data(entry("1.1"), effective_from=None)) == ["SCH-SHAPE"]
    assert refused(schedule_data(entry("1.1"), status="superseded")) == ["SCH-SHAPE"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (schedule_data(entry("1.1"), entry("1.1")), "SCH-ENTRY-TWICE"),
        (schedule_data(entry("1.1", class2="QR")), "SCH-CATEGORY-UNDECLARED"),
        (schedule_data(entry("1.1"), categories=[category(), category()]), "SCH-CATEGORY-TWICE"),
        (
            schedule_data(entry("1.1"), categories=[category(), category(class2="QR", number_width=4)]),
            "SCH-TEMPLATE-MIXED",
        ),
        (schedule_data(entry("1.1"), categories=[category(with_org=True)]), "SCH-ORG-MISSING"),
        (schedule_data(entry("1.1", matter_type={"scheme": "gd", "code": "10"})), "SCH-MATTER-TYPE"),
        (schedule_data(entry("1.1"), effective_to="2024-01-01"), "SCH-DAYS"),
        (schedule_data(entry("1.1"), effective_from="2024-02-31"), "SCH-DAYS"),
    ],
)
def test_a_schedule_at_odds_with_itself_is_refused(data: dict[str, Any], code: str) -> None:
    assert refused(data) == [code]


def test_two_versions_of_one_fonds_may_not_hold_on_the_same_day(tmp_path: Path) -> None:
    for version, day in (("V1", "2024-01-01"), ("V2", "2024-07-01")):
        data = schedule_data(entry("1.1"), version=version, effective_from=day)
        (tmp_path / f"{version}.json").write_text(json.dumps(data), "utf-8")
    with pytest.raises(ScheduleError) as error:
        load(tmp_path)
    assert [f.code for f in error.value.findings] == ["SCH-OVERLAP"]


def test_the_same_version_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(schedule_data(entry("1.1"), status="draft")), "utf-8")
    with pytest.raises(ScheduleError) as error:
        load(tmp_path)
    assert [f.code for f in error.value.findings] == ["SCH-VERSION-TWICE"]


def test_the_set_digest_depends_on_content_only() -> None:
    one, two = schedule(entry("1.1")), schedule(entry("1.1"), fonds_no="T002")
    assert ScheduleSet([one, two]).digest == ScheduleSet([two, one]).digest
    assert ScheduleSet([one]).digest != ScheduleSet([schedule(entry("1.1", "Y"))]).digest


def test_a_later_version_may_not_change_the_structure_of_a_categorys_numbers() -> None:
    row = {"class2": None}
    old = schedule(
        entry("1.1", **row), categories=[category(class2=None)], status="superseded", effective_to="2025-01-01"
    )
    for template, codes in (("DAT13", []), ("DAT22", ["SCH-TEMPLATE-CHANGED"])):
        new = schedule(
            entry("1.1", **row),
            categories=[category(class2=None, template=template)],
            version="V2",
            effective_from="2025-01-01",
        )
        assert [f.code for f in contradictions([new, old])] == codes
