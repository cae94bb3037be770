"""Text set in lines of a given width, as Chinese is set: between any two characters, but no line begins with a comma."""

from __future__ import annotations

import re
from collections.abc import Callable

_NOT_FIRST = "，。、；：？！）〕】》〉」』”’％…—·,.;:?!)]}%"  # 行首禁则
_NOT_LAST = "（〔【《〈「『“‘([{"  # 行尾禁则
_UNITS = re.compile(rf"[{re.escape(_NOT_LAST)}]*(?:[0-9A-Za-z_/+=@#&*.-]+|.)[{re.escape(_NOT_FIRST)}]*", re.DOTALL)


def shown(text: str, has: Callable[[str], bool]) -> str:
    """``text`` with what cannot be seen or printed named by its code point: ``<U+202E>``. Line feeds stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "　")
    return "".join(c if c == "\n" or has(c) else f"<U+{ord(c):04X}>" for c in text)


def wrap(text: str, room: float, width: Callable[[str], float]) -> list[str]:
    """Lines no wider than ``room`` in the unit of ``width``; a word or code wider than that is broken anywhere."""
    lines = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for unit in _UNITS.findall(paragraph):
            wide = width(unit)
            if used + wide > room and line:
                lines.append(line.rstrip(" "))
                line, used = "", 0.0
                unit = unit.lstrip(" ")
                wide = width(unit)
            while wide > room and len(unit) > 1:
                fits = _fitting(unit, room, width)
                lines.append(unit[:fits])
                unit = unit[fits:]
                wide = width(unit)
            line, used = line + unit, used + wide
        lines.append(line.rstrip(" "))
    return lines


def _fitting(unit: str, room: float, width: Callable[[str], float]) -> int:
    """How many characters of ``unit`` fit; at least one, so that a line always takes something."""
    used = 0.0
    for count, character in enumerate(unit):
        used += width(character)
        if used > room:
            return max(count, 1)
    return len(unit)
