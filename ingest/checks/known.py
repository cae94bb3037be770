"""The formats that nearly all files of a case are, told from their bytes as PRONOM tells them, at a twentieth of the cost.

pygfried looks through a whole PDF for rarer signatures (3 ms for 120 KB). Where a file shows any sign of one of those, or
is not wholly regular, there is no answer here and PRONOM is asked. The tests hold these rules against pygfried.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PDF = re.compile(rb"%PDF-(1\.[0-7]|2\.0)")
_PDF_PUIDS = {
    b"1.0": "fmt/14", b"1.1": "fmt/15", b"1.2": "fmt/16", b"1.3": "fmt/17", b"1.4": "fmt/18", b"1.5": "fmt/19",
    b"1.6": "fmt/20", b"1.7": "fmt/276", b"2.0": "fmt/1129",
}  # fmt: skip
_PDFA_PUIDS = {
    b"1A": "fmt/95", b"1B": "fmt/354", b"2A": "fmt/476", b"2B": "fmt/477", b"2U": "fmt/478",
    b"3A": "fmt/479", b"3B": "fmt/480", b"3U": "fmt/481",
}  # fmt: skip
# What the XMP of a PDF/A says in the two forms that PRONOM knows, the namespace declared before.
_PDFA_NAMESPACE = b"http://www.aiim.org/pdfa/ns/id"
_PDFA_CLAIM = re.compile(
    rb"pdfaid:part(?:=[\"']|>)([123])(?:[\"']|</pdfaid:part>)\s{0,20}<?pdfaid:conformance(?:=[\"']|>)([ABU])[\"'<]"
)
# Signs of PDF/X, PDF/E, PDF/VT and of drawings that are PDF by the way: formats of their own in PRONOM.
_OTHER_PDF = (b"GTS_PDF", b"Illustrator")
_OTHER_PDF_IN_XMP = (b"pdfe:", b"pdfx")
_END_OF_PDF_WITHIN = 1024

_JFIF = re.compile(rb"\xff\xd8\xff\xe0..JFIF\x00\x01([\x00-\x02])", re.DOTALL)
_JFIF_PUIDS = ("fmt/42", "fmt/43", "fmt/44")
# The application formats (JFIF, Exif, SPIFF) show in the first segment; a stream that begins with a comment or a table is raw.
_RAW_JPEG = (b"\xff\xd8\xff\xfe", b"\xff\xd8\xff\xdb")


class Known(NamedTuple):
    """PRONOM identifier, name as PRONOM gives it, MIME type, and how it was found."""

    pronom: str
    name: str
    mime: str
    basis: str


def known(data: bytes) -> Known | None:
    """The identity of a regular PDF or JPEG picture, or None where PRONOM must be asked."""
    if match := _PDF.match(data):
        return _pdf(data, match[1])
    if (match := _JFIF.match(data)) and data.endswith(b"\xff\xd9"):
        version = match[1][0]
        name = f"JPEG File Interchange Format 1.0{version}"
        return Known(_JFIF_PUIDS[version], name, "image/jpeg", "own rule: JFIF head and end")
    if data.startswith(_RAW_JPEG) and data.endswith(b"\xff\xd9"):
        return Known("fmt/41", "Raw JPEG Stream", "image/jpeg", "own rule: JPEG head and end")
    return None


def _pdf(data: bytes, version: bytes) -> Known | None:
    if b"%%EOF" not in data[-_END_OF_PDF_WITHIN:] or any(sign in data for sign in _OTHER_PDF):
        return None
    text = version.decode("ascii")
    said = b"pdf" in data  # one search for three: most files have no XMP that speaks of PDF
    if said and any(sign in data for sign in _OTHER_PDF_IN_XMP):
        return None
    if not said or b"pdfaid" not in data:
        maker = "PDF" if text == "2.0" else "Acrobat PDF"
        name = f"{maker} {text} - Portable Document Format {text}"
        return Known(_PDF_PUIDS[version], name, "application/pdf", "own rule: PDF head and end")
    space = data.find(_PDFA_NAMESPACE)
    claim = _PDFA_CLAIM.search(data, space) if space >= 0 and text != "2.0" else None
    puid = _PDFA_PUIDS.get(claim[1] + claim[2]) if claim else None
    if claim is None or puid is None:
        return None
    level = (claim[1] + claim[2].lower()).decode("ascii")
    name = f"Acrobat PDF/A - Portable Document Format {level}"
    return Known(puid, name, "application/pdf", "own rule: PDF/A claimed in XMP")
