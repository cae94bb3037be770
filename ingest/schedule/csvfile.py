"""The three sheets in one CSV file: each begins with a line ``【sheet】``. Opens in Excel and WPS as it stands."""

from __future__ import annotations

import csv
import io

from ingest.findings import Finding
from ingest.schedule.load import MAX_BYTES, ScheduleError
from ingest.schedule.model import Schedule
from ingest.schedule.table import MAX_ROWS, Row, from_sheets, to_sheets

_MAX_LINES = 4 * MAX_ROWS  # a quoted cell may run over several lines
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "'",
)  # a spreadsheet would run these as formulas when a cell begins with them


def write_csv(schedule: Schedule) -> bytes:
    """UTF-8 with a byte order mark (Excel needs it), lines ended by CRLF; the same version gives the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for at, (title, rows) in enumerate(to_sheets(schedule).items()):
        if at:
            writer.writerow([])
        writer.writerow([f"【{title}】"])
        writer.writerows([[_guarded(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def read_csv(content: bytes, name: str) -> Schedule:
    """A version from such a file, in UTF-8 or in the GB 18030 that Excel writes in Chinese systems.

    Raises ScheduleError; findings name the line in the file and the column.
    """
    sheets: dict[str, list[Row]] = {}
    current: list[Row] | None = None
    reader = csv.reader(io.StringIO(_decoded(content, name), newline=""), strict=True)
    try:
        for cells in reader:
            first = cells[0].strip() if cells else ""
            if first.startswith("【") and first.endswith("】") and not any(cells[1:]):
                current = sheets.setdefault(first[1:-1], [])
            elif any(cells):
                if current is None:
                    raise csv.Error("第一行应为“【基本信息】”")
                current.append(Row(reader.line_num, tuple(_bare(cell) for cell in cells)))
            if reader.line_num > _MAX_LINES:
                raise csv.Error(f"超过 {_MAX_LINES} 行")
    except csv.Error as error:
        reason = f"第 {reader.line_num} 行：{error}"
        raise ScheduleError([Finding("SCH-FILE", path=name, params={"reason": reason})]) from error
    return from_sheets(sheets, name)


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_BYTES:
        raise ScheduleError([Finding("SCH-FILE", path=name, params={"reason": f"超过 {MAX_BYTES} 字节"})])
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise ScheduleError([Finding("SCH-FILE", path=name, params={"reason": "既不是 UTF-8，也不是 GB 18030 文本"})])


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _bare(cell: str) -> str:
    return cell.removeprefix("'")
