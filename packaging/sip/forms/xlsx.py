"""Forms as a workbook: a sheet a form, its blocks below each other on one grid of columns, ready to print on A4.

Every text is written as text. A cell that begins like a formula also carries the quote prefix, so that it stays text when
somebody edits it.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from sip.forms.lines import shown
from sip.forms.model import Align, Block, Cell, Fields, Form, Heading, Matrix, Notes, PageBreak, Signatures, Table, Text

_EARLIEST = dt.datetime(2000, 1, 1)  # stands where a form has no time; also in the ZIP, as 1980 upsets some readers
_A4 = 9  # ST_PaperSize of OOXML
_FIT = {False: 92.0, True: 140.0}  # characters of the standard width that fill A4, portrait and landscape
_LIMIT = 32_767  # characters in a cell
_SHEET_NAME = re.compile(r"[\\/*?:\[\]]")
_SIDE = Side(style="thin", color="555555")
_BORDER = Border(left=_SIDE, right=_SIDE, top=_SIDE, bottom=_SIDE)
_HEAD, _SHADED = (PatternFill("solid", fgColor=colour) for colour in ("E8E8E8", "F2F2F2"))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(forms: Sequence[Form]) -> bytes:
    """The workbook; the only time in it is the first form's ``made_at``."""
    if not forms:
        raise ValueError("no form to write")
    book = Workbook()
    book.remove(book.worksheets[0])
    for form in forms:
        _Sheet(book.create_sheet(_name(form, book.sheetnames)), form)
    at = forms[0].made_at
    when = at.astimezone(dt.UTC).replace(tzinfo=None) if at else _EARLIEST
    book.properties.creator, book.properties.title = "Guidang", _clean(forms[0].title)
    book.properties.created = book.properties.modified = when
    return _saved(book)


def _saved(book: Workbook) -> bytes:
    """As openpyxl saves, but without the clock: in the properties, and in the times of the ZIP's members."""
    raw, out = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        ExcelWriter(book, archive).save()
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in made.namelist():
            member = zipfile.ZipInfo(name, _EARLIEST.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, made.read(name))
    return out.getvalue()


class _Sheet:
    def __init__(self, sheet: Worksheet, form: Form) -> None:
        self.sheet, self.form, self.row = sheet, form, 1
        tables = [block for block in form.blocks if isinstance(block, Table)]
        self.grid = max((len(table.columns) for table in tables), default=4)
        self.grid = max(self.grid, 2)
        self.widths(tables)
        self.line(form.title, Font(bold=True, size=16), Align.CENTER)
        if form.subtitle:
            self.line(form.subtitle, Font(size=10), Align.CENTER)
        for block in form.blocks:
            self.place(block)
        self.page_setup()

    def widths(self, tables: Sequence[Table]) -> None:
        """The widest table says how wide the columns are; without one they are alike."""
        shares = [1.0] * self.grid
        for table in tables:
            if len(table.columns) == self.grid:
                shares = [column.width for column in table.columns]
                break
        for index, share in enumerate(shares, 1):
            width = max(share / sum(shares) * _FIT[self.form.landscape], 4.0)
            self.sheet.column_dimensions[get_column_letter(index)].width = round(width, 1)

    def page_setup(self) -> None:
        setup = self.sheet.page_setup
        setup.orientation = "landscape" if self.form.landscape else "portrait"
        setup.paperSize, setup.fitToWidth, setup.fitToHeight = _A4, 1, 0
        self.sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        footer = self.sheet.oddFooter
        assert footer is not None  # openpyxl gives each new sheet one
        footer.center.text = "第 &P 页 共 &N 页"
        footer.left.text = _clean(self.form.footer).replace("&", "&&")

    def place(self, block: Block) -> None:
        match block:
            case Table():
                self.table(block)
            case Fields():
                self.fields(block)
            case Heading():
                self.row += 1
                self.line(block.text, Font(bold=True, size=12))
            case Text():
                self.line(block.text, Font(bold=block.strong))
            case Notes():
                for line in block.lines:
                    self.line(line, Font(size=8))
            case Signatures():
                for box in block.boxes:
                    self.line(f"{box.role}　{box.name}　　{box.date}", Font(), border=True)
                    self.sheet.row_dimensions[self.row - 1].height = 36
            case PageBreak():
                pass
            case Matrix():
                for line in block.lines:
                    self.line(line, Font(size=8))

    def table(self, table: Table) -> None:
        for index, column in enumerate(table.columns, 1):
            self.put(self.cell(index), column.title, Align.CENTER, Font(bold=True), _HEAD)
        if self.sheet.print_title_rows is None:
            self.sheet.print_title_rows = f"{self.row}:{self.row}"
        self.row += 1
        for number, values in enumerate((*table.rows, *table.summary)):
            last = number >= len(table.rows)
            fill = _HEAD if last else _SHADED if number in table.shaded else None
            for index, (value, column) in enumerate(zip(values, table.columns, strict=True), 1):
                self.put(self.cell(index), value, column.align, Font(bold=last), fill)
            self.row += 1

    def fields(self, block: Fields) -> None:
        for field in block.fields:
            self.put(self.cell(1), field.label, Align.CENTER, Font(bold=True), _HEAD)
            self.put(self.cell(2), field.value, Align.LEFT, Font())
            for index in range(3, self.grid + 1):
                self.cell(index).border = _BORDER
            self.merge(2)
            if field.lines > 1:
                self.sheet.row_dimensions[self.row].height = 15.0 * field.lines
            self.row += 1

    def line(self, text: str, font: Font, align: Align = Align.LEFT, *, border: bool = False) -> None:
        self.put(self.cell(1), text, align, font, border=border)
        self.merge(1)
        self.row += 1

    def merge(self, first: int) -> None:
        if first < self.grid:
            self.sheet.merge_cells(start_row=self.row, end_row=self.row, start_column=first, end_column=self.grid)

    def cell(self, column: int) -> SheetCell:
        cell = self.sheet.cell(self.row, column)
        assert isinstance(cell, SheetCell)  # rows are written once, before they are merged
        return cell

    @staticmethod
    def put(
        cell: SheetCell, value: Cell, align: Align, font: Font, fill: PatternFill | None = None, *, border: bool = True
    ) -> None:
        if isinstance(value, str):
            text = _clean(value)
            cell.value = text[:_LIMIT]
            cell.data_type = "s"  # set last: openpyxl itself takes what begins with "=" for a formula
            if text.startswith(_FORMULA):
                cell.quotePrefix = True
        elif value is not None:
            cell.value = value
        cell.alignment = Alignment(horizontal=align.value, vertical="center", wrap_text=True)
        cell.font = font
        if fill is not None:
            cell.fill = fill
        if border:
            cell.border = _BORDER


def _clean(text: str) -> str:
    """XML has no place for control characters: they are named, as on paper."""
    return shown(
        text, lambda c: c >= " " and not "\x7f" <= c <= "\x9f" and c not in "\ufffe\uffff" and not _surrogate(c)
    )


def _surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _name(form: Form, taken: Sequence[str]) -> str:
    """A name that Excel takes: at most 31 characters, none of its own signs, no two alike."""
    name = _SHEET_NAME.sub(" ", _clean(form.sheet or form.title)).replace("\n", " ").strip("' ")[:28] or "表"
    alike = {other.casefold() for other in taken}
    return next(n for n in (name, *(f"{name} {k}" for k in range(2, len(taken) + 3))) if n.casefold() not in alike)
