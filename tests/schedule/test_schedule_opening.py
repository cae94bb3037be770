"""The opening proposal starts from the entry and becomes stricter where the metadata shows personal data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from schedule_samples import AGENCY, case, entry, schedule

from ingest.schedule.opening import Opening, common_terms, load_terms, propose_opening, stricter, unit_opinion


def opening(text: str, control: str = "open", terms: tuple[str, ...] = ()) -> Opening:
    record: dict[str, Any] = case() | {"note": [{"deep": text}]}
    return propose_opening(schedule(entry("1.1", open_control=control)).entries[0], record, terms)


def test_without_personal_data_the_entry_decides() -> None:
    assert opening(f"{AGENCY} 2024-03-13 第440106190001010013号") == Opening("open", ("条款1.1规定为开放",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("申请人440106190001010012。", "元数据中有公民身份号码1处"),
        ("44190019000630004x", "元数据中有公民身份号码1处"),
        ("电话 13800138000 或 +86 139-0013-9000", "元数据中有移动电话号码2处"),
    ],
)
def test_personal_data_delays_opening_and_is_counted_not_repeated(text: str, reason: str) -> None:
    answer = opening(text)
    assert answer.decision == "delayed"
    assert reason in answer.reasons
    assert not any(text[-8:] in told for told in answer.reasons)


@pytest.mark.parametrize(
    "text", ["440106190001010013", "440106190013010012", "113800138000", "1380013800", "JY14401000000001"]
)
def test_numbers_with_a_wrong_check_digit_or_inside_others_are_not_personal_data(text: str) -> None:
    assert opening(text).decision == "open"


def test_configured_terms_delay_opening() -> None:
    assert opening("含商业秘密", terms=("商业秘密",)).decision == "delayed"
    assert opening("无", terms=("商业秘密",)).decision == "open"


def test_a_stricter_entry_is_never_loosened() -> None:
    assert opening("13800138000", control="restricted").decision == "restricted"
    assert opening("无", control="delayed").decision == "delayed"


def test_depth_and_size_of_the_metadata_do_not_matter() -> None:
    deep: Any = "13800138000"
    for _ in range(5_000):
        deep = [deep]
    row = schedule(entry("1.1")).entries[0]
    assert propose_opening(row, {"x": deep}).decision == "delayed"


def test_what_the_unit_itself_said_is_kept_and_nothing_else() -> None:
    said = {"decision": "delayed", "reason": "个人信息", "open_from": None, "more": "x"}
    assert unit_opinion({"record": {"open_control": said}}) == {"decision": "delayed", "reason": "个人信息"}
    for nothing in ({}, {"record": None}, {"record": {"open_control": "open"}}, {"record": {"open_control": {}}}):
        assert unit_opinion(nothing) is None


def test_an_installation_adds_words_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "opening.json"
    assert load_terms(file) == common_terms()
    file.write_text('{"terms": ["甲乙丙工艺"]}', "utf-8")
    assert opening("甲乙丙工艺说明", terms=load_terms(file)).reasons[-1] == "元数据中有敏感词“甲乙丙工艺”1处"
    assert opening("技术秘密", terms=load_terms(file)).decision == "delayed"
    for wrong in ("[]", '{"terms": [""]}', '{"terms": "x"}', "{"):
        file.write_text(wrong, "utf-8")
        with pytest.raises(ValueError):
            load_terms(file)


def test_a_later_version_is_proposed_anew_but_never_opened_wider() -> None:
    first = opening("13800138000")
    later = stricter(first.decision, first.reasons, {"title": "无"})
    assert later == Opening("delayed", ("条款1.1规定为开放",))
    assert stricter("open", ("条款1.1规定为开放",), {"title": "440106190001010012"}).decision == "delayed"
