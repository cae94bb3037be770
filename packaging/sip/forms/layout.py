"""Where on A4 pages the parts of a form stand. Lengths are points; y runs down from the top edge of the page."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from functools import partial

from sip.forms.fonts import Face, face
from sip.forms.lines import shown, wrap
from sip.forms.model import (
    Align,
    Block,
    Cell,
    Column,
    Fields,
    Form,
    Heading,
    Matrix,
    Notes,
    PageBreak,
    Signature,
    Signatures,
    Table,
    Text,
)

A4 = (595.28, 841.89)
MARGIN = 51.0  # 18 mm: room for the holes of a file
_FOOT = 28.0
_PAD = 3.6
_LEAD = 1.35
_LABEL, _VALUE = 0.11, 0.39  # shares of the width of one pair of two beside each other
_BOX = 74.0  # height of a box to be signed: room for a seal of 42 mm to ride over it
_SHADE = 0.92
_MM = 72 / 25.4


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One line of text with its baseline at ``y``."""

    x: float
    y: float
    size: float
    face: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A rectangle filled with ``grey`` (1 is white), with a hairline around it unless it is not ``framed``."""

    x: float
    y: float
    width: float
    height: float
    grey: float = 1.0
    framed: bool = True


@dataclasses.dataclass(slots=True)
class Page:
    width: float
    height: float
    boxes: list[Box] = dataclasses.field(default_factory=list)
    runs: list[Run] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class _Cell:
    """A cell ready to be placed: its lines, and how they stand in it."""

    lines: Sequence[str]
    width: float
    align: Align
    face: str
    size: float
    grey: float

    @property
    def lead(self) -> float:
        return self.size * _LEAD

    @property
    def height(self) -> float:
        return len(self.lines) * self.lead + 2 * _PAD


def pages_of(form: Form) -> list[Page]:
    """The pages of one form, with its title on the first and footer and number on each."""
    return _Setter(form).pages


class _Setter:
    def __init__(self, form: Form) -> None:
        self.form = form
        self.size = (A4[1], A4[0]) if form.landscape else A4
        self.room = self.size[0] - 2 * MARGIN
        self.bottom = self.size[1] - MARGIN
        self.pages: list[Page] = []
        self.turn()
        self.centred(form.title, 16.0, "hei")
        if form.subtitle:
            self.centred(form.subtitle, 9.5, "song")
        self.y += 4
        for block, after in itertools.zip_longest(form.blocks, form.blocks[1:]):
            if isinstance(block, Heading):  # stands with the beginning of what it heads
                self.keep(30 + self.beginning(after))
            self.place(block)
        for number, page in enumerate(self.pages, 1):
            self.foot(page, f"第 {number} 页　共 {len(self.pages)} 页")

    def place(self, block: Block) -> None:
        match block:
            case Table():
                self.table(block)
            case Fields():
                self.fields(block)
            case Heading():
                self.y += 8
                self.lines(block.text, 11.0, "hei")
            case Text():
                self.lines(block.text, 10.0, "hei" if block.strong else "song")
            case Notes():
                self.y += 3
                for line in block.lines:
                    self.lines(line, 7.5, "song")
            case Signatures():
                self.signatures(block)
            case PageBreak():
                self.turn()
            case Matrix():
                self.matrix(block)

    def beginning(self, block: Block | None) -> float:
        """How much of a block must stand on one page at least, no more than half a page."""
        height = 20.0
        if isinstance(block, Table):
            widths = self.widths(block)
            rows = list(itertools.islice(self.body(block, widths), 1))
            height = sum(max(cell.height for cell in row) for row in (self.head(block, widths), *rows))
        elif isinstance(block, Signatures):
            height = _BOX
        return min(height, (self.bottom - MARGIN) / 2)

    # -------------------------------------------------------------------------------------------- pages and lines

    def turn(self) -> None:
        self.pages.append(Page(*self.size))
        self.y = MARGIN

    def keep(self, height: float) -> bool:
        """Turn the page unless ``height`` is still free on it; returns whether it was turned."""
        if self.y + height <= self.bottom or self.y <= MARGIN:
            return False
        self.turn()
        return True

    def run(self, x: float, size: float, name: str, text: str) -> None:
        if text:
            self.pages[-1].runs.append(Run(x, self.y + size, size, name, text))

    def centred(self, text: str, size: float, name: str) -> None:
        for line in self.broken(text, size, name, self.room):
            self.run(MARGIN + (self.room - face(name).width(line, size)) / 2, size, name, line)
            self.y += size * 1.5

    def lines(self, text: str, size: float, name: str) -> None:
        for line in self.broken(text, size, name, self.room):
            self.keep(size * _LEAD)
            self.run(MARGIN, size, name, line)
            self.y += size * _LEAD
        self.y += 2

    def foot(self, page: Page, number: str) -> None:
        song, size = face("song"), 7.5
        y = self.size[1] - _FOOT
        page.runs.append(Run(self.size[0] - MARGIN - song.width(number, size), y, size, "song", number))
        if self.form.footer:
            room = self.room - song.width(number, size) - 12
            page.runs.append(Run(MARGIN, y, size, "song", self.broken(self.form.footer, size, "song", room)[0]))

    @staticmethod
    def broken(text: str, size: float, name: str, room: float) -> list[str]:
        setting: Face = face(name)
        return wrap(shown(text, setting.has), room, partial(setting.width, size=size))

    # -------------------------------------------------------------------------------------------- cells and rows

    def cell(
        self,
        value: Cell,
        width: float,
        align: Align = Align.LEFT,
        name: str = "song",
        size: float = 9.0,
        grey: float = 1.0,
    ) -> _Cell:
        text = "" if value is None else str(value)
        return _Cell(self.broken(text, size, name, width - 2 * _PAD), width, align, name, size, grey)

    def row(self, cells: Sequence[_Cell], least: float = 0.0) -> None:
        """Place a row where the page has room; the caller has seen to it that it fits on a page."""
        height = max(least, *(cell.height for cell in cells))
        x, top = MARGIN, self.y
        for cell in cells:
            self.pages[-1].boxes.append(Box(x, top, cell.width, height, cell.grey))
            self.y = top + (height - len(cell.lines) * cell.lead) / 2
            for line in cell.lines:
                free = cell.width - 2 * _PAD - face(cell.face).width(line, cell.size)
                shift = {Align.LEFT: 0.0, Align.CENTER: free / 2, Align.RIGHT: free}[cell.align]
                self.run(x + _PAD + shift, cell.size, cell.face, line)
                self.y += cell.lead
            x += cell.width
        self.y = top + height

    def widths(self, table: Table) -> list[float]:
        shares = sum(column.width for column in table.columns)
        return [column.width / shares * self.room for column in table.columns]

    def head(self, table: Table, widths: Sequence[float]) -> list[_Cell]:
        return [
            self.cell(column.title, width, Align.CENTER, "hei", 8.5, _SHADE)
            for column, width in zip(table.columns, widths, strict=True)
        ]

    def table(self, table: Table) -> None:
        widths = self.widths(table)
        head = self.head(table, widths)
        top = max(cell.height for cell in head)
        self.keep(self.beginning(table))
        self.row(head)
        for cells in self.body(table, widths):
            for piece in _pieces(cells, self.bottom - MARGIN - top):
                if self.keep(max(cell.height for cell in piece)):
                    self.row(head)
                self.row(piece)
        self.y += 4

    def body(self, table: Table, widths: Sequence[float]) -> Iterator[list[_Cell]]:
        def cells(values: Sequence[Cell], name: str, grey: float) -> list[_Cell]:
            columns: Sequence[Column] = table.columns
            return [
                self.cell(value, width, column.align, name, 8.5, grey)
                for value, width, column in zip(values, widths, columns, strict=True)
            ]

        for index, values in enumerate(table.rows):
            yield cells(values, "song", 0.95 if index in table.shaded else 1.0)
        for values in table.summary:
            yield cells(values, "hei", _SHADE)

    def fields(self, block: Fields) -> None:
        line: list[_Cell] = []
        least = 0.0
        unit = self.room / block.columns
        label = self.room * _LABEL * (2 / block.columns if block.columns < 2 else 1)
        label = max(label, 62.0)

        def flush() -> None:
            nonlocal line, least
            if line:
                line[-1] = dataclasses.replace(line[-1], width=self.room - sum(cell.width for cell in line[:-1]))
                for piece in _pieces(line, self.bottom - MARGIN):
                    self.keep(max(least, *(cell.height for cell in piece)))
                    self.row(piece, least)
            line, least = [], 0.0

        for field in block.fields:
            if field.wide:
                flush()
            room = (self.room if field.wide else unit) - label
            line += [self.cell(field.label, label, Align.CENTER, "hei", 9.0, 0.96), self.cell(field.value, room)]
            least = max(least, field.lines * 9.0 * _LEAD + 2 * _PAD)
            if field.wide or len(line) == 2 * block.columns:
                flush()
        flush()
        self.y += 4

    def signatures(self, block: Signatures) -> None:
        unit = self.room / block.columns
        for start in range(0, len(block.boxes), block.columns):
            self.keep(_BOX)
            top = self.y
            for index, box in enumerate(block.boxes[start : start + block.columns]):
                self.signature(box, MARGIN + index * unit, top, unit)
            self.y = top + _BOX
        self.y += 4

    def signature(self, box: Signature, x: float, top: float, width: float) -> None:
        self.pages[-1].boxes.append(Box(x, top, width, _BOX))
        self.y = top + _PAD
        for line in self.broken(box.role, 9.0, "hei", width - 2 * _PAD):
            self.run(x + _PAD, 9.0, "hei", line)
            self.y += 9.0 * _LEAD
        name = self.broken(box.name, 10.0, "song", width - 2 * _PAD)[0]
        self.y = top + _BOX / 2
        self.run(x + (width - face("song").width(name, 10.0)) / 2, 10.0, "song", name)
        date = self.broken(box.date, 9.0, "song", width - 2 * _PAD)[0]
        self.y = top + _BOX - _PAD - 9.0 * _LEAD
        self.run(x + width - 2 * _PAD - face("song").width(date, 9.0), 9.0, "song", date)

    def matrix(self, block: Matrix) -> None:
        side = block.size * _MM
        self.keep(side + 4)
        top, unit = self.y, side / len(block.modules)
        for number, row in enumerate(block.modules):
            at = 0
            for dark, run in itertools.groupby(row):  # neighbours as one box: no hairline of light between them
                count = len(list(run))
                if dark:
                    self.pages[-1].boxes.append(
                        Box(MARGIN + at * unit, top + number * unit, count * unit, unit, 0.0, framed=False)
                    )
                at += count
        for line in block.lines:
            for piece in self.broken(line, 8.5, "song", self.room - side - 12):
                self.run(MARGIN + side + 12, 8.5, "song", piece)
                self.y += 8.5 * _LEAD
        self.y = max(self.y, top + side) + 4


def _pieces(cells: Sequence[_Cell], room: float) -> Iterator[list[_Cell]]:
    """The row as it is, or, where it is taller than a page, in pieces that each fit on one."""
    most = min(int((room - 2 * _PAD) // cell.lead) for cell in cells)
    longest = max(len(cell.lines) for cell in cells)
    for start in range(0, max(longest, 1), most):
        yield [dataclasses.replace(cell, lines=cell.lines[start : start + most]) for cell in cells]
