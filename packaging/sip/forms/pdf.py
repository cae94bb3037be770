"""Forms as a PDF: both typefaces embedded as subsets, text that can be searched and copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sip.forms.fonts import FACES, face
from sip.forms.layout import Page, pages_of
from sip.forms.model import Form
from sip.forms.pdffile import PdfFile, numbered


def write(forms: Sequence[Form]) -> bytes:
    """One document of all forms, bytes from nothing but the forms and the fonts."""
    if not forms:
        raise ValueError("no form to print")
    pages = [page for form in forms for page in pages_of(form)]
    pdf = PdfFile()
    glyphs = {}
    fonts = b""
    for name in FACES:
        texts = [run.text for page in pages for run in page.runs if run.face == name]
        if texts:
            glyphs[name] = numbered(texts)
            fonts += b"/%s %d 0 R" % (name.encode(), pdf.font(face(name), glyphs[name]))
    for page in pages:
        pdf.page(page.width, page.height, b"/Font<<%s>>" % fonts, _drawing(page, glyphs))
    return pdf.closed(forms[0].title, "", "Guidang", forms[0].made_at)


def _drawing(page: Page, glyphs: Mapping[str, Mapping[str, int]]) -> bytes:
    """Operators of a page: all boxes, then all text, so that no shade covers a line."""
    out = ["0.5 w"]
    for box in page.boxes:
        where = f"{box.x:.2f} {page.height - box.y - box.height:.2f} {box.width:.2f} {box.height:.2f} re"
        if box.framed:
            out.append(f"{box.grey:.2f} g {where} B" if box.grey < 1 else f"{where} S")
        else:
            out.append(f"{box.grey:.2f} g {where} f")
    out.append("0 g")
    for run in page.runs:
        codes = "".join(f"{glyphs[run.face][c]:04X}" for c in run.text)
        out.append(f"BT /{run.face} {run.size:g} Tf {run.x:.2f} {page.height - run.y:.2f} Td <{codes}> Tj ET")
    return "\n".join(out).encode()
