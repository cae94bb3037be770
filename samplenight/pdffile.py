"""Write a PDF 1.7 file (ISO 32000-1) from set pages: embedded TrueType subsets, JPEG scans, the seal as a stencil in red."""

from __future__ import annotations

from samplenight import pictures
from samplenight.fonts import face
from samplenight.layout import HEIGHT, POINT, WIDTH, Page, Picture, Rule, Text
from samplenight.model import Paper
from sip.forms.pdffile import PdfFile, numbered

FACES = ("song", "hei")


def write(paper: Paper, made: list[Page]) -> bytes:
    """The file of ``paper``, unsigned."""
    return _Writer(paper, made).file()


class _Writer:
    def __init__(self, paper: Paper, made: list[Page]) -> None:
        self.paper, self.made = paper, made
        self.pdf = PdfFile()
        self.images: dict[tuple[str, int | str], int] = {}
        texts = [m for page in made for m in page.marks if isinstance(m, Text)]
        self.glyphs = {name: numbered([m.text for m in texts if m.face == name]) for name in FACES}

    def image(self, source: tuple[str, int | str]) -> int:
        if source not in self.images:
            kind, what = source
            if kind == "scan":
                width, height, data = pictures.scan(int(what))
                entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray" % (
                    width,
                    height,
                )
                self.images[source] = self.pdf.stream(entries + b"/Filter/DCTDecode", data, deflate=False)
            else:
                width, height, alpha = pictures.ink(kind, str(what))
                mask = self.pdf.stream(
                    b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode"
                    % (width, height), alpha, deflate=False)  # fmt: skip
                self.images[source] = self.pdf.stream(
                    b"/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceRGB/SMask %d 0 R" % mask,
                    bytes(pictures.RED))  # fmt: skip
        return self.images[source]

    def content(self, page: Page) -> tuple[bytes, list[int]]:
        """Drawing operators of a page, and the images it names."""
        out, used = [], []
        for mark in page.marks:
            if isinstance(mark, Text):
                codes = "".join(f"{self.glyphs[mark.face][c]:04X}" for c in mark.text)
                out.append(
                    f"BT {_colour(mark.colour)} rg /{mark.face} {mark.size:.3f} Tf {_x(mark.x)} {_y(mark.y)} Td <{codes}> Tj ET"
                )
            elif isinstance(mark, Rule):
                out.append(
                    f"{_colour(mark.colour)} RG {_x(mark.width)} w {_x(mark.x1)} {_y(mark.y1)} m {_x(mark.x2)} {_y(mark.y2)} l S"
                )
            elif isinstance(mark, Picture):
                number = self.image(mark.source)
                used.append(number)
                out.append(
                    f"q {_x(mark.width)} 0 0 {_x(mark.height)} {_x(mark.x)} {_y(mark.y + mark.height)} cm /I{number} Do Q"
                )
        return "\n".join(out).encode(), used

    def file(self) -> bytes:
        fonts = b"".join(
            b"/%s %d 0 R" % (name.encode(), self.pdf.font(face(name), self.glyphs[name]))
            for name in FACES
            if self.glyphs[name]
        )
        for page in self.made:
            drawing, used = self.content(page)
            images = b"".join(b"/I%d %d 0 R" % (n, n) for n in sorted(set(used)))
            self.pdf.page(WIDTH / POINT, HEIGHT / POINT, b"/Font<<%s>>/XObject<<%s>>" % (fonts, images), drawing)
        return self.pdf.closed(self.paper.title, self.paper.unit, "Guidang sample night", self.paper.made_at)


def _x(mm: float) -> str:
    return f"{mm / POINT:.2f}"


def _y(mm: float) -> str:
    return f"{(HEIGHT - mm) / POINT:.2f}"


def _colour(rgb: tuple[int, int, int]) -> str:
    return " ".join(f"{v / 255:.3f}" for v in rgb)
