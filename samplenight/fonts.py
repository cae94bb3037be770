"""The typefaces of the samples, ready for every text that the samples use: sip's faces, prepared once for all workers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sip.forms import fonts
from sip.forms.fonts import Face

HERE = Path(__file__).parent


@cache
def texts() -> str:
    """Every character that a sample can show: all of them stand in this package's own sources and data."""
    found = set(map(chr, range(0x20, 0x7F)))
    for path in [*HERE.glob("*.py"), *HERE.glob("*.json")]:
        found.update(path.read_text("utf-8"))
    return "".join(sorted(c for c in found if c.isprintable()))


@cache
def face(name: str) -> Face:
    """The face ``song`` or ``hei`` with all glyphs of ``texts()``, from the cache or made now (some seconds)."""
    made = fonts.face(name)
    made.prepare(c for c in texts() if made.has(c))
    return made
