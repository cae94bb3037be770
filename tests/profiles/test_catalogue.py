"""Catalogues from strangers: what is written comes back as it stands, and nothing hostile is computed, believed or waited for."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_samples import HEADS, row, sheet, text

from ingest.metadata import catalogue
from ingest.metadata.catalogue import BadCatalogue

KINDS = {"页数": "integer", "日期": "date"}
# what a cell of a spreadsheet can hold, and a formula is none of; XLSX has no control characters
CELL = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Cn"), blacklist_characters="=\ufffe\uffff"), max_size=30
).map(str.strip)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(HEADS[:5], CELL)), max_size=6)


def codes(data: bytes, name: str = "目录.xlsx") -> list[str]:
    with pytest.raises(BadCatalogue) as caught:
        catalogue.read(data, name, KINDS)
    return [f.code for f in caught.value.findings]


def back(data: bytes) -> list[dict[str, str]]:
    found = catalogue.read(data, "目录", KINDS)
    return [found.texts(cells) for _, cells in found.rows]


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_what_was_written_is_read(rows: list[dict[str, str]]) -> None:
    heads = HEADS[:5]
    told = [{h: t for h, t in r.items() if t} for r in rows if any(r.values())]
    assert back(text(rows, "utf-8", heads)) == told
    assert back(text(rows, "utf-8-sig", heads)) == told
    assert back(sheet([{h: t or None for h, t in r.items()} for r in rows], heads)) == told


def test_gb18030_is_read_and_other_encodings_are_told() -> None:
    assert back(text([row(题名="中文𠮷")], "gb18030"))[0]["题名"] == "中文𠮷"
    assert codes(text([row()], "utf-16"), "目录.csv") == ["PRF-ENCODING"]
    assert codes(b"\xff\xfe\xff", "目录.csv") == ["PRF-ENCODING"]


def test_cells_that_have_lost_what_was_written_are_told_with_their_place() -> None:
    lost: dict[str, Any] = {
        "档号": 12345678901234567890.0,
        "题名": 2.1,
        "页数": 3.0,
        "日期": dt.datetime(1987, 3, 5),
        "密级": True,
    }
    with pytest.raises(BadCatalogue) as caught:
        catalogue.read(sheet([row() | lost]), "目录.xlsx", KINDS)
    assert [(f.code, f.field) for f in caught.value.findings] == [("CAT-CELL", "/2/档号"), ("CAT-CELL", "/2/题名")]
    (good,) = back(sheet([row() | {"页数": 3, "日期": dt.datetime(1987, 3, 5)}]))
    assert (good["页数"], good["日期"]) == ("3", "1987-03-05")


def test_formulas_and_merged_cells_are_refused() -> None:
    formula = sheet([row() | {"题名": '=HYPERLINK("http://x.invalid","a")'}, row(2) | {"备注": "=1+1"}])
    assert codes(formula) == ["CAT-FORMULA", "CAT-FORMULA"]
    assert codes(text([row(备注="=cmd|'/c calc'!A0")]), "目录.csv") == ["CAT-FORMULA"]
    book = openpyxl.load_workbook(io.BytesIO(sheet([row(), row(2)])))
    book.worksheets[0].merge_cells("B2:B3")
    out = io.BytesIO()
    book.save(out)
    assert codes(out.getvalue()) == ["CAT-MERGED"]


def test_hidden_sheets_are_not_taken_for_the_catalogue() -> None:
    book = openpyxl.load_workbook(io.BytesIO(sheet([row()])))
    hidden = book.create_sheet("旧目录", 0)
    hidden.append(["档号"])
    hidden.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    assert back(out.getvalue())[0]["题名"] == row()["题名"]


def test_a_faulty_table_is_one_clear_reason() -> None:
    assert codes(b"", "目录.csv") == codes(b"\n\n,,\n", "目录.csv") == ["CAT-BROKEN"]
    assert codes("档号,档号\na,b\n".encode(), "目录.csv") == ["CAT-BROKEN"]
    assert codes("档号\na,b\n".encode(), "目录.csv") == ["CAT-BROKEN"]
    assert codes('档号\n"a\n'.encode(), "目录.csv") == ["CAT-BROKEN"]
    assert codes(("档号\n" + "x" * 200_000).encode(), "目录.csv") == ["CAT-BROKEN"]
    flood = "\n".join(["档号,题名", *(f"T-{n},=x" for n in range(5000))]).encode()
    assert codes(flood, "目录.csv") == ["CAT-FORMULA"] * 200 + ["CAT-MORE"]


def altered(data: bytes, name: str, change: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.namelist():
            new.writestr(item, change(old.read(item)) if item == name else old.read(item))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
HOSTILE = {
    "not a workbook": lambda: b"PK\x03\x04 and nothing",
    "bomb": lambda: altered(
        sheet([row()]), SHEET, lambda d: d.replace(b"</sheetData>", b" " * 205_000_000 + b"</sheetData>")
    ),
    "entities": lambda: altered(sheet([row()]), SHEET, lambda d: b'<!DOCTYPE x [<!ENTITY a "b">]>' + d),
    "row without end": lambda: altered(
        sheet([row()]), SHEET, lambda d: d.replace(b'<row r="2"', b'<row r="99999999999"')
    ),
    "truncated": lambda: sheet([row()])[:-200],
    "other sheet type": lambda: altered(sheet([row()]), "xl/workbook.xml", lambda d: d.replace(b"sheetId", b"sheetIx")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_workbooks_are_refused_quickly(name: str) -> None:
    data = HOSTILE[name]()
    started = time.process_time()
    assert codes(data) == ["CAT-BROKEN"]
    assert time.process_time() - started < 10


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read() -> None:
    rows = [row(n) for n in range(100_000)]
    found = catalogue.read(text(rows, "gb18030"), "目录.csv", KINDS)
    assert (len(found.rows), found.rows[-1][0]) == (100_000, 100_001)
    with pytest.raises(BadCatalogue) as caught:
        catalogue.read(text(rows), "目录.csv", KINDS, most=99_999)
    assert "99999" in caught.value.findings[0].text()
