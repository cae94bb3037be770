"""The workbook that archivists fill in: there and back without loss, every fault at its cell, and nothing hostile gets far."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet
from schedule_samples import entry, schedule

from ingest.findings import Finding
from ingest.paths import SCHEMAS
from ingest.schedule import ScheduleError
from ingest.schedule.diff import diff
from ingest.schedule.load import load_schedules
from ingest.schedule.table import CLASSES, HEAD, TABLE
from ingest.schedule.xlsxfile import read_xlsx
from ingest.schedule.xlsxform import write_diff_xlsx, write_xlsx

GOOD = schedule(entry("1.1"), entry("1.2"))


def findings(content: bytes) -> list[Finding]:
    with pytest.raises(ScheduleError) as error:
        read_xlsx(content, "表.xlsx")
    return list(error.value.findings)


def edited(change: Callable[[Any], object]) -> bytes:
    """The good workbook as a person leaves it after ``change`` to it."""
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx(GOOD)))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cell(sheet: str, where: str, value: Any, number_format: str = "General") -> bytes:
    def change(book: Any) -> None:
        book[sheet][where] = value
        book[sheet][where].number_format = number_format

    return edited(change)


def repacked(member: str, change: Callable[[bytes], bytes], content: bytes = b"") -> bytes:
    """The good workbook with the bytes of one member changed, as only an attacker or a bug would."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content or write_xlsx(GOOD))) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        assert member in old.namelist()
        for name in old.namelist():
            data = old.read(name)
            changed = change(data) if name == member else data
            assert name != member or changed != data
            new.writestr(name, changed)
    return out.getvalue()


def as_excel_stores_it() -> bytes:
    """The good workbook with its texts in the table of shared strings, where Excel and WPS put them."""
    strings: list[bytes] = []

    def share(found: re.Match[bytes]) -> bytes:
        strings.append(found[2])
        return b'<c%s t="s"><v>%d</v></c>' % (found[1], len(strings) - 1)

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(write_xlsx(GOOD))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = re.sub(rb'<c([^>]*) t="inlineStr"><is>(.*?)</is></c>', share, old.read(name))
            kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
            part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
            new.writestr(name, data.replace(b"</Types>", part))
        table = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>'
        new.writestr("xl/sharedStrings.xml", table % b"".join(b"<si>%s</si>" % each for each in strings))
    return out.getvalue()


def test_the_examples_come_back_unchanged_and_always_in_the_same_bytes() -> None:
    for each in load_schedules(SCHEMAS / "schedules"):
        content = write_xlsx(each)
        assert read_xlsx(content, "x.xlsx") == each
        assert write_xlsx(each) == content


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(words, words, st.lists(words.filter(lambda w: len(w) > 1 and not set(w) & set("；;")), max_size=3, unique=True))
def test_any_text_survives_even_what_a_spreadsheet_would_run(text: str, remark: str, keywords: list[str]) -> None:
    made = schedule(entry("1.10", entry_text=f"={text}", remark=f"+{remark}\n{text}", keywords=keywords))
    content = write_xlsx(made)
    assert read_xlsx(content, "x.xlsx") == made
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert not any(b"<f>" in book.read(name) for name in book.namelist())


def test_the_workbook_is_made_to_be_filled_in() -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx(GOOD)))
    assert book.sheetnames == [HEAD, CLASSES, TABLE, "可选值"] and book["可选值"].sheet_state == "hidden"
    table: Worksheet = book[TABLE]
    assert table.freeze_panes == "C2"
    titles = [c.value for c in table[1]]
    offered = {
        titles[next(iter(rule.sqref.ranges)).min_col - 1]: book["可选值"][
            str(rule.formula1).split("!")[1].replace("$", "")
        ]
        for rule in table.data_validations.dataValidation
    }
    assert [c[0].value for c in offered["材料类别"]] == ["依据性材料", "程序性材料", "结果性材料", "全部材料"]
    assert [c[0].value for c in offered["保管期限"]] == ["永久", "定期30年", "定期10年", "按主事项就高"]
    assert {"门类代码", "事项类型", "类别默认", "整理方式", "利用权限", "开放控制", "是否归档"} < set(offered)
    assert {c.number_format for row in table.iter_rows(max_row=3) for c in row} == {"@"}
    for choice in offered["事项类型"]:  # each can be read back as it is offered
        assert read_xlsx(cell(TABLE, "F2", choice[0].value), "x.xlsx").entries[0].matter_kind


def test_what_people_do_to_a_workbook_is_understood() -> None:
    import datetime as dt

    assert read_xlsx(cell(HEAD, "B7", dt.datetime(2025, 3, 1), "yyyy-mm-dd"), "x.xlsx").effective_from == dt.date(
        2025, 3, 1
    )
    assert read_xlsx(cell(CLASSES, "F2", 4), "x.xlsx").categories[0].number_width == 4
    assert read_xlsx(cell(TABLE, "R2", True), "x.xlsx").entries[0].archive
    assert read_xlsx(as_excel_stores_it(), "x.xlsx") == GOOD
    assert read_xlsx(edited(lambda book: book.create_sheet("说明")), "x.xlsx") == GOOD
    assert read_xlsx(edited(lambda book: book[TABLE].insert_rows(3)), "x.xlsx") == GOOD
    assert read_xlsx(edited(lambda book: book[TABLE].move_range("A1:S3", rows=0, cols=1)), "x.xlsx") == GOOD


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        ("L3", "长期", ("SCH-CELL", "“归档范围和保管期限表”第 3 行“保管期限”：“长期”不是保管期限")),
        ("A3", 1.1, ("SCH-CELL", "第 3 行“条款号”：是数字单元格（1.1）")),
        ("G2", 440116001000, ("SCH-CELL", "第 2 行“事项编码”：是数字单元格")),
        ("M2", "=A1&B2", ("SCH-FORMULA", "第 2 行“机构代码”是公式“=A1&B2”：导入只认值")),
        ("B2", "=HYPERLINK(\"http://localhost/\")", ("SCH-FORMULA", "第 2 行“条款”是公式")),
        ("S2", "#N/A", ("SCH-CELL", "第 2 行“备注”：是错误值 #N/A")),
        ("A2", "1.3\n", ("", "")),
    ],
)  # fmt: skip
def test_a_fault_names_sheet_row_and_column(where: str, value: Any, expected: tuple[str, str]) -> None:
    content = cell(TABLE, where, value)
    if not expected[0]:
        assert read_xlsx(content, "x.xlsx").entries[0].entry_no == "1.3"
        return
    (found,) = findings(content)
    assert found.code == expected[0] and expected[1] in found.text()
    assert found.field is not None and found.field.startswith(f"{TABLE}!{where[1:]}/")


def test_dates_where_a_text_must_stand_and_merged_cells_are_told() -> None:
    import datetime as dt

    (found,) = findings(cell(TABLE, "A2", dt.datetime(2024, 1, 1), "m-d"))
    assert "是日期单元格" in found.text()

    def merge(book: Any) -> None:
        book[TABLE]["C3"] = None
        book[TABLE].merge_cells("C2:C3")

    (found,) = findings(edited(merge))
    assert found.code == "SCH-MERGED" and "C2:C3" in found.text()


def test_all_faults_are_told_at_once() -> None:
    def change(book: Any) -> None:
        book[TABLE]["L2"] = "=1"
        book[TABLE]["A3"] = 2

    assert [f.code for f in findings(edited(change))] == ["SCH-FORMULA", "SCH-CELL"]


SHEET = "xl/worksheets/sheet3.xml"
DTD = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'


def after_declaration(text: bytes) -> Callable[[bytes], bytes]:
    return lambda data: text + data.split(b"?>", 1)[-1] if data.startswith(b"<?xml") else text + data


HOSTILE = {
    "no zip at all": (b"hello", "不是完好的 XLSX 工作簿"),
    "empty": (b"", "不是完好的 XLSX 工作簿"),
    "old or encrypted": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "加密的工作簿"),
    "DTD in a sheet": (repacked(SHEET, after_declaration(DTD)), "含 DTD 或实体定义"),
    "DTD in the strings": (repacked("xl/sharedStrings.xml", after_declaration(DTD), as_excel_stores_it()), "含 DTD 或实体定义"),
    "DTD in the workbook": (repacked("xl/workbook.xml", after_declaration(DTD)), "含 DTD 或实体定义"),
    "UTF-16": (repacked(SHEET, lambda d: d.decode().encode("utf-16")), "不是 UTF-8"),
    "another encoding": (
        repacked(SHEET, after_declaration(b'<?xml version="1.0" encoding="UTF-7"?>')), "不是 UTF-8",
    ),
    "row in the far": (repacked(SHEET, lambda d: d.replace(b'<row r="3"', b'<row r="99999999999"')), "行号有误"),
    "row below one before": (repacked(SHEET, lambda d: d.replace(b'<row r="3"', b'<row r="2"')), "行号有误"),
    "string that is not there": (
        repacked("xl/sharedStrings.xml", lambda d: d[: d.index(b"<si")] + b"</sst>", as_excel_stores_it()), "不能读取",
    ),
    "cut off": (write_xlsx(GOOD)[:-300], "不是完好的 XLSX 工作簿"),
    "broken XML": (repacked(SHEET, lambda d: d[:-30]), "不能读取"),
    "no workbook": (repacked("xl/_rels/workbook.xml.rels", lambda d: b"<Relationships/>"), "不是完好的 XLSX 工作簿"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_or_broken_workbook_is_refused_with_a_reason(what: str) -> None:
    content, reason = HOSTILE[what]
    (found,) = findings(content)
    assert found.code == "SCH-FILE" and reason in found.text()


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        for n in range(4):
            bomb.writestr(f"xl/{n}.xml", b" " * (60 << 20))
    (found,) = findings(out.getvalue())
    assert "解压后超过" in found.text()


def test_claimed_size_costs_nothing() -> None:
    """A sheet that says it is 16,384 columns wide and a million rows deep, with a cell in its last corner."""

    def claim(data: bytes) -> bytes:
        start = data.index(b"<dimension")
        data = data[:start] + b'<dimension ref="A1:XFD1048576"/>' + data[data.index(b"/>", start) + 2 :]
        return data.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"/></row></sheetData>')

    begun = time.process_time()
    assert read_xlsx(repacked(SHEET, claim), "x.xlsx") == GOOD
    assert time.process_time() - begun < 30  # without care it takes hours


def test_too_many_rows_are_refused() -> None:
    def fill(data: bytes) -> bytes:
        rows = b"".join(b'<row r="%d"><c r="A%d" t="b"><v>1</v></c></row>' % (n, n) for n in range(4, 20_100))
        return data.replace(b"</sheetData>", rows + b"</sheetData>")

    assert "超过 20010 行" in findings(repacked(SHEET, fill))[0].text()


def test_differences_can_be_read_in_a_workbook() -> None:
    after = schedule(entry("1.1", "Y"), entry("1.3", entry_text="=新"))
    book = openpyxl.load_workbook(io.BytesIO(write_diff_xlsx(diff(GOOD, after))))
    rows = [[c.value for c in row] for row in book["变化"].iter_rows()]
    assert rows[0] == ["变化", "条款号", "条款", "内容"]
    assert [row[:2] for row in rows[1:]] == [["期限延长", "1.1"], ["删除", "1.2"], ["新增", "1.3"]]
    assert book["变化"]["C4"].data_type == "s"
