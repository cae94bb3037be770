"""An exact writer of PDF 1.7 (ISO 32000-1): numbered objects, TrueType subsets with a map back to text, one xref table.

It does just what forms and sample papers need, so that the same content gives the same bytes in a few milliseconds.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import zlib
from collections.abc import Mapping, Sequence

from sip.forms.fonts import Face

_CST = dt.timezone(dt.timedelta(hours=8))
_HEADER = b"%PDF-1.7\n%\xe5\xbd\x92\xe6\xa1\xa3\n"


class PdfFile:
    """Objects in the order in which they are added; the first two are the catalog and the page tree."""

    def __init__(self) -> None:
        self._objects: list[bytes] = [b"", b""]
        self._pages: list[int] = []

    def add(self, body: bytes) -> int:
        """The number of a new object."""
        self._objects.append(body)
        return len(self._objects)

    def stream(self, entries: bytes, data: bytes, *, deflate: bool = True) -> int:
        """The number of a new stream; ``entries`` stand in its dictionary."""
        if deflate:
            data, entries = zlib.compress(data, 6), entries + b"/Filter/FlateDecode"
        return self.add(b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data))

    def font(self, setting: Face, glyphs: Mapping[str, int]) -> int:
        """A composite font of just these characters; ``glyphs`` numbers them from 1 in code point order."""
        program = setting.subset("".join(glyphs))
        tag = "".join(chr(65 + b % 26) for b in hashlib.sha256(program).digest()[:6])
        family = f"{tag}+{setting.family.replace(' ', '')}".encode()
        embedded = self.stream(b"/Length1 %d" % len(program), program)
        descriptor = self.add(
            b"<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[-200 -250 1200 1000]/ItalicAngle 0/Ascent 880/Descent -120"
            b"/CapHeight 730/StemV 80/FontFile2 %d 0 R>>" % (family, embedded)
        )
        widths = b" ".join(b"%d" % round(setting.width(c, 1000)) for c in glyphs)
        cid = self.add(
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            b"/FontDescriptor %d 0 R/DW 1000/W[1[%s]]/CIDToGIDMap/Identity>>" % (family, descriptor, widths)
        )
        to_unicode = self.stream(b"", _to_unicode(glyphs))
        return self.add(
            b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
            % (family, cid, to_unicode)
        )

    def page(self, width: float, height: float, resources: bytes, content: bytes) -> None:
        """One more page, in points; ``resources`` is what stands in its resource dictionary."""
        drawing = self.stream(b"", content)
        self._pages.append(
            self.add(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s %s]/Resources<<%s>>/Contents %d 0 R>>"
                % (f"{width:g}".encode(), f"{height:g}".encode(), resources, drawing)
            )
        )

    def closed(self, title: str, author: str, producer: str, made_at: dt.datetime | None) -> bytes:
        """The whole file. ``made_at`` (aware) is the only time in it."""
        kids = b" ".join(b"%d 0 R" % k for k in self._pages)
        self._objects[0] = b"<</Type/Catalog/Pages 2 0 R/Lang(zh-CN)/ViewerPreferences<</DisplayDocTitle true>>>>"
        self._objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self._pages), kids)
        date = f"D:{made_at.astimezone(_CST):%Y%m%d%H%M%S}+08'00'".encode() if made_at else b""
        dates = b"/CreationDate(%s)/ModDate(%s)" % (date, date) if date else b""
        info = self.add(
            b"<</Title %s/Author %s/Producer %s%s>>" % (_string(title), _string(author), _string(producer), dates)
        )
        out, offsets = bytearray(_HEADER), []
        for number, body in enumerate(self._objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start, size = len(out), len(self._objects) + 1
        identity = hashlib.md5(out, usedforsecurity=False).hexdigest().encode()
        out += b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(b"%010d 00000 n \n" % o for o in offsets)
        out += b"trailer\n<</Size %d/Root 1 0 R/Info %d 0 R/ID[<%s><%s>]>>\n" % (size, info, identity, identity)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def numbered(texts: Sequence[str]) -> dict[str, int]:
    """Glyph numbers of all characters of ``texts``, as Face.subset orders them."""
    return {c: number for number, c in enumerate(sorted(set("".join(texts))), 1)}


def _string(text: str) -> bytes:
    return b"<FEFF" + text.encode("utf-16-be", "surrogatepass").hex().upper().encode() + b">"


def _to_unicode(glyphs: Mapping[str, int]) -> bytes:
    """The CMap by which readers copy and search text; at most 100 pairs a block (Adobe technical note 5014)."""
    pairs = [f"<{g:04X}><{c.encode('utf-16-be').hex().upper()}>" for c, g in glyphs.items()]
    blocks = [pairs[k : k + 100] for k in range(0, len(pairs), 100)]
    lines = [f"{len(b)} beginbfchar\n" + "\n".join(b) + "\nendbfchar" for b in blocks]
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000><FFFF> endcodespacerange\n" + "\n".join(lines) + "\nendcmap end end\n"
    ).encode()
