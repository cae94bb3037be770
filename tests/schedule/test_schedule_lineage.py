"""Which fonds takes a case around a reform, and what is handed over."""

from __future__ import annotations

import datetime as dt

import pytest

from ingest.schedule.lineage import Lineage, Succession

DAY = dt.date(2025, 3, 1)
EVE = DAY - dt.timedelta(days=1)
FOOD = "11440100FAKE00021A3440116001000"


def step(predecessor: str, successor: str, date: dt.date = DAY, *codes: str) -> Succession:
    return Succession(predecessor, successor, date, codes)


def test_cases_closed_before_the_day_stay_and_those_closed_on_it_go() -> None:
    lineage = Lineage([step("T001", "T009")])
    assert [lineage.fonds_for("T001", day) for day in (EVE, DAY)] == ["T001", "T009"]
    assert lineage.fonds_for("T002", DAY) == "T002"
    assert (lineage.frozen_since("T001"), lineage.frozen_since("T009")) == (DAY, None)


def test_steps_are_followed_on_by_their_own_days() -> None:
    later = dt.date(2026, 1, 1)
    lineage = Lineage([step("T009", "T011", later), step("T001", "T009")])
    assert [lineage.fonds_for("T001", d) for d in (DAY, later)] == ["T009", "T011"]


def test_a_split_agency_hands_over_by_matter_and_is_not_frozen_by_a_part() -> None:
    lineage = Lineage([step("T001", "T008", DAY, FOOD[:24]), step("T001", "T009", dt.date(2025, 6, 1))])
    assert lineage.fonds_for("T001", DAY, [FOOD]) == "T008"
    assert lineage.fonds_for("T001", DAY, ["11440100FAKE00021A3440705001000"]) == "T001"
    july = dt.date(2025, 7, 1)
    assert lineage.fonds_for("T001", july, [FOOD]) == "T008"
    assert lineage.fonds_for("T001", july, ["11440100FAKE00021A3440705001000"]) == "T009"
    assert lineage.frozen_since("T001") == dt.date(2025, 6, 1)


def test_contradictions_are_refused_and_a_circle_ends() -> None:
    with pytest.raises(ValueError, match="承继自己"):
        Lineage([step("T001", "T001")])
    with pytest.raises(ValueError, match="两个承继全宗"):
        Lineage([step("T001", "T008"), step("T001", "T009")])
    assert Lineage([step("T001", "T002"), step("T002", "T001")]).fonds_for("T001", DAY) == "T002"


def test_the_handover_list_keeps_old_numbers_in_order() -> None:
    filings = [
        {"fonds_no": fonds, "archival_code": f"{fonds}-ZY·XK·2024·D30-{n:05d}", "title": f"件{n}", "year": 2024}
        for fonds, n in (("T001", 2), ("T001", 1), ("T002", 1))
    ]
    rows = Lineage([step("T001", "T009")]).handover("T001", filings)
    assert [(row["no"], row["archival_code"], row["title"]) for row in rows] == [
        (1, "T001-ZY·XK·2024·D30-00001", "件1"),
        (2, "T001-ZY·XK·2024·D30-00002", "件2"),
    ]
    with pytest.raises(ValueError, match="未被整体承继"):
        Lineage([]).handover("T001", filings)


def test_steps_are_read_from_data() -> None:
    read = Succession.from_json(
        {"predecessor": "T001", "successor": "T009", "date": "2025-03-01", "matter_codes": ["4401"]}
    )
    assert read == step("T001", "T009", DAY, "4401")
    with pytest.raises(ValueError, match="isoformat"):
        Succession.from_json({"predecessor": "T001", "successor": "T009", "date": "去年"})
