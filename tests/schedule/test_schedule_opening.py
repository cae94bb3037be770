"""The opening proposal starts from the entry and becomes stricter where the metadata shows personal data."""

from __future__ import annotations

from typing import Any

import pytest
from schedule_samples import AGENCY, case, entry, schedule

from ingest.schedule.opening import Opening, propose_opening


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
