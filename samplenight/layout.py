"""Set a paper on A4 pages: the same marks serve the PDF and the OFD. Lengths are millimetres from the upper left corner."""

from __future__ import annotations

import dataclasses

from samplenight.fonts import face
from samplenight.model import Paper, chinese_date
from sip.forms.fonts import Face

WIDTH, HEIGHT = 210.0, 297.0
LEFT, RIGHT, BOTTOM = 26.0, 184.0, 268.0
POINT = 25.4 / 72
RED, BLACK, GREY = (204, 0, 0), (0, 0, 0), (120, 120, 120)
STAMPS = {"seal": (40.0, 40.0), "chop": (40.0, 16.0)}
NOT_FIRST = "，。；：、？！）》〕”"  # these may hang over the margin but never open a line
NOT_LAST = "（《〔“"  # nor do these close one


@dataclasses.dataclass(frozen=True)
class Text:
    """``y`` is the base line; ``size`` in points."""

    x: float
    y: float
    size: float
    face: str
    text: str
    colour: tuple[int, int, int] = BLACK


@dataclasses.dataclass(frozen=True)
class Rule:
    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    colour: tuple[int, int, int] = BLACK


@dataclasses.dataclass(frozen=True)
class Picture:
    """``source``: ``("scan", pool number)`` or ``("seal" or "chop", text)``."""

    x: float
    y: float
    width: float
    height: float
    source: tuple[str, int | str]


Mark = Text | Rule | Picture


@dataclasses.dataclass
class Page:
    marks: list[Mark] = dataclasses.field(default_factory=list)


class Sheet:
    """Fills pages from the top down."""

    def __init__(self) -> None:
        self.pages = [Page()]
        self.y = 30.0

    def add(self, mark: Mark) -> None:
        self.pages[-1].marks.append(mark)

    def room(self, height: float) -> None:
        if self.y + height > BOTTOM:
            self.pages.append(Page())
            self.y = 34.0

    def centred(self, text: str, size: float, name: str, colour: tuple[int, int, int] = BLACK) -> None:
        setting = face(name)
        width = setting.width(text, size * POINT)
        if width > RIGHT - LEFT:  # long names are set smaller rather than broken
            size *= (RIGHT - LEFT) / width
            width = RIGHT - LEFT
        self.add(Text((WIDTH - width) / 2, self.y, size, name, text, colour))

    def paragraph(self, text: str, indent: bool = True) -> None:
        size = 15.0
        for number, line in enumerate(broken(face("song"), text, size, RIGHT - LEFT, 2 if indent else 0)):
            self.room(10)
            x = LEFT + (2 * size * POINT if indent and number == 0 else 0)
            self.add(Text(x, self.y, size, "song", line))
            self.y += 9.6

    def table(self, rows: tuple[tuple[str, str], ...]) -> None:
        size, label_width, lead = 12.0, 40.0, 6.4
        setting = face("song")
        for label, value in rows:
            lines = broken(setting, value, size, RIGHT - LEFT - label_width - 6, 0)
            height = lead * len(lines) + 3.2
            self.room(height)
            top, bottom = self.y, self.y + height
            for x in (LEFT, LEFT + label_width, RIGHT):
                self.add(Rule(x, top, x, bottom, 0.25))
            for y in (top, bottom):
                self.add(Rule(LEFT, y, RIGHT, y, 0.25))
            self.add(Text(LEFT + 3, top + height / 2 + 1.6, size, "hei", label))
            for number, line in enumerate(lines):
                self.add(Text(LEFT + label_width + 3, top + 6.2 + lead * number, size, "song", line))
            self.y = bottom


def broken(setting: Face, text: str, size: float, width: float, indent: int) -> list[str]:
    """Break Chinese text into lines of ``width`` mm; ``indent`` characters are kept free in the first."""
    lines, line, room = [], "", width - indent * size * POINT
    used = 0.0
    for c in text:
        step = setting.width(c, size * POINT)
        if used + step > room and c not in NOT_FIRST:
            carried = line[-1:] if line[-1:] in NOT_LAST else ""
            lines.append(line.removesuffix(carried))
            line, used, room = carried, setting.width(carried, size * POINT), width
        line += c
        used += step
    return [*lines, line]


def pages(paper: Paper) -> list[Page]:
    """The pages of ``paper``: letterhead, title, table, text, signature with the seal over it, scans, and the feet."""
    sheet = Sheet()
    if paper.letterhead:
        sheet.y = 36
        sheet.centred(paper.letterhead, 27, "hei", RED)
        sheet.add(Rule(LEFT, 42, RIGHT, 42, 0.9, RED))
        sheet.y = 58
    else:
        sheet.y = 44
    sheet.centred(paper.title, 21, "hei")
    sheet.y += 9
    if paper.number:
        sheet.centred(paper.number, 12, "song")
        sheet.y += 7
    sheet.table(paper.rows)
    sheet.y += 13
    for text in paper.body:
        sheet.paragraph(text, indent=not text.endswith("："))
    _signature(sheet, paper)
    for number, scan in enumerate(paper.scans, 1):
        sheet.pages.append(Page())
        sheet.add(Text(LEFT, 20, 12, "hei", f"附件{number}：{paper.name}（扫描件）"))
        sheet.add(Picture(LEFT, 26, 158, 223.4, ("scan", scan)))
    for number, page in enumerate(sheet.pages, 1):
        page.marks.append(Text(LEFT, 285, 9, "song", "测试数据，仅供演示，不具有法律效力", GREY))
        page.marks.append(Text(160, 285, 9, "song", f"第{number}页 共{len(sheet.pages)}页", GREY))
    return sheet.pages


def _signature(sheet: Sheet, paper: Paper) -> None:
    """Unit and date at the right; the seal rides over both, as 党政机关公文格式 asks (GB/T 9704-2012, 7.3.5)."""
    sheet.y += 12
    sheet.room(27)
    setting = face("song")
    size = 15.0
    centre = 142.0
    for text in (paper.unit, chinese_date(paper.made_at)):
        width = setting.width(text, size * POINT)
        sheet.add(Text(min(centre - width / 2, RIGHT - width), sheet.y, size, "song", text))
        sheet.y += 9.6
    if paper.seal_name:
        kind = stamp_kind(paper)
        width, height = STAMPS[kind]
        x = centre - width / 2 if kind == "seal" else LEFT + 8  # an applicant's stamp stands beside the name
        sheet.add(Picture(x, sheet.y - 14 - height / 2, width, height, (kind, paper.seal_name)))


def stamp_kind(paper: Paper) -> str:
    """Agencies press a round seal, applicants leave the stamp of their electronic signature."""
    return "seal" if paper.letterhead else "chop"


def seal_place(made: list[Page]) -> tuple[int, Picture] | None:
    """Page index and place of the first seal, or None."""
    for index, page in enumerate(made):
        for mark in page.marks:
            if isinstance(mark, Picture) and mark.source[0] in STAMPS:
                return index, mark
    return None
