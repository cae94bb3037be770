"""The table as archivists keep it: there and back without loss, and errors that name the row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_samples import AGENCY, category, entry, schedule

from ingest.paths import SCHEMAS
from ingest.schedule import Schedule, ScheduleError
from ingest.schedule.csvfile import read_csv, write_csv
from ingest.schedule.load import load_schedules

FOOD = f"{AGENCY}3440116001000"


def told(content: bytes) -> list[str]:
    with pytest.raises(ScheduleError) as error:
        read_csv(content, "表.csv")
    return [f.text() for f in error.value.findings]


def edited(before: str, after: str, made: Schedule | None = None) -> bytes:
    text = write_csv(made or schedule(entry("1.1"), entry("1.2"))).decode("utf-8-sig")
    assert before in text
    return text.replace(before, after, 1).encode()


def test_the_examples_come_back_unchanged() -> None:
    for each in load_schedules(SCHEMAS / "schedules"):
        content = write_csv(each)
        assert read_csv(content, "x.csv") == each
        assert write_csv(each) == content


def test_excel_in_chinese_systems_writes_gb18030() -> None:
    made = schedule(entry("1.1", entry_text="食品经营许可案卷"))
    assert read_csv(write_csv(made).decode("utf-8-sig").encode("gb18030"), "x.csv") == made


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=30
)


@settings(max_examples=100, deadline=None)
@given(words, words, st.lists(words.filter(lambda w: len(w) > 1 and not set(w) & set("；;")), max_size=3, unique=True))
def test_any_text_survives_even_what_a_spreadsheet_would_run(text: str, remark: str, keywords: list[str]) -> None:
    made = schedule(entry("1.1", entry_text=f"={text}", remark=f"'{remark}", keywords=keywords))
    content = write_csv(made)
    assert read_csv(content, "x.csv") == made
    assert b",=" not in content


def test_the_ways_in_which_archivists_write_the_same_thing_are_understood() -> None:
    for written, code in (("永久", "Y"), ("30年", "D30"), ("定期 10 年", "D10"), ("D10", "D10")):
        read = read_csv(edited("定期30年", written), "x.csv")
        assert read.entries[0].retention_code == code
    assert read_csv(edited("国家 01 行政许可", "广东:21"), "x.csv").entries[0].matter_kind == "公共服务"
    assert read_csv(edited("国家 01 行政许可", "公共服务"), "x.csv").entries[0].matter_type_code == "20"
    assert (
        read_csv(edited("2024-01-01", "2024年1月1日"), "x.csv").effective_from == schedule(entry("1.1")).effective_from
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("定期30年", "长期", "“归档范围和保管期限表”第 20 行“保管期限”：“长期”不是保管期限"),
        (
            "国家 01 行政许可",
            "广东 10 其他行政权力",
            "第 20 行“事项类型”：“广东 10 其他行政权力”与代码表不符：广东 10 为无此代码",
        ),
        ("国家 01 行政许可", "广东 20 公共服务", "广东 20 为其他行政权力"),
        ("全部材料", "若干", "第 20 行“材料类别”：“若干”不在可选值之内：依据性材料、"),
        ("1.1,", "1.a,", "第 20 行“条款号”：'1.a' 不符合规定的写法"),
        ("1.2,条款1.2", "1.1,条款1.2", "条款号 1.1 重复"),
        ("条款号,", "条号,", "第 19 行“条款号”：缺少该列"),
        ("2024-01-01", "去年", "“基本信息”第 8 行“施行日期”：“去年”不是日期"),
        ("批复文号", "批文", "“基本信息”第 10 行“项目”：不认识的项目“批文”"),
        ("【分类方案】", "【分类】", "缺少表：分类方案"),
        ("否,", "也许,", "“也许”应为“是”或“否”"),
    ],
)
def test_an_error_names_sheet_row_and_column(before: str, after: str, message: str) -> None:
    assert message in "\n".join(told(edited(before, after)))


def test_all_wrong_rows_are_told_at_once() -> None:
    text = write_csv(schedule(entry("1.1"), entry("1.2"), entry("1.3"))).decode("utf-8-sig")
    assert len(told(text.replace("定期30年", "长期").encode())) == 3


def test_a_fault_between_rows_is_placed_at_its_row() -> None:
    made = schedule(entry("1.1"), entry("1.2"), categories=[category(), category(class2="QR")])
    content = edited("1.2,条款1.2,ZY,XK", "1.2,条款1.2,ZY,JL", made)
    with pytest.raises(ScheduleError) as error:
        read_csv(content, "表.csv")
    assert [(f.code, f.field) for f in error.value.findings] == [("SCH-CATEGORY-UNDECLARED", "归档范围和保管期限表!22")]


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"a\x00b", b'"open', b"1.1,x\n", b""], ids=repr)
def test_what_is_no_table_is_refused_with_a_reason(content: bytes) -> None:
    assert told(content)[0].startswith(("文件不能读取", "缺少表"))
