"""The schedule as an XLSX workbook: what archivists fill in, and what is read back. Values only: nothing in it is ever computed."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingest.findings import Finding
from ingest.metadata.workbooks import BROKEN, BadWorkbook, checked, opened
from ingest.schedule.load import MAX_BYTES, ScheduleError
from ingest.schedule.model import Schedule
from ingest.schedule.table import CLASSES, HEAD, MAX_ROWS, TABLE, Row, from_sheets

if TYPE_CHECKING:
    pass

_COLUMNS = 60  # the table has 19; what stands further right is not read
_DAYS = ("施行日期", "截止日期", "批复日期")
_NUMBERS = ("件号位数", "办理结果", "档号含机构", "类别默认", "是否归档")  # where a number can have lost nothing


def read_xlsx(content: bytes, name: str) -> Schedule:
    """A version from the bytes of a workbook with the three sheets; others in it are not read.

    Raises ScheduleError; findings name sheet, row and column. Formulas, merged cells, and numbers or dates where a text is
    needed (a spreadsheet would have cut 2.10 to 2.1 and 003 to 3) are findings, never guessed at.
    """
    try:
        guarded = checked(content, (HEAD, CLASSES, TABLE), MAX_BYTES)
        wrong = [
            Finding("SCH-MERGED", path=name, field=f"{sheet}!{where}", params={"sheet": sheet, "range": where})
            for sheet, where in guarded.merged
        ]
        sheets = dict(_sheets(guarded.content, name, wrong))
    except BadWorkbook as error:
        raise ScheduleError([Finding("SCH-FILE", path=name, params={"reason": str(error)})]) from error
    if wrong:
        raise ScheduleError(wrong)
    return from_sheets(sheets, name)


def _sheets(content: bytes, name: str, wrong: list[Finding]) -> Iterator[tuple[str, list[Row]]]:
    book = opened(content)
    with warnings.catch_warnings(), contextlib.closing(book):
        warnings.simplefilter("ignore")  # openpyxl warns of dates out of range, which become error cells told below
        for sheet in book.worksheets:
            if sheet.title in (HEAD, CLASSES, TABLE):
                sheet.reset_dimensions()  # what a sheet says of its own size is not believed
                yield sheet.title, _rows(sheet, name, wrong)


def _rows(sheet: Any, name: str, wrong: list[Finding]) -> list[Row]:
    out: list[Row] = []
    titles: list[str] = []
    try:
        for number, cells in enumerate(sheet.iter_rows(max_col=_COLUMNS), 1):
            if all(cell.value is None for cell in cells):
                continue
            if len(out) > MAX_ROWS:
                raise BadWorkbook(f"“{sheet.title}”超过 {MAX_ROWS} 行")
            texts: list[str] = []
            for at, cell in enumerate(cells):
                label = texts[0] if sheet.title == HEAD and at else titles[at] if at < len(titles) else ""
                texts.append(_text(cell, label, (name, sheet.title, number), wrong))
            titles = titles or [text.strip() for text in texts]
            out.append(Row(number, tuple(texts)))
    except BROKEN as error:
        raise BadWorkbook(f"“{sheet.title}”不能读取：{str(error)[:200]}") from error
    return out


def _text(cell: Any, column: str, place: tuple[str, str, int], wrong: list[Finding]) -> str:
    """The cell as the text that the archivist sees, or a finding where that cannot be known."""
    name, sheet, number = place
    params = {"sheet": sheet, "row": str(number), "column": column}
    value, kind = cell.value, cell.data_type
    if kind == "f":
        wrong.append(
            Finding("SCH-FORMULA", path=name, field=f"{sheet}!{number}/{column}",
                    params=params | {"formula": str(getattr(value, "text", value))[:40]})
        )  # fmt: skip
        return ""
    if value is None:
        return ""
    if isinstance(value, str) and kind != "e":
        return value
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, dt.datetime | dt.date) and column.strip() in _DAYS:
        return value.strftime("%Y-%m-%d")
    if isinstance(value, int | float) and column.strip() in _NUMBERS and math.isfinite(value) and value == int(value):
        return str(int(value))
    if kind == "e":
        reason = f"是错误值 {str(value)[:20]}"
    elif isinstance(value, int | float):
        reason = f"是数字单元格（{value}）：前导零、末尾的零和长编码的末几位会丢失，请把该列设为“文本”后重填"
    else:
        reason = f"是日期单元格（{value}），请设为“文本”后重填"
    wrong.append(Finding("SCH-CELL", path=name, field=f"{sheet}!{number}/{column}", params=params | {"reason": reason}))
    return ""


def tidy(content: bytes) -> bytes:
    """A workbook without the moment of its making: the same sheets give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in sorted(made.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            data = made.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"<dcterms:(created|modified).*?</dcterms:\1>", b"", data)
            fixed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
