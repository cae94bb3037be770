"""Figures in the shape that the page draws: shares as bars, years as columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ingest.lists.calendar import Falling
from ingest.lists.rate import Rate


@dataclasses.dataclass(frozen=True, slots=True)
class Year:
    """One year of a calendar: 件 that fall due in it, those gone, those still here, and whether it is over."""

    year: str
    items: int
    gone: int
    here: int
    late: int


def years(falling: Sequence[Falling], today: str, most: int = 40) -> list[Year]:
    """A calendar by year: the first ``most`` years that have something."""
    found: dict[str, list[int]] = {}
    for f in falling:
        line = found.setdefault(f.day[:4], [0, 0, 0])
        line[0] += f.items
        line[1] += f.gone
        line[2] += f.here if f.day < today else 0
    return [Year(y, n, gone, n - gone, late) for y, (n, gone, late) in sorted(found.items())[:most]]


def total(rates: Sequence[Rate]) -> tuple[int, int]:
    """Numerator and denominator of rates of one unit together."""
    return sum(r.numerator for r in rates), sum(r.denominator for r in rates)


def natures(rates: Sequence[Rate]) -> list[tuple[str, str, dict[str, Rate]]]:
    """The 合格率 as lines: agency, period, and the rate of each nature."""
    lines: dict[tuple[str, str], dict[str, Rate]] = {}
    for rate in rates:
        lines.setdefault((rate.of["agency"], rate.of["period"]), {})[rate.of["nature"]] = rate
    return [(agency, period, of) for (agency, period), of in sorted(lines.items(), key=lambda kv: (kv[0][1], kv[0][0]))]
