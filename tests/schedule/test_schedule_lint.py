"""The reviewer's checks, each seen to speak and seen to be silent."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from schedule_samples import AGENCY, category, entry, schedule, schedule_data

from ingest.paths import SCHEMAS
from ingest.schedule import Schedule
from ingest.schedule.lint import lint
from ingest.schedule.load import consistency, load_schedules

FOOD = f"{AGENCY}3440116001000"
GOOD = {"keywords": ["许可"]}


def codes(*entries: dict[str, Any], **more: Any) -> list[str]:
    return [f.code for f in lint(schedule(*entries), **more)]


def test_the_examples_have_nothing_to_mend() -> None:
    for each in load_schedules(SCHEMAS / "schedules"):
        assert {f.weight for f in lint(each)} <= {"info"}


def test_numbers_are_gapless_at_every_level() -> None:
    assert codes(*(entry(no, **GOOD) for no in ("1.1", "1.2", "1.2.1", "2.1"))) == []
    found = lint(schedule(*(entry(no, **GOOD) for no in ("1.1", "1.3", "1.3.2", "3.1"))))
    assert [(f.code, f.params["expected"]) for f in found] == [
        ("SCH-ENTRY-GAP", "2"),
        ("SCH-ENTRY-GAP", "1.2"),
        ("SCH-ENTRY-GAP", "1.3.1"),
    ]
    assert codes(entry("1.1", **GOOD), entry("1.2.1", **GOOD)) == ["SCH-ENTRY-ORPHAN"]
    assert codes(entry("1.2", **GOOD), entry("1.1", **GOOD)) == ["SCH-ENTRY-ORDER"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (entry("1.1", "D15", **GOOD), ["SCH-RETENTION-UNLISTED"]),
        (entry("1.1", None, **GOOD), ["SCH-RETENTION-BY-MAIN"]),
        (entry("1.1", archive=False, material_kind="result", **GOOD), ["SCH-RESULT-NOT-ARCHIVED"]),
        (entry("1.1", archive=False, **GOOD), ["SCH-RESULT-NOT-ARCHIVED"]),
        (entry("1.1", archive=False, material_kind="process", **GOOD), []),
        (entry("1.1", "D10", category_default=True), ["SCH-DEFAULT-SHORT"]),
        (entry("1.1", "D30", category_default=True), []),
        (entry("1.1"), ["SCH-ENTRY-UNREACHABLE"]),
        (entry("1.1", filing_unit="item", matter_type=None), []),
        (entry("1.1", matter_codes=["440216001000"]), ["SCH-CODE-TYPE"]),
        (entry("1.1", matter_codes=[FOOD]), []),
        (entry("1.1", open_control="restricted", **GOOD), ["SCH-OPEN-CONTRADICTION"]),
    ],
)
def test_single_entries(made: dict[str, Any], expected: list[str]) -> None:
    assert codes(made) == expected


def test_one_code_with_two_terms_and_an_empty_class_are_pointed_out() -> None:
    table = [entry("1.1", "D10", matter_codes=[FOOD]), entry("1.2", "D30", matter_codes=[FOOD])]
    assert codes(*table) == ["SCH-CODE-CONTRADICTION"]
    found = lint(schedule(entry("1.1", **GOOD), categories=[category(), category(class2="QR")]))
    assert [f.params for f in found if f.code == "SCH-CATEGORY-UNUSED"] == [{"category": "ZY·QR"}]


def test_a_categorys_numbers_keep_their_structure_over_versions() -> None:
    last = schedule(entry("1.1", class2=None, **GOOD), categories=[category(class2=None, template="DAT22")])
    assert codes(entry("1.1", **GOOD), previous=last) == ["SCH-TEMPLATE-CHANGED"]
    assert codes(entry("1.1", **GOOD), previous=schedule(entry("1.1", **GOOD))) == []


def unchecked(*entries: dict[str, Any], **more: Any) -> Schedule:
    """A version that could not be loaded: what lint says of it, it says before anybody sends it."""
    return Schedule.from_json(schedule_data(*entries, **more))


LICENCE = {"implementation_code": FOOD, "name": "食品经营许可", "type": {"scheme": "gd", "code": "09"}}
# code → a version that has the fault, and what it is compared with; the sound version beside it has none of them
FAULTS: dict[str, tuple[Schedule, dict[str, Any]]] = {
    "SCH-DAYS": (unchecked(entry("1.1", **GOOD), effective_from="2024-02-01", effective_to="2024-01-01"), {}),
    "SCH-ENTRY-TWICE": (unchecked(entry("1.1", **GOOD), entry("1.1", **GOOD)), {}),
    "SCH-ENTRY-GAP": (schedule(entry("1.1", **GOOD), entry("1.3", **GOOD)), {}),
    "SCH-ENTRY-ORPHAN": (schedule(entry("1.1", **GOOD), entry("1.2.1", **GOOD)), {}),
    "SCH-ENTRY-ORDER": (schedule(entry("1.2", **GOOD), entry("1.1", **GOOD)), {}),
    "SCH-CATEGORY-TWICE": (unchecked(entry("1.1", **GOOD), categories=[category(), category()]), {}),
    "SCH-CATEGORY-UNDECLARED": (unchecked(entry("1.1", class2="QR", **GOOD)), {}),
    "SCH-CATEGORY-UNUSED": (schedule(entry("1.1", **GOOD), categories=[category(), category(class2="QR")]), {}),
    "SCH-TEMPLATE-MIXED": (
        unchecked(entry("1.1", **GOOD), categories=[category(), category(class2="QR", number_width=4)]), {},
    ),
    "SCH-TEMPLATE-CHANGED": (
        schedule(entry("1.1", **GOOD)),
        {"previous": schedule(entry("1.1", class2=None, **GOOD), categories=[category(class2=None, template="DAT22")])},
    ),
    "SCH-ORG-MISSING": (unchecked(entry("1.1", **GOOD), categories=[category(with_org=True)]), {}),
    "SCH-MATTER-TYPE": (unchecked(entry("1.1", matter_type={"scheme": "gd", "code": "99"}, **GOOD)), {}),
    "SCH-RETENTION-UNLISTED": (schedule(entry("1.1", "D15", **GOOD)), {}),
    "SCH-RETENTION-BY-MAIN": (schedule(entry("1.1", None, **GOOD)), {}),
    "SCH-RESULT-NOT-ARCHIVED": (schedule(entry("1.1", archive=False, material_kind="result", **GOOD)), {}),
    "SCH-DEFAULT-SHORT": (schedule(entry("1.1", "D10", category_default=True)), {}),
    "SCH-ENTRY-UNREACHABLE": (schedule(entry("1.1")), {}),
    "SCH-CODE-TYPE": (schedule(entry("1.1", matter_codes=["440216001000"])), {}),
    "SCH-CODE-CONTRADICTION": (
        schedule(entry("1.1", "D10", matter_codes=[FOOD]), entry("1.2", "D30", matter_codes=[FOOD])), {},
    ),
    "SCH-OPEN-CONTRADICTION": (schedule(entry("1.1", open_control="restricted", **GOOD)), {}),
    "SCH-MATTER-UNREACHED": (schedule(entry("1.1", **GOOD)), {"matters": [LICENCE]}),
    "SCH-SUPERIOR-SHORTER": (schedule(entry("1.1", **GOOD)), {"superior": schedule(entry("1.1", "Y", entry_text="许可", **GOOD))}),
    "SCH-SHORTENED": (schedule(entry("1.1", **GOOD)), {"previous": schedule(entry("1.1", "Y", **GOOD))}),
    "SCH-SHORTENED-REASONED": (
        schedule(entry("1.1", remark="依据新规", **GOOD)), {"previous": schedule(entry("1.1", "Y", **GOOD))},
    ),
    "SCH-MATTER-SHORTENED": (
        schedule(entry("1.1", "Y", matter_codes=["440117"]), entry("1.2", "D10", matter_codes=[FOOD])),
        {"previous": schedule(entry("1.1", "Y", matter_codes=[FOOD]), entry("1.2", "D10", **GOOD))},
    ),
    "SCH-MATTER-DROPPED": (
        schedule(entry("1.1", "Y", **GOOD)), {"previous": schedule(entry("1.1", "Y", matter_codes=[FOOD]))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", FAULTS)
def test_each_code_speaks_of_its_fault_and_is_silent_about_a_sound_version(code: str) -> None:
    bad, compared = FAULTS[code]
    assert code in [f.code for f in lint(bad, **compared)]
    sound = schedule(entry("1.1", **GOOD))
    same = {"matters": [LICENCE | {"type": {"scheme": "gd", "code": "01"}}], "previous": sound, "superior": sound}
    assert lint(sound, **same) == []


def test_every_code_that_lint_can_give_is_among_them() -> None:
    written = inspect.getsource(inspect.getmodule(lint)) + inspect.getsource(consistency)  # type: ignore[arg-type]
    assert set(re.findall(r"\"(SCH-[A-Z-]+)\"", written)) == set(FAULTS)


def test_every_matter_of_the_agencys_list_must_be_reached() -> None:
    licence = {"implementation_code": FOOD, "name": "食品经营许可", "type": {"scheme": "gd", "code": "01"}}
    ruling = {"implementation_code": f"{AGENCY}3440904001000", "name": "裁决", "type": {"scheme": "gd", "code": "09"}}
    found = lint(schedule(entry("1.1", **GOOD)), matters=[licence, ruling])
    assert [(f.code, f.params["matter"]) for f in found] == [("SCH-MATTER-UNREACHED", "裁决")]


def test_no_entry_is_shorter_than_the_superior_table_demands() -> None:
    superior = schedule(entry("7.1", "Y", matter_codes=["440116001000"]), entry("7.2", "D30", keywords=["许可变更"]))
    assert codes(entry("1.1", "D30", matter_codes=[FOOD]), superior=superior) == ["SCH-SUPERIOR-SHORTER"]
    assert codes(entry("1.1", "Y", matter_codes=[FOOD]), superior=superior) == []
    assert codes(entry("1.1", "D10", entry_text="许可变更案卷", **GOOD), superior=superior) == ["SCH-SUPERIOR-SHORTER"]


def test_a_term_is_not_shortened_against_the_last_version_without_a_reason() -> None:
    last = schedule(entry("1.1", "Y", **GOOD))
    assert codes(entry("1.1", "D30", **GOOD), previous=last) == ["SCH-SHORTENED"]
    assert codes(entry("1.1", "D30", remark="依据新规", **GOOD), previous=last) == ["SCH-SHORTENED-REASONED"]
    stale = schedule(entry("1.1", "Y", remark="旧备注", **GOOD))
    assert codes(entry("1.1", "D30", remark="旧备注", **GOOD), previous=stale) == ["SCH-SHORTENED"]
    assert codes(entry("1.1", "Y", **GOOD), previous=schedule(entry("1.1", "D30", **GOOD))) == []


def test_a_matter_moved_to_a_shorter_entry_or_dropped_does_not_pass_silently() -> None:
    last = schedule(entry("1.1", "Y", matter_codes=[FOOD]), entry("1.2", "D10", **GOOD))
    moved = [entry("1.1", "Y", matter_codes=["440117"]), entry("1.2", "D10", matter_codes=[FOOD])]
    assert "SCH-MATTER-SHORTENED" in codes(*moved, previous=last)
    assert codes(entry("1.1", "Y", **GOOD), entry("1.2", "D10", **GOOD), previous=last) == ["SCH-MATTER-DROPPED"]
