"""A search as a table to take along: CSV or XLSX, a few rows at a time, its cells safe to open, nobody's name in clear."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from desk.pages import STATE_NAMES
from desk.records.queries import Row
from desk.roles import User
from ingest.ledger import Ledger

MOST = {"csv": 100_000, "xlsx": 20_000}  # rows
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet runs, of full width too
_CHUNK = 1 << 16

HEADS: tuple[tuple[str, str], ...] = (
    ("办件编号", "Case no."), ("版本", "Version"), ("题名", "Title"), ("申请人（已脱敏）", "Applicant (masked)"),
    ("实施编码", "Matter"), ("机构", "Agency"), ("状态", "State"), ("接收之夜", "Night"), ("办结日期", "Closed"),
    ("档号", "Archival code"), ("电子文件号", "Electronic record code"), ("保管期限", "Retention"), ("问题", "Findings"),
)  # fmt: skip


def note(ledger: Ledger, user: User, form: str, asked: dict[str, str], rows: int) -> int:
    """The event of an export, written before its first byte leaves; returns its number in the chain."""
    detail = {"by": user.name, "role": user.role.value, "form": form, "asked": asked, "rows": rows}
    with ledger.begin() as tx:
        return tx.chain.append("exported", None, detail)


def as_csv(rows: Iterator[Row], t: Callable[[str, str], str]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark and CRLF, as Excel and WPS want it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    out.write("\ufeff")
    writer.writerow([t(*head) for head in HEADS])
    for row in rows:
        writer.writerow([safe(cell) for cell in cells(row, t)])
        if out.tell() > _CHUNK:
            yield _taken(out)
    yield _taken(out)


def as_xlsx(rows: Iterator[Row], t: Callable[[str, str], str]) -> Iterator[bytes]:
    """One sheet, all cells texts; written to a file of its own that is gone when it was read."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet(t("档案", "Records"))
    sheet.freeze_panes = "A2"
    sheet.append([t(*head) for head in HEADS])
    for row in rows:
        line = []
        for text in cells(row, t):
            cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\ufffd", safe(text))[:32_000])
            cell.data_type = "s"
            line.append(cell)
        sheet.append(line)
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(_CHUNK):
            yield piece


WRITERS: dict[str, Callable[[Iterator[Row], Callable[[str, str], str]], Iterator[bytes]]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
}


def cells(row: Row, t: Callable[[str, str], str]) -> Sequence[str]:
    """A row's cells in the order of `HEADS`."""
    values: tuple[Any, ...] = (
        row.case_no, row.version, row.title, row.applicant, row.matter_code, row.agency, t(*STATE_NAMES[row.state]),
        row.entered_on, row.closed_on, row.archival_code, row.electronic_record_code, row.retention_code, " ".join(row.codes),
    )  # fmt: skip
    return ["" if value is None else str(value) for value in values]


def safe(text: str) -> str:
    """A cell that no spreadsheet runs: what begins like a formula, behind blanks too, gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _taken(out: io.StringIO) -> bytes:
    data = out.getvalue().encode("utf-8", "replace")
    out.seek(0)
    out.truncate()
    return data
