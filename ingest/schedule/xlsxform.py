"""Write the workbook that archivists fill in: text cells, lists to choose from, heads that stay in sight; and the diff to read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.schedule.diff import Diff
from ingest.schedule.model import Schedule
from ingest.schedule.table import CLASSES, HEAD, TABLE, choices, to_sheets
from ingest.schedule.xlsxfile import tidy

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_LISTS = "可选值"
_WIDTHS = {
    "条款": 48, "事项编码": 36, "关键词": 20, "责任部门": 16, "备注": 28, "类别名称": 24, "事项类型": 22, "内容": 48, "项目": 14,
}  # fmt: skip
_ROOM = 500  # rows below the last one that have the lists too
_KINDS = {
    "新增": "E2F0D9",
    "删除": "F8CBAD",
    "期限缩短": "F4B084",
    "期限延长": "FFE699",
    "修改": "FFF2CC",
    "改号": "DDEBF7",
}


def write_xlsx(schedule: Schedule) -> bytes:
    """The version as a workbook; read back it gives the same version, and the same version gives the same bytes.

    Every cell is a text cell, also where the text begins with ``=``; columns with fixed values have them as a list.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    sheets = to_sheets(schedule)
    for title, rows in sheets.items():
        _fill(book.create_sheet(title), rows)
    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    for at, (column, values) in enumerate(choices().items(), 1):
        for row, text in enumerate((column, *values), 1):
            _put(lists, row, at, text)
        _offer(book[HEAD], column, at, len(values), len(sheets[HEAD]))
        for title in (CLASSES, TABLE):
            _offer(book[title], column, at, len(values), len(sheets[title]) + _ROOM)
    out = io.BytesIO()
    book.save(out)
    return tidy(out.getvalue())


def write_diff_xlsx(found: Diff) -> bytes:
    """The differences as a workbook, coloured by kind, so that a reviewer can mark and send it on."""
    from openpyxl import Workbook
    from openpyxl.styles import PatternFill

    book = Workbook()
    book.remove(book.worksheets[0])
    sheet = book.create_sheet("变化")
    rows = found.rows()
    _fill(sheet, rows)
    for number, row in enumerate(rows[1:], 2):
        sheet.cell(number, 1).fill = PatternFill("solid", fgColor=_KINDS[row[0]])
    for column, width in zip("ABCD", (10, 10, 48, 70), strict=True):
        sheet.column_dimensions[column].width = width
    _fill(book.create_sheet("分类方案"), [[f"{found.before} → {found.after}"], *([line] for line in found.categories)])
    out = io.BytesIO()
    book.save(out)
    return tidy(out.getvalue())


def _fill(sheet: Worksheet, rows: Sequence[Sequence[str]]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    plain = Alignment(vertical="top", wrap_text=True)
    for number, row in enumerate(rows, 1):
        for at, text in enumerate(row, 1):
            _put(sheet, number, at, text)
            sheet.cell(number, at).alignment = plain
    for at, title in enumerate(rows[0], 1):
        head = sheet.cell(1, at)
        head.font, head.fill = Font(bold=True), PatternFill("solid", fgColor="D9E1F2")
        # the whole column, so that what is typed below the last row stays text too: 2.10 is not 2.1
        column = sheet.column_dimensions[get_column_letter(at)]
        column.width, column.number_format = _WIDTHS.get(title, 12), "@"
    sheet.freeze_panes = "C2" if sheet.title == TABLE else "A2"
    if sheet.title != HEAD:
        sheet.auto_filter.ref = sheet.dimensions


def _put(sheet: Worksheet, row: int, column: int, text: str) -> None:
    cell = sheet.cell(row, column)
    cell.number_format = "@"
    if text:
        cell.value = text
        cell.data_type = "s"  # also for a text that begins with =, which would otherwise be written as a formula


def _offer(sheet: Worksheet, column: str, at: int, count: int, last: int) -> None:
    """Give a column (or on the first sheet the line of that name) the list of its values."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    if sheet.title == HEAD:
        where = [f"B{row}" for row in range(2, last + 1) if sheet.cell(row, 1).value == column]
    else:
        heads = {sheet.cell(1, n).value: get_column_letter(n) for n in range(1, sheet.max_column + 1)}
        where = [f"{heads[column]}2:{heads[column]}{last}"] if column in heads else []
    if not where:
        return
    letter = get_column_letter(at)
    offered = DataValidation("list", formula1=f"'{_LISTS}'!${letter}$2:${letter}${count + 1}", allow_blank=True)
    offered.showErrorMessage = column not in (
        "保管期限",
        "事项类型",
    )  # other terms and ways of writing are possible there
    offered.errorTitle, offered.error = "不在可选值之内", "请从下拉列表中选择"
    sheet.add_data_validation(offered)
    offered.add(where[0])
