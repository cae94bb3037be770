"""The history of nights as pictures: SVG made here, with a title and a description, its figures in a table beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from desk.tonight.queries import Day

WIDTH, HEIGHT = 720, 190
_FEWEST = 15
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 12, 26


@dataclasses.dataclass(frozen=True, slots=True)
class Rect:
    """A bar; ``kind`` is its class in the style sheet, ``says`` what a pointer reads of it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    says: str


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """A text at the axis."""

    x: float
    y: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """All that a template draws."""

    rects: list[Rect]
    lines: list[Mark]  # one a horizontal line, its figure beside it
    days: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


Value = Callable[[Day], float]


def bars(days: Sequence[Day], series: Sequence[tuple[str, Value]], show: Callable[[float], str]) -> Chart:
    """One stacked bar a night; ``series`` is (class, value), drawn from the bottom up."""
    top = _ceiling(max((sum(value(d) for _, value in series) for d in days), default=0.0))
    room, floor = WIDTH - _LEFT - _RIGHT, HEIGHT - _BOTTOM
    high = floor - _TOP
    step = room / max(_FEWEST, len(days))  # one night alone is no wall
    rects: list[Rect] = []
    for n, day in enumerate(days):
        y = float(floor)
        for kind, value in series:
            height = high * value(day) / top
            y -= height
            if height:
                says = f"{day.day} {show(value(day))}"
                rects.append(Rect(_LEFT + n * step + step * 0.15, y, step * 0.7, height, kind, says))
    lines = [Mark(_LEFT, floor - high * part / 2, show(top * part / 2)) for part in (0, 1, 2)]
    every = max(1, -(-len(days) // 8))
    marks = [Mark(_LEFT + (n + 0.5) * step, HEIGHT - 8, d.day[5:]) for n, d in enumerate(days) if n % every == 0]
    return Chart([_rounded(r) for r in rects], lines, marks)


def _rounded(r: Rect) -> Rect:
    return Rect(round(r.x, 1), round(r.y, 1), round(r.width, 1), round(max(r.height, 0.8), 1), r.kind, r.says)


def _ceiling(most: float) -> float:
    """A round figure at or above ``most``."""
    unit = 1.0
    while most > unit * 10:
        unit *= 10
    return next(unit * n for n in (1, 2, 4, 6, 8, 10) if most <= unit * n)
