"""Forms as PDF and XLSX: what an archivist reads in them, that same forms give same bytes, and that no text becomes a formula."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from sip.forms import (
    Align,
    Column,
    Field,
    Fields,
    Form,
    Heading,
    Matrix,
    Notes,
    PageBreak,
    Signature,
    Signatures,
    Table,
    Text,
    ticked,
    to_html,
    to_pdf,
    to_xlsx,
)
from sip.forms.fonts import face
from sip.forms.layout import A4, MARGIN, Page, pages_of
from sip.forms.lines import shown, wrap

COLUMNS = [Column("序号", 1, Align.CENTER), Column("题名", 6), Column("页数", 1, Align.RIGHT)]
AT = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def form(rows: int = 3, title: str = "归档文件目录", landscape: bool = False, extra: str = "准予决定书") -> Form:
    return Form(
        title,
        [
            Fields([Field("全宗号", "T001"), Field("年度", 2026), Field("归档方式", ticked(["在线", "离线"], "在线"), wide=True)]),
            Heading("一、目录"),
            Table(COLUMNS, [[n, f"{extra}{n}", n % 7] for n in range(1, rows + 1)], [["", "合计", rows]], frozenset({0})),
            Text("结论：通过", strong=True),
            Signatures([Signature("移交单位（签章）"), Signature("接收单位（签章）", "张三", "2026年11月23日")]),
            PageBreak(),
            Notes(["注：空白处不填。"]),
        ],
        landscape=landscape,
        footer="Guidang",
        made_at=AT,
    )  # fmt: skip


def texts(page: Page) -> list[str]:
    return [run.text for run in page.runs]


def test_table_head_is_repeated_and_pages_are_numbered() -> None:
    pages = pages_of(form(rows=120))
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert f"第 {number} 页　共 {len(pages)} 页" in texts(page)
        assert "Guidang" in texts(page)
    with_rows = [page for page in pages if any(text.startswith("准予决定书") for text in texts(page))]
    assert len(with_rows) >= 3
    assert all("题名" in texts(page) for page in with_rows)
    shown_rows = [text for page in pages for text in texts(page) if text.startswith("准予决定书")]
    assert shown_rows == [f"准予决定书{n}" for n in range(1, 121)]


@pytest.mark.parametrize("landscape", [False, True])
def test_nothing_stands_outside_the_page_however_long_the_text(landscape: bool) -> None:
    pages = pages_of(form(rows=2, landscape=landscape, extra="很长的题名，" * 900 + "X" * 400))
    assert len(pages) > 2
    for page in pages:
        assert (page.width, page.height) == (A4[::-1] if landscape else A4)
        for run in page.runs:
            assert run.x >= MARGIN
            assert run.x + face(run.face).width(run.text, run.size) <= page.width - MARGIN + 0.5
            assert MARGIN <= run.y <= page.height - 20
        for box in page.boxes:
            assert box.y + box.height <= page.height - MARGIN + 0.5
    whole = "".join(run.text for page in pages for run in page.runs)
    assert whole.count("很长的题名，") + whole.count("很长的题名") >= 1800  # no piece of a split row is lost
    assert whole.count("X") == 800


def test_pdf_has_its_fonts_in_it_and_its_text_can_be_copied() -> None:
    with pikepdf.open(io.BytesIO(to_pdf(form(), form(title="备考表", landscape=True)))) as pdf:
        assert len(pdf.pages) == 4
        assert str(pdf.docinfo["/Title"]) == "归档文件目录"
        assert str(pdf.docinfo["/CreationDate"]) == "D:20261123090000+08'00'"
        fonts = dict(pdf.pages[0].Resources.Font)
        assert set(fonts) == {"/song", "/hei"}
        for name, font in fonts.items():
            program = font.DescendantFonts[0].FontDescriptor.FontFile2.read_bytes()
            codes = {ord(c) for page in pages_of(form()) for run in page.runs if run.face == name[1:] for c in run.text}
            assert codes <= set(TTFont(io.BytesIO(program), checkChecksums=2).getBestCmap())
            assert "移".encode("utf-16-be").hex().upper().encode() in font.ToUnicode.read_bytes() or name == "/song"


def test_same_forms_same_bytes_also_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_forms import form, to_pdf, to_xlsx; import hashlib; "
        "print(hashlib.sha256(to_pdf(form(40)) + to_xlsx(form(40))).hexdigest())"
    )
    import hashlib

    here = hashlib.sha256(to_pdf(form(40)) + to_xlsx(form(40))).hexdigest()
    # an empty cache and another time zone, too
    env = {"PATH": "/usr/bin:/bin", "GUIDANG_CACHE": str(tmp_path), "TZ": "America/New_York", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.strip() == here


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_text_never_becomes_a_formula(text: str) -> None:
    table = Table([Column("a", 1), Column("b", 1)], [[text, 5]])
    made = to_xlsx(Form(text, [table, Fields([Field(text, text)]), Text(text)], footer=text))
    sheet = load_workbook(io.BytesIO(made)).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    told = [cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@"))]
    assert all(cell.quotePrefix for cell in told)
    assert len(told) >= (5 if text[0] != "\t" else 0)
    assert [cell.value for cell in cells if cell.data_type == "n"] == [5]


def test_sheet_prints_as_the_paper_does() -> None:
    book = load_workbook(io.BytesIO(to_xlsx(form(landscape=True), form(), form(title="a/b:c*" * 9))))
    first, second, third = book.worksheets
    assert (first.title, second.title, third.title) == ("归档文件目录", "归档文件目录 2", ("a b c " * 9)[:28])
    assert (first.page_setup.orientation, first.page_setup.paperSize) == ("landscape", 9)
    head = next(row for row in first.iter_rows() if row[0].value == "序号")
    assert first.print_title_rows == f"${head[0].row}:${head[0].row}"
    assert first.column_dimensions["B"].width == pytest.approx(6 * first.column_dimensions["A"].width, rel=0.02)


@settings(deadline=None)  # the first glyph opens the font
@given(st.text(max_size=60), st.sampled_from(["song", "hei"]))
def test_any_text_can_be_printed(text: str, name: str) -> None:
    setting = face(name)
    clean = shown(text, setting.has)
    lines = wrap(clean, 60, partial(setting.width, size=9))
    assert "".join(lines).replace(" ", "") == clean.replace("\n", "").replace(" ", "")
    assert all(setting.width(line, 9) <= 60 or len(line) == 1 for line in lines)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_stand_in_a_sheet(text: str) -> None:
    sheet = load_workbook(io.BytesIO(to_xlsx(Form("t", [Text("x" + text)])))).worksheets[0]
    assert isinstance(sheet["A2"].value, str)


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_page_shows_what_the_paper_does() -> None:
    page = _Page(to_html(form(), form(title="备考表")))
    assert {"归档文件目录", "备考表", "全宗号", "T001", "2026", "准予决定书3", "合计", "■在线　□离线"} <= set(
        page.words
    )
    assert {"移交单位（签章）　", "2026年11月23日", "注：空白处不填。"} <= set(page.words)
    assert page.tags.count("h1") == 2
    assert page.tags.count("input") == 1  # the first row stands out: rows can be filtered
    assert "input" not in _Page(to_html(Form("t", [Text("x")]))).tags


def test_everything_on_a_page_is_text() -> None:
    hostile = "<script>alert(1)</script>\"'&\u202e"
    made = to_html(
        Form(hostile, [Text(hostile), Fields([Field(hostile, hostile)]), Table([Column(hostile, 1)], [[hostile]])])
    )
    assert "script" not in _Page(made).tags
    assert made.count("&lt;U+202E&gt;") == 7


def test_lines_break_as_chinese_is_set() -> None:
    width = partial(face("song").width, size=10)
    assert wrap("一二三四，五（六七）八", 40, width) == ["一二三", "四，五", "（六七）", "八"]
    assert wrap("代码 11440100FAKE 止", 80, width) == ["代码", "11440100FAKE", "止"]


def test_what_cannot_be_seen_is_named() -> None:
    assert shown("甲\u202e乙\x00\U0001f600\t丙", face("song").has) == "甲<U+202E>乙<U+0000><U+1F600>　丙"


def test_characters_beyond_the_basic_plane_are_in_the_font() -> None:
    source = TTFont(face("song")._path)
    rare = chr(max(source.getBestCmap()))
    assert ord(rare) > 0xFFFF
    made = TTFont(io.BytesIO(face("song").subset("甲" + rare)), checkChecksums=2)
    assert set(made.getBestCmap()) == {ord("甲"), ord(rare)}
    with pikepdf.open(io.BytesIO(to_pdf(Form(rare, [Text(f"张{rare}")])))) as pdf:
        maps = [font.ToUnicode.read_bytes().upper() for font in pdf.pages[0].Resources.Font.values()]
    assert any(rare.encode("utf-16-be").hex().upper().encode() in found for found in maps)


def test_a_matrix_is_drawn_module_by_module_and_is_text_in_a_sheet() -> None:
    modules = [[(x * 7 + y * 3) % 5 < 2 for x in range(29)] for y in range(29)]
    form = Form("码", [Matrix(modules, ["旁注"], size=29.0)])
    with contextlib.closing(pypdfium2.PdfDocument(to_pdf(form))) as pdf:
        picture = pdf[0].render(scale=4, grayscale=True).to_pil()
    unit = 72 / 25.4 * 4  # a module is a millimetre wide, at four pixels a point
    top = next(y for y in range(51 * 4, picture.height) if picture.getpixel((51 * 4 + int(unit / 2), y)) < 64)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            at = (int(51 * 4 + (x + 0.5) * unit), int(top + (y + 0.5) * unit))
            assert (picture.getpixel(at) < 128) == dark, (x, y)
    assert "旁注" in to_html(form) and "<path" in to_html(form)
    with pytest.raises(ValueError, match="square"):
        Matrix([[True, False]])


def test_row_must_fit_its_columns() -> None:
    with pytest.raises(ValueError, match="2 cells for 3 columns"):
        Table(COLUMNS, [[1, "a"]])


def test_importing_forms_costs_nothing() -> None:
    code = "import sip.forms, sys; sys.exit(', '.join({'fontTools', 'openpyxl', 'pylopdf_fonts_zh_cn'} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
