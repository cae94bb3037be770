"""A catalogue that an agency made in a spreadsheet, XLSX or CSV, as rows of text. Nothing in it is computed, and nothing is guessed.

The first row that is not empty names the columns. A number cell where a text is needed has lost what a number has not (leading
zeros, 2.10), so it is a finding and never a value.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime as dt
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ingest.findings import Finding
from ingest.metadata.workbooks import BROKEN, BadWorkbook, checked, opened

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 200_000
MAX_FINDINGS = 200
_COLUMNS = 60
SUFFIXES = (".xlsx", ".csv")


class BadCatalogue(Exception):
    """The file is no catalogue that can be read; ``findings`` say all that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(", ".join(f.code for f in findings[:5]))
        more = [Finding("CAT-MORE", params={"count": str(len(findings) - MAX_FINDINGS)})]
        self.findings = [*findings[:MAX_FINDINGS], *(more if len(findings) > MAX_FINDINGS else ())]


@dataclasses.dataclass(frozen=True, slots=True)
class Catalogue:
    """``heads`` name the columns; ``rows`` are (row in the file, from 1; its cells' texts, stripped, one for each head)."""

    heads: tuple[str, ...]
    rows: Sequence[tuple[int, tuple[str, ...]]]

    def texts(self, cells: Sequence[str]) -> dict[str, str]:
        """A row's texts by column; empty cells are left out."""
        return {head: text for head, text in zip(self.heads, cells, strict=True) if head and text}


def read(data: bytes, name: str, kinds: Mapping[str, str], most: int = MAX_ROWS) -> Catalogue:
    """The catalogue in the bytes of a file called ``name``; ``kinds`` says of columns whose cells may be numbers ("integer") or
    days ("date"). CSV in UTF-8 or GB 18030. Raises BadCatalogue."""
    wrong: list[Finding] = []
    lines = _workbook(data, name, kinds, wrong) if data[:4] == b"PK\x03\x04" else _csv(data, name, wrong)
    heads: tuple[str, ...] = ()
    rows: list[tuple[int, tuple[str, ...]]] = []
    for number, cells in lines:
        if not any(cells):
            continue
        if not heads:
            heads = _heads(cells, name, wrong)
            continue
        if len(rows) >= most:
            raise BadCatalogue([_broken(name, f"超过 {most} 行 / more than {most} rows")])
        if any(cells[len(heads) :]):
            wrong.append(_broken(name, f"第 {number} 行多出没有列名的内容 / row {number} has cells beyond the columns"))
        rows.append((number, (*cells[: len(heads)], *[""] * (len(heads) - len(cells)))))
    if not heads:
        wrong.append(_broken(name, "目录是空的 / the catalogue is empty"))
    if wrong:
        raise BadCatalogue(wrong)
    return Catalogue(heads, rows)


def _heads(cells: Sequence[str], name: str, wrong: list[Finding]) -> tuple[str, ...]:
    """The names of the columns, without the empty ones at the end and without blanks, line breaks and asterisks in them."""
    heads = ["".join(cell.split()).strip("*＊") for cell in cells]
    while heads and not heads[-1]:
        heads.pop()
    for head in {h for h in heads if h and heads.count(h) > 1}:
        wrong.append(_broken(name, f"列名“{head[:40]}”重复 / the column stands twice"))
    return tuple(heads)


def _csv(data: bytes, name: str, wrong: list[Finding]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decoded(data, name), newline=""), strict=True)
    try:
        for cells in reader:
            for at, cell in enumerate(cells):
                if cell.lstrip().startswith("=") and len(wrong) <= MAX_FINDINGS:
                    wrong.append(_formula(name, reader.line_num, str(at + 1)))
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        reason = f"第 {reader.line_num} 行 / row {reader.line_num}: {error}"
        raise BadCatalogue([_broken(name, reason)]) from error


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise BadCatalogue([Finding("RCV-FILE-TOO-LARGE", path=name, params={"limit": str(MAX_BYTES)})])
    for encoding in ("utf-8-sig", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in (text := data.decode(encoding)):
                return text
    raise BadCatalogue([Finding("PRF-ENCODING", path=name, params={"reason": "不是 UTF-8 或 GB 18030 / neither"})])


def _workbook(
    data: bytes, name: str, kinds: Mapping[str, str], wrong: list[Finding]
) -> Iterator[tuple[int, list[str]]]:
    """The first visible sheet."""
    try:
        guarded = checked(data, None, MAX_BYTES)
        book = opened(guarded.content)
        with warnings.catch_warnings(), contextlib.closing(book):
            warnings.simplefilter("ignore")  # openpyxl warns of dates out of range, which become error cells told below
            sheet = next((s for s in book.worksheets if s.sheet_state == "visible"), None)
            if sheet is None:
                raise BadWorkbook("没有可见的工作表 / no visible sheet")
            for title, where in guarded.merged:
                if title == sheet.title:
                    wrong.append(Finding("CAT-MERGED", path=name, field=f"/{where}", params={"range": where}))
            sheet.reset_dimensions()  # what a sheet says of its own size is not believed
            yield from _sheet(sheet, name, kinds, wrong)
    except BadWorkbook as error:
        raise BadCatalogue([_broken(name, str(error))]) from error


def _sheet(sheet: Any, name: str, kinds: Mapping[str, str], wrong: list[Finding]) -> Iterator[tuple[int, list[str]]]:
    heads: list[str] = []
    rows: Iterable[Any] = sheet.iter_rows(max_col=_COLUMNS)
    numbered = enumerate(rows, 1)
    while True:
        try:
            number, cells = next(numbered)
            texts = []
            for at, cell in enumerate(cells):
                head = heads[at] if at < len(heads) else ""
                texts.append(_text(cell, head or str(at + 1), kinds.get(head, "text"), (name, number), wrong))
        except StopIteration:
            return
        except BROKEN as error:
            raise BadWorkbook(f"“{sheet.title}”不能读取 / cannot be read: {str(error)[:200]}") from error
        if not heads and any(texts):
            heads = ["".join(text.split()).strip("*＊") for text in texts]
        yield number, texts


def _text(cell: Any, head: str, kind: str, place: tuple[str, int], wrong: list[Finding]) -> str:
    """The cell as the text that its writer sees, or a finding where that cannot be known."""
    name, number = place
    value = cell.value
    if value is None or len(wrong) > MAX_FINDINGS:
        return ""
    if cell.data_type == "f":
        wrong.append(_formula(name, number, head))
        return ""
    if isinstance(value, str) and cell.data_type != "e":
        return value.strip()
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, dt.datetime | dt.date) and kind == "date":
        return value.strftime("%Y-%m-%d")
    if isinstance(value, int | float) and kind in ("integer", "date") and math.isfinite(value) and value == int(value):
        return str(int(value))
    params = {"row": str(number), "column": head[:40]}
    wrong.append(Finding("CAT-CELL", path=name, field=f"/{number}/{head[:40]}", params=params))
    return ""


def _formula(name: str, number: int, head: str) -> Finding:
    params = {"row": str(number), "column": head[:40]}
    return Finding("CAT-FORMULA", path=name, field=f"/{number}/{head[:40]}", params=params)


def _broken(name: str, reason: str) -> Finding:
    return Finding("CAT-BROKEN", path=name, params={"reason": reason[:300]})
