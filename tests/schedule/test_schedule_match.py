"""Matching by domain three-in-one §1.4, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from schedule_samples import AGENCY, AS_OF, case, category, entry, schedule

from ingest.schedule import Match, NoMatch, ScheduleSet

FOOD = f"{AGENCY}3440116001000"


def match(record: dict[str, Any], *entries: dict[str, Any], **more: Any) -> Match | NoMatch:
    return ScheduleSet([schedule(*entries, **more)]).match(record, "T001", as_of=AS_OF)


def hit(record: dict[str, Any], *entries: dict[str, Any], **more: Any) -> Match:
    answer = match(record, *entries, **more)
    assert isinstance(answer, Match), [f.text() for f in answer.findings]
    return answer


def codes(answer: Match | NoMatch) -> list[str]:
    return [f.code for f in answer.findings]


def test_levels_are_tried_in_order() -> None:
    ladder = [
        (entry("1.1", category_default=True), "category_default"),
        (entry("1.2", keywords=["食品"]), "matter_type"),
        (entry("1.3", matter_codes=["440116001000"]), "basic_code"),
        (entry("1.4", matter_codes=[FOOD]), "implementation_code"),
        (entry("1.5", matter_codes=[f"{FOOD}01"]), "handling_item_code"),
    ]
    for upto in range(1, len(ladder) + 1):
        answer = hit(case(), *[made for made, _ in ladder[:upto]])
        assert (answer.level, answer.entry.entry_no) == (ladder[upto - 1][1], f"1.{upto}")


def test_a_better_level_wins_even_when_its_retention_is_shorter() -> None:
    answer = hit(case(), entry("1.1", "Y", matter_codes=["440116001000"]), entry("1.2", "D10", matter_codes=[FOOD]))
    assert answer.entry.entry_no == "1.2"


def test_longest_prefix_wins_then_longest_retention_then_lower_number() -> None:
    answer = hit(case(), entry("1.1", "Y", matter_codes=[FOOD[:24]]), entry("1.2", "D10", matter_codes=[FOOD[:28]]))
    assert answer.entry.entry_no == "1.2"
    answer = hit(case(), entry("1.1", "D10", matter_codes=[FOOD]), entry("1.2", "D30", matter_codes=[FOOD]))
    assert answer.entry.entry_no == "1.2"
    answer = hit(case(), entry("1.10", matter_codes=[FOOD]), entry("1.9", matter_codes=[FOOD]))
    assert answer.entry.entry_no == "1.9"


def test_one_record_takes_the_longest_retention_of_its_files() -> None:
    table = [
        entry("1.1", "D10", matter_codes=[FOOD], material_kind="basis"),
        entry("1.2", "D30", matter_codes=[FOOD], material_kind="process"),
        entry("1.3", "Y", matter_codes=[FOOD], material_kind="result"),
    ]
    assert hit(case(), *table).retention_code == "Y"
    assert hit(case(("申报文件", "过程文件")), *table).retention_code == "D30"
    answer = hit(case(("申报文件",)), *table)
    assert (answer.retention_code, answer.hits) == ("D10", (("1.1", "D10"),))
    assert "就高" in hit(case(), *table).why


def test_files_of_an_unknown_group_hit_only_entries_for_all_material() -> None:
    assert codes(match(case(("其他",)), entry("1.1", matter_codes=[FOOD], material_kind="result"))) == [
        "FIL-UNSCHEDULED"
    ]
    assert hit(case(("其他",)), entry("1.1", matter_codes=[FOOD])).entry.entry_no == "1.1"


def test_type_20_is_public_service_in_the_national_list_and_another_power_in_guangdongs() -> None:
    table = [
        entry("1.1", class2="GF", matter_type={"scheme": "national", "code": "20"}, category_default=True),
        entry("1.2", class2="QT", matter_type={"scheme": "gd", "code": "20"}, category_default=True),
    ]
    classes = [category(class2="GF"), category(class2="QT")]
    assert hit(case(scheme="gd", kind="21"), *table, categories=classes).category.class2 == "GF"
    assert hit(case(scheme="national", kind="20"), *table, categories=classes).category.class2 == "GF"
    assert hit(case(scheme="gd", kind="20"), *table, categories=classes).category.class2 == "QT"
    assert hit(case(scheme="national", kind="10"), *table, categories=classes).category.class2 == "QT"
    assert codes(match(case(scheme="someone", kind="20"), *table, categories=classes)) == ["FIL-UNSCHEDULED"]


def test_a_type_without_code_keyword_or_default_never_catches_a_record() -> None:
    answer = match(case(), entry("1.1", "D10"))
    assert codes(answer) == ["FIL-UNSCHEDULED"]
    assert "1.2" in answer.findings[0].params["proposal"]


def test_keywords_are_found_in_full_width_and_mixed_case() -> None:
    assert hit(case(title="ＡＩ训练备案"), entry("1.1", keywords=["ai训练"])).level == "matter_type"


def test_an_entry_made_for_the_result_speaks_first_and_is_never_silent_about_a_shorter_term() -> None:
    table = [
        entry("1.1", "D30", matter_codes=[FOOD]),
        entry("1.2", "D10", matter_codes=[FOOD], result_codes=["1", "5"]),
    ]
    assert hit(case(result="0"), *table).entry.entry_no == "1.1"
    answer = hit(case(result="1"), *table)
    assert answer.entry.entry_no == "1.2"
    assert codes(answer) == ["FIL-RESULT-SHORTER"]


def test_a_refused_case_without_an_entry_of_its_own_inherits_the_grant_entry() -> None:
    table = [entry("1.1", "D30", matter_codes=[FOOD]), entry("1.2", "D10", result_codes=["1"])]
    assert hit(case(result="1"), *table).retention_code == "D30"


def test_an_entry_that_says_not_to_archive_holds_the_record() -> None:
    assert codes(match(case(), entry("1.1", None, matter_codes=[FOOD], archive=False))) == ["FIL-NOT-IN-SCOPE"]
    both = [entry("1.1", None, matter_codes=[FOOD], archive=False), entry("1.2", "D10", matter_codes=[FOOD])]
    assert hit(case(), *both).entry.entry_no == "1.2"


def test_an_entry_without_a_term_of_its_own_never_decides() -> None:
    assert codes(match(case(), entry("1.1", None, matter_codes=[FOOD]))) == ["FIL-UNSCHEDULED"]


@pytest.mark.parametrize(
    ("closed", "version"),
    [
        ("2023-12-31T23:59:59+08:00", None),
        ("2024-01-01T00:00:00+08:00", "V1"),
        ("2024-12-31T23:59:59+08:00", "V1"),
        ("2024-12-31T16:00:00+00:00", "V2"),  # midnight in China
        ("2025-01-01T00:00:00+08:00", "V2"),
        ("2025-06-30T23:59:59", "V2"),  # no zone means China time
        ("2025-07-01T00:00:00+08:00", None),
    ],
)
def test_the_version_in_force_on_the_closing_day_decides(closed: str, version: str | None) -> None:
    table = entry("1.1", matter_codes=[FOOD])
    one = schedule(table, version="V1", status="superseded", effective_to="2025-01-01")
    two = schedule(table, version="V2", effective_from="2025-01-01", effective_to="2025-07-01")
    later = AS_OF.replace(year=2026)
    answer = ScheduleSet([two, one]).match(case(closed_at=closed), "T001", as_of=later)
    if version is None:
        assert codes(answer) == ["FIL-NO-SCHEDULE"]
    else:
        assert isinstance(answer, Match)
        assert (answer.schedule_version, codes(answer)) == (version, [])


def test_without_a_version_on_the_closing_day_the_filing_day_decides_and_says_so() -> None:
    answer = hit(case(closed_at="2023-03-13T16:30:00+08:00"), entry("1.1", matter_codes=[FOOD]))
    assert (codes(answer), answer.year) == (["FIL-VERSION-FALLBACK"], 2023)


@pytest.mark.parametrize(
    "status", ["draft", "submitted", "first_review", "returned", "second_review", "approved", "revoked"]
)
def test_only_versions_in_force_file_records(status: str) -> None:
    assert codes(match(case(), entry("1.1", matter_codes=[FOOD]), status=status)) == ["FIL-NO-SCHEDULE"]


def test_what_is_needed_for_the_numbers_is_asked_for_before_matching() -> None:
    table = entry("1.1", matter_codes=[FOOD])
    assert codes(match(case(closed_at=None), table)) == ["FIL-NO-CLOSING-DATE"]
    assert codes(match(case(closed_at="9999-12-31T23:59:59-12:00"), table)) == ["FIL-NO-CLOSING-DATE"]
    broken = case()
    broken["case"]["matter"]["implementation_code"] = "44"
    broken["case"]["region_code"] = "440100000001"
    assert codes(match(broken, table)) == ["FIL-MATTER-CODE", "FIL-REGION"]


def test_a_twelve_digit_region_is_cut_where_its_tail_is_zeros() -> None:
    record = case()
    record["case"]["region_code"] = "440113000000"
    assert hit(record, entry("1.1", matter_codes=[FOOD])).region_code == "440113"


def test_a_title_of_hostile_length_costs_no_more_than_a_long_one() -> None:
    answer = match(case(title="长" * 5_000_000 + "食品"), entry("1.1", keywords=["食品"]))
    assert codes(answer) == ["FIL-UNSCHEDULED"]
