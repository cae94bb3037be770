"""Chinese fonts for the samples: glyphs of Noto SC turned into TrueType outlines once, then cut to what a document shows.

The wheel's fonts have CFF outlines; reportlab and most OFD viewers want `glyf`. Turning one glyph costs about a millisecond, so
the glyphs of this package's own texts are turned once and kept in the user's cache; a document's subset is then put together
from ready glyphs in far less than a millisecond each.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import struct
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FACES = {"song": "NotoSerifSC-Regular.otf", "hei": "NotoSansSC-Regular.otf"}  # 宋体 for text, 黑体 for titles
FORMAT = 2  # of the cached file; raise it when the conversion changes
SHARED_TABLES = ("head", "hhea", "maxp", "OS/2", "post", "name")


@dataclasses.dataclass(frozen=True)
class Face:
    """One typeface ready to be cut: TrueType outlines and widths by character, and the small tables every subset shares.

    Lengths are in font units; ``em`` of them make one em.
    """

    family: str
    em: int
    glyphs: dict[str, bytes]
    widths: dict[str, int]
    tables: dict[str, bytes]

    def width(self, text: str, size: float) -> float:
        """Width of ``text`` set in ``size`` (any unit), in that unit."""
        return sum(self.widths[c] for c in text) * size / self.em

    def subset(self, characters: str) -> bytes:
        """A TrueType font with the glyphs of ``characters`` only (order and repeats do not matter).

        A character outside the package's own texts raises KeyError: it would show as an empty box.
        """
        return _assemble(self, sorted(set(characters) - {"\n"}))


def texts() -> str:
    """Every character that a sample can show: all of them stand in this package's own sources and data."""
    found = set(map(chr, range(0x20, 0x7F)))
    for path in [*HERE.glob("*.py"), *HERE.glob("*.json")]:
        found.update(path.read_text("utf-8"))
    return "".join(sorted(c for c in found if c.isprintable()))


def cache_folder() -> Path:
    """Where ready glyphs are kept: GUIDANG_CACHE, else the user's cache folder."""
    given = os.environ.get("GUIDANG_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else (Path(base) if base else Path.home() / ".cache") / "guidang"


@cache
def face(name: str) -> Face:
    """The face ``song`` or ``hei``, from the cache or made now (some seconds)."""
    characters = texts()
    key = hashlib.sha256(f"{FORMAT}:{FACES[name]}:{characters}".encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as out:
            json.dump(_convert(name, characters), out)
        Path(out.name).rename(path)  # two makers at once: both wrote the same
    data = json.loads(path.read_text("utf-8"))
    return Face(
        data["family"],
        data["em"],
        {c: bytes.fromhex(g) for c, g in data["glyphs"].items()},
        data["widths"],
        {tag: bytes.fromhex(table) for tag, table in data["tables"].items()},
    )


def _convert(name: str, characters: str) -> dict[str, object]:
    """Glyphs of the wheel's font as quadratic outlines, in a JSON shape."""
    import pylopdf_fonts_zh_cn
    from fontTools import subset
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import TTFont, newTable

    font = TTFont(Path(pylopdf_fonts_zh_cn.__file__).parent / FACES[name], recalcTimestamp=False)
    options = subset.Options(layout_features=[], notdef_outline=True, name_IDs=[1, 2, 4, 6], hinting=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text=characters)
    cutter.subset(font)

    order = font.getGlyphOrder()
    outlines = font.getGlyphSet()
    glyf = newTable("glyf")
    glyf.glyphOrder = order
    glyf.glyphs = {}
    for glyph_name in order:
        pen = TTGlyphPen(None)
        outlines[glyph_name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        glyf.glyphs[glyph_name] = pen.glyph()
    font["glyf"], font["loca"] = glyf, newTable("loca")
    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    maxp.maxZones = 2
    for field in (
        "TwilightPoints",
        "Storage",
        "FunctionDefs",
        "InstructionDefs",
        "StackElements",
        "SizeOfInstructions",
    ):
        setattr(maxp, f"max{field}", 0)
    maxp.maxComponentElements = maxp.maxComponentDepth = 0
    font["post"].formatType = 3.0
    for tag in ("CFF ", "VORG", "vhea", "vmtx", "GDEF", "GPOS", "GSUB", "BASE", "DSIG"):
        if tag in font:
            del font[tag]
    font.sfntVersion = "\x00\x01\x00\x00"
    buffer = io.BytesIO()
    font.save(buffer, reorderTables=None)

    done = TTFont(io.BytesIO(buffer.getvalue()))
    raw, offsets = done.reader["glyf"], done["loca"]
    names = done.getBestCmap()
    index = {glyph: i for i, glyph in enumerate(done.getGlyphOrder())}
    glyphs = {chr(c): raw[offsets[index[g]] : offsets[index[g] + 1]].hex() for c, g in names.items()}
    glyphs[""] = raw[offsets[0] : offsets[1]].hex()  # .notdef
    widths = {chr(c): done["hmtx"][g][0] for c, g in names.items()} | {"": done["hmtx"][".notdef"][0]}
    return {
        "family": {"song": "Noto Serif SC", "hei": "Noto Sans SC"}[name],
        "em": done["head"].unitsPerEm,
        "glyphs": glyphs,
        "widths": widths,
        "tables": {tag: done.reader[tag].hex() for tag in SHARED_TABLES},
    }


def _assemble(face: Face, characters: list[str]) -> bytes:
    """Write the sfnt file: glyph 0 is .notdef, then one glyph a character in code point order (OpenType 1.9, otff)."""
    members = ["", *characters]
    glyf, offsets = bytearray(), []
    for c in members:
        offsets.append(len(glyf))
        glyf += face.glyphs[c] + b"\0" * (-len(face.glyphs[c]) % 4)
    offsets.append(len(glyf))
    # The left side bearing of a TrueType glyph is its xMin, the second field of its header.
    hmtx = b"".join(
        struct.pack(">Hh", face.widths[c], struct.unpack_from(">h", face.glyphs[c], 2)[0] if face.glyphs[c] else 0)
        for c in members
    )
    tables = dict(face.tables)
    tables["maxp"] = tables["maxp"][:4] + struct.pack(">H", len(members)) + tables["maxp"][6:]
    tables["hhea"] = tables["hhea"][:34] + struct.pack(">H", len(members))
    head = tables["head"]
    tables["head"] = (
        head[:8] + bytes(4) + head[12:50] + struct.pack(">h", 1) + head[52:]
    )  # checksum comes last; long loca
    tables |= {"glyf": bytes(glyf), "loca": struct.pack(f">{len(offsets)}I", *offsets), "hmtx": hmtx,
               "cmap": _cmap(characters)}  # fmt: skip
    return _sfnt(tables)


def _cmap(characters: list[str]) -> bytes:
    """Format 4 with one segment a run of code points; all sample texts are inside the basic plane."""
    runs: list[list[int]] = []  # first, last code point, first glyph
    for glyph, c in enumerate(characters, 1):
        if runs and ord(c) == runs[-1][1] + 1:
            runs[-1][1] += 1
        else:
            runs.append([ord(c), ord(c), glyph])
    runs.append([0xFFFF, 0xFFFF, 0])
    n = len(runs)
    power = 1 << (n.bit_length() - 1)
    body = struct.pack(">4H", n * 2, power * 2, power.bit_length() - 1, (n - power) * 2)
    body += struct.pack(f">{n}H", *(r[1] for r in runs)) + b"\0\0" + struct.pack(f">{n}H", *(r[0] for r in runs))
    deltas = [(r[2] - r[0]) % 0x10000 for r in runs[:-1]] + [1]
    body += struct.pack(f">{n}H", *deltas) + bytes(2 * n)
    table = struct.pack(">3H", 4, len(body) + 6, 0) + body
    return struct.pack(">2H2HI", 0, 1, 3, 1, 12) + table


def _sfnt(tables: dict[str, bytes]) -> bytes:
    def checksum(data: bytes) -> int:
        data += b"\0" * (-len(data) % 4)
        words: tuple[int, ...] = struct.unpack(f">{len(data) // 4}I", data)
        return sum(words) & 0xFFFFFFFF

    n = len(tables)
    power = 1 << (n.bit_length() - 1)
    head = struct.pack(">I4H", 0x00010000, n, power * 16, power.bit_length() - 1, (n - power) * 16)
    directory, body = b"", b""
    start = len(head) + 16 * n
    for tag in sorted(tables):
        data = tables[tag]
        directory += struct.pack(">4s3I", tag.encode(), checksum(data), start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    font = head + directory + body
    adjust = struct.pack(">I", (0xB1B0AFBA - checksum(font)) & 0xFFFFFFFF)
    at = font.index(tables["head"], start) + 8
    return font[:at] + adjust + font[at + 4 :]
