"""Chinese typefaces that can be embedded: Noto SC with TrueType outlines, cut to what a document shows.

The wheel's fonts have CFF outlines; most viewers of OFD want `glyf`, and in PDF it is the simpler of the two. Turning a glyph
costs about a millisecond, so only those asked for are turned, and kept in the user's cache; a subset is then put together
from ready glyphs at once.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sip.forms.sfnt import Glyph, assemble

FACES = {"song": "NotoSerifSC-Regular.otf", "hei": "NotoSansSC-Regular.otf"}  # 宋体 for text, 黑体 for titles
_FAMILIES = {"song": "Noto Serif SC", "hei": "Noto Sans SC"}
_FORMAT = 3  # of the cached file; raise it when the conversion changes
_SHARED = ("head", "hhea", "OS/2", "post")
_NAME_IDS = (1, 2, 4, 6)


@cache
def face(name: str) -> Face:
    """The face ``song`` or ``hei``. Raises KeyError for another, ModuleNotFoundError without the extra ``forms``."""
    return Face(name, FACES[name])


def cache_folder() -> Path:
    """Where ready glyphs are kept: GUIDANG_CACHE, else the user's cache folder."""
    given = os.environ.get("GUIDANG_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else (Path(base) if base else Path.home() / ".cache") / "guidang"


class Face:
    """One typeface ready to be cut. Lengths are in font units; ``em`` of them make one em. Threads may share it."""

    em = 1000  # of both fonts of the wheel; their conversion checks it

    def __init__(self, name: str, file: str) -> None:
        import pylopdf_fonts_zh_cn as wheel

        self.family = _FAMILIES[name]
        self._path = Path(wheel.__file__).parent / file
        self._cached = f"{name}-{_FORMAT}-{wheel.__version__}.json"
        self._lock = threading.Lock()
        self._shared: dict[str, bytes] = {}
        self._glyphs: dict[str, Glyph] = {}
        self._read_kept()

    def has(self, character: str) -> bool:
        """Whether the face can show it. What only steers the text (direction marks, soft hyphens) is never shown."""
        if character in self._glyphs:
            return True
        return unicodedata.category(character)[0] != "C" and ord(character) in self._source.codes

    def advance(self, character: str) -> int:
        """Width of one character. Raises KeyError for one that the face lacks."""
        known = self._glyphs.get(character)
        return known[0] if known else self._source.advance(character)

    def width(self, text: str, size: float) -> float:
        """Width of ``text`` set in ``size`` (any unit), in that unit. Raises KeyError for what the face lacks."""
        return sum(map(self.advance, text)) * size / self.em

    def prepare(self, characters: Iterable[str]) -> None:
        """Turn what is still missing of ``characters`` and keep it, so that other processes find it."""
        with self._lock:
            missing = sorted(set(characters) - self._glyphs.keys())
            if missing or not self._shared:
                turned = {c: self._source.glyph(c) for c in missing}
                self._shared = self._shared or self._source.shared()
                self._glyphs = self._glyphs | {"": self._source.glyph("")} | turned
                self._keep()

    def subset(self, characters: str) -> bytes:
        """A TrueType font with the glyphs of ``characters`` only (order, repeats and line feeds do not matter).

        Raises KeyError for a character that the face lacks: it would show as an empty box.
        """
        wanted = sorted(set(characters) - {"\n"})
        self.prepare(wanted)
        return assemble(self._shared, self._glyphs[""], wanted, self._glyphs)

    @cached_property
    def _source(self) -> _Source:
        return _Source(self._path)

    def _read_kept(self) -> None:
        try:
            kept = json.loads((cache_folder() / self._cached).read_text("utf-8"))
        except (OSError, ValueError):
            return  # no cache yet, or one cut off by a full disk: it is made anew
        self._shared = {tag: bytes.fromhex(table) for tag, table in kept["shared"].items()}
        self._glyphs = {
            c: (width, bytes.fromhex(outline)) for c, (width, outline) in kept["glyphs"].items()
        } | self._glyphs

    def _keep(self) -> None:
        """Write all glyphs for the next process; of two that write at once one wins, and nothing but time is lost."""
        self._read_kept()
        shared = {tag: table.hex() for tag, table in sorted(self._shared.items())}
        glyphs = {c: (width, outline.hex()) for c, (width, outline) in sorted(self._glyphs.items())}
        folder = cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as out:
                json.dump({"shared": shared, "glyphs": glyphs}, out, ensure_ascii=False)
            Path(out.name).replace(folder / self._cached)
        except OSError:
            return  # a service without a home folder turns its glyphs again in each process


class _Source:
    """The wheel's font file, opened only when a glyph is missing (some tenths of a second)."""

    def __init__(self, path: Path) -> None:
        from fontTools.ttLib import TTFont

        self._font: Any = TTFont(path, lazy=True, recalcTimestamp=False)
        if self._font["head"].unitsPerEm != Face.em:
            raise ValueError(f"{path.name}: {self._font['head'].unitsPerEm} units an em, expected {Face.em}")
        self.codes: dict[int, str] = self._font.getBestCmap()
        self._outlines: Any = self._font.getGlyphSet()

    def advance(self, character: str) -> int:
        width: int = self._font["hmtx"][self._name(character)][0]
        return width

    def glyph(self, character: str) -> Glyph:
        """The outline as quadratic curves, within a thousandth of an em; the empty string is .notdef."""
        from fontTools.pens.cu2quPen import Cu2QuPen
        from fontTools.pens.ttGlyphPen import TTGlyphPen

        pen = TTGlyphPen(None)
        self._outlines[self._name(character)].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outline = pen.glyph()
        data: bytes = outline.compile(None)
        return self.advance(character), data

    def shared(self) -> dict[str, bytes]:
        """The small tables that every subset carries."""
        tables = {tag: bytes(self._font.reader[tag]) for tag in _SHARED}
        names = self._font["name"]
        names.names = [record for record in names.names if record.nameID in _NAME_IDS]
        tables["post"] = struct.pack(">I", 0x00030000) + tables["post"][4:32]
        tables["name"] = names.compile(self._font)
        return tables

    def _name(self, character: str) -> str:
        return self.codes[ord(character)] if character else ".notdef"
