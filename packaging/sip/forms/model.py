"""What a form is, whatever it is printed on. All text is taken as it is; line feeds in it break the line."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Sequence

Cell = str | int | None
"""What may stand in a table: text, a whole number, or nothing."""


class Align(enum.StrEnum):
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; ``width`` is its share of the page beside those of the other columns."""

    title: str
    width: float
    align: Align = Align.LEFT


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head that is repeated on each page; ``summary`` rows close it, ``shaded`` rows (by index) stand out."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    summary: Sequence[Sequence[Cell]] = ()
    shaded: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if wrong := {len(row) for row in (*self.rows, *self.summary)} - {len(self.columns)}:
            raise ValueError(f"a row has {wrong.pop()} cells for {len(self.columns)} columns")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A label and what is filled in beside it; ``wide`` takes the whole line, ``lines`` leaves room to write by hand."""

    label: str
    value: Cell = None
    wide: bool = False
    lines: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """A grid of labels and values, ``columns`` of them beside each other."""

    fields: Sequence[Field]
    columns: int = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; ``strong`` sets it in the typeface of titles."""

    text: str
    strong: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """A box to be signed or stamped: by whom, and what is already known of name and date."""

    role: str
    name: str = ""
    date: str = "年　　月　　日"


@dataclasses.dataclass(frozen=True, slots=True)
class Signatures:
    """Boxes to be signed, ``columns`` beside each other; a box never falls apart over two pages."""

    boxes: Sequence[Signature]
    columns: int = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Notes:
    """Small print below a form."""

    lines: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows begins a page. A sheet has no pages and ignores it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Matrix:
    """A square of dark and light modules for a machine to read (QR code), its quiet zone included, with lines of text beside it.

    ``size`` is its width on paper in millimetres; a sheet has only the text.
    """

    modules: Sequence[Sequence[bool]]
    lines: Sequence[str] = ()
    size: float = 34.0

    def __post_init__(self) -> None:
        if not self.modules or any(len(row) != len(self.modules) for row in self.modules):
            raise ValueError("a matrix is square and not empty")


Block = Table | Fields | Heading | Text | Signatures | Notes | PageBreak | Matrix


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """One form: a title, and blocks below each other.

    ``sheet`` names the sheet in a workbook (the title if empty); ``footer`` stands small at the foot of each page;
    ``made_at`` (aware) is the only time that gets into the document.
    """

    title: str
    blocks: Sequence[Block]
    subtitle: str = ""
    landscape: bool = False
    footer: str = ""
    sheet: str = ""
    made_at: dt.datetime | None = None


def ticked(options: Sequence[str], chosen: str | None) -> str:
    """Boxes to choose from as text, the chosen one filled: ``■在线归档　□离线归档``."""
    return "　".join(("■" if option == chosen else "□") + option for option in options)
