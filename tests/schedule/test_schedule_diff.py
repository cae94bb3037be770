"""Differences between versions as rows a reviewer can read."""

from __future__ import annotations

from schedule_samples import category, entry, schedule

from ingest.schedule.diff import diff


def test_equal_versions_have_no_rows() -> None:
    one = schedule(entry("1.1"))
    assert diff(one, schedule(entry("1.1"), version="V2")).entries == ()


def test_each_kind_of_change_is_one_row() -> None:
    before = schedule(
        entry("1.1", "Y"),
        entry("1.2", entry_text="走的"),
        entry("1.3", entry_text="搬的"),
        entry("1.4", entry_text="旧文"),
    )
    after = schedule(
        entry("1.1", "D30"),
        entry("1.2", entry_text="搬的"),
        entry("1.3", entry_text="来的"),
        entry("1.4", entry_text="新文"),
    )
    found = diff(before, after)
    assert [(c.kind, c.entry_no, c.retention) for c in found.entries] == [
        ("changed", "1.1", "shorter"),
        ("renumbered", "1.2", None),
        ("removed", "1.2", None),
        ("added", "1.3", None),
        ("changed", "1.4", None),
    ]
    assert found.rows()[1] == ["期限缩短", "1.1", "条款1.1", "保管期限：永久 → 定期30年"]
    assert found.rows()[2][3] == "条款号：1.3 → 1.2"
    assert found.as_json()["entries"][0]["fields"] == {"retention_code": {"before": "永久", "after": "定期30年"}}


def test_added_and_removed_entries_and_classes_are_told_with_their_term() -> None:
    before = schedule(entry("1.1"), entry("1.2"))
    after = schedule(
        entry("1.1"),
        entry("2.1", "Y", class2="QR", entry_text="新"),
        categories=[category(number_width=4), category(class2="QR", number_width=4)],
    )
    found = diff(before, after)
    assert [row[:2] for row in found.rows()[1:]] == [["删除", "1.2"], ["新增", "2.1"]]
    assert found.rows()[2][3] == "ZY·QR，永久"
    assert found.categories == ("新增类别 ZY·QR（类）", "修改类别 ZY·XK：件号位数：5 → 4")
