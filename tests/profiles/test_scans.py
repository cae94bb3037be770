"""Scans with their catalogue, received and checked: what is right passes, and each thing that can be wrong has its code."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from file_samples import pdf
from form_reading import judged, received, records
from form_samples import laid, zipped
from PIL import Image
from scan_samples import HEADS, delivery, page, pages, row, sheet, text

from ingest.findings import Severity, table
from ingest.profiles import Profiles, Rooms, open_delivery
from ingest.settings import Limits
from ingest.signatures import TrustStore

CODE = row()["档号"]
NIGHT = dt.datetime(2026, 11, 20, 1, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
Files = Mapping[str, bytes]


def grave(codes: set[str]) -> set[str]:
    """Those that are more than worth knowing."""
    return {code for code in codes if table()[code]["severity"] != Severity.INFO}


def found(files: Files, tmp_path: Path, part: str = CODE) -> set[str]:
    codes, _, _ = judged(laid(tmp_path / "delivery", dict(files)), tmp_path, part, as_of=NIGHT)
    return grave(codes)


def one(files: Files | None = None, **texts: Any) -> dict[str, bytes]:
    """A delivery of one 件 with these texts in its line, and these scans instead of its own."""
    return {"目录.xlsx": sheet([row(**texts)])} | dict(pages(CODE) if files is None else files)


@pytest.mark.parametrize("catalogue", ["目录.xlsx", "归档文件目录.csv", "catalogue.CSV"])
def test_every_line_is_a_record_under_its_own_number(tmp_path: Path, catalogue: str) -> None:
    place = laid(tmp_path / "d", delivery(row(2), row(1, 档号=CODE.replace("·", "•")), catalogue=catalogue))
    assert records(place, tmp_path) == [row(2)["档号"], CODE]
    codes, record, files = judged(place, tmp_path, CODE, as_of=NIGHT)
    assert grave(codes) == set()
    assert list(files) == ["数字化副本/0001.jpg", "数字化副本/0002.jpg"]
    assert record["record"]["archival_code"] == record["case"]["case_no"] == CODE
    assert record["kept"]["row"]["档号"] == CODE.replace("·", "•")  # as it was written
    assert record["events"][0] | {"action": "digitise", "at": "2023-05-06T00:00:00+08:00"} == record["events"][0]
    assert [a["name"] for a in record["agents"]] == [record["record"]["fonds_unit"], "测试数字化公司"]


@pytest.mark.parametrize(
    ("files", "order"),
    [
        ({f"{CODE}.pdf": pdf(pages=2)}, [f"{CODE}.pdf"]),
        ({f"扫描件/{CODE}/{n}.jpg": page(n) for n in ("10", "9")}, ["9.jpg", "10.jpg"]),
        ({f"{CODE}/a.tif": page("t", "TIFF", frames=2)}, ["a.tif"]),
    ],
    ids=["one PDF", "page 10 after page 9", "pages in one TIFF"],
)
def test_pages_may_come_in_any_of_these_ways(tmp_path: Path, files: Files, order: list[str]) -> None:
    place = laid(tmp_path / "d", one(files))
    codes, _, got = judged(place, tmp_path, CODE, as_of=NIGHT)
    assert [p.removeprefix("数字化副本/") for p in got] == order
    assert grave(codes) <= {"DIG-PAGE-GAP", "DIG-RESOLUTION-UNKNOWN"}


def test_a_zip_with_its_folder_is_the_same_delivery(tmp_path: Path) -> None:
    packed = {"d.zip": zipped({f"移交/{name}": data for name, data in delivery(row(1), row(2)).items()})}
    place = laid(tmp_path / "d", packed)
    assert records(place, tmp_path) == [CODE, row(2)["档号"]]
    codes, _, files = judged(place, tmp_path, CODE, as_of=NIGHT)
    assert (grave(codes), len(files)) == (set(), 2)


WHOLE = {
    "a scan of no line": (one(pages(CODE) | {"多余.jpg": page()}), {"PRF-FOLDER-UNLISTED"}),
    "a line without scans": ({"目录.xlsx": sheet([row(), row(2)])} | pages(CODE), {"PRF-ITEM-NO-FOLDER"}),
    "a line twice": ({"目录.xlsx": sheet([row(), row()])} | pages(CODE), {"PRF-ITEM-TWICE"}),
    "a page in two places": (one(pages(CODE) | {f"b/{n}": d for n, d in pages(CODE).items()}), {"PRF-ITEM-TWICE"}),
    "a line without a number": ({"目录.xlsx": sheet([row(), row(2, 档号="")])} | pages(CODE), {"CAT-NO-CODE"}),
    "a column less": ({"目录.xlsx": sheet([row()], [h for h in HEADS if h != "保管期限"])} | pages(CODE), {"CAT-COLUMN"}),
    "a column by two names": (
        {"目录.csv": text([row() | {"题名": "a", "案卷题名": "b"}], heads=(*HEADS, "案卷题名"))} | pages(CODE), {"PRF-ITEM-TWICE"}
    ),
    "a formula": (one(题名="=1+1"), {"CAT-FORMULA"}),
    "two catalogues": (one() | {"目录.csv": text([row()])}, {"PRF-UNKNOWN-FORM"}),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_where_catalogue_and_scans_do_not_fit_nothing_is_taken(tmp_path: Path, name: str) -> None:
    files, codes = WHOLE[name]
    place = laid(tmp_path / "d", dict(files))
    assert records(place, tmp_path) is None
    out, _ = received(place, tmp_path)
    assert (out.final, {f.code for f in out.findings}) == (True, codes)


PIECE = {
    "fewer pages than stated": (one(页数="3"), {"DIG-PAGES"}),
    "a page left out": (one({f"{CODE}/{n:03}.jpg": page(str(n)) for n in (1, 3)}), {"DIG-PAGE-GAP"}),
    "a page twice": (one({f"{CODE}/{n}": page(n) for n in ("1.jpg", "01.jpg")}), {"DIG-PAGE-TWICE"}),
    "the same picture again": (one({f"{CODE}/{n}.jpg": page() for n in (1, 2)}), {"DIG-SAME-SCAN"}),
    "a blank page": (one({f"{CODE}/1.jpg": page(), f"{CODE}/2.jpg": page("")}), {"DIG-BLANK"}),
    "nothing but blank": (one({f"{CODE}/1.tif": page("", "TIFF", frames=2)}), {"DIG-BLANK", "DIG-ALL-BLANK"}),
    "too coarse": (one({f"{CODE}/{n}.jpg": page(str(n), dpi=96) for n in (1, 2)}), {"DIG-RESOLUTION"}),
    "no resolution": (one({f"{CODE}/{n}.jpg": page(str(n), dpi=None) for n in (1, 2)}), {"DIG-RESOLUTION-UNKNOWN"}),
    "not a format of scans": (one({f"{CODE}/{n}.png": page(str(n), "PNG") for n in (1, 2)}), {"DIG-FORMAT"}),
    "cut short": (one({f"{CODE}/1.jpg": page("1"), f"{CODE}/2.jpg": page("2")[:-900]}), {"FMT-UNREADABLE", "DIG-PAGES-UNKNOWN"}),
    "empty": (one({f"{CODE}/1.jpg": page("1"), f"{CODE}/2.jpg": b""}), {"FMT-EMPTY", "DIG-PAGES-UNKNOWN"}),
    "another year than its number": (one(年度="1988"), {"DIG-CODE-DISAGREES"}),
    "another term than its number": (one(保管期限="30年"), {"DIG-CODE-DISAGREES"}),
    "another class than its number": (one(类别号="KJ"), {"DIG-CODE-DISAGREES"}),
    "no class at all": (one(类别号="文书"), {"DIG-FIELD"}),
    "a term that is none": (one(保管期限="很久"), {"DIG-FIELD", "MET-DOMAIN"}),
    "no title": (one(题名=""), {"MET-REQUIRED"}),
    "a day that is none": (one(日期="1987-02-30"), {"MET-NO-SUCH-TIME"}),
    "secret": (one(密级="机密★20年"), {"RCV-CLASSIFIED"}),
    "no level": (one(密级=""), {"RCV-ENVELOPE", "MET-REQUIRED"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PIECE)
def test_what_is_wrong_with_one_piece_is_told_of_it_alone(tmp_path: Path, name: str) -> None:
    files, codes = PIECE[name]
    assert found(files, tmp_path) == codes


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("T001-WS-1", {"DIG-CODE-FORM", "MET-ARCHIVAL-CODE"}),
        ("T002-WS·1987-Y-BGS-0001", {"MET-FONDS-MISMATCH"}),
        ("T001-001-0002-0003", set()),
        ("T001-WS·1936-Y-BGS-0001", set()),
    ],
    ids=["no form", "another fonds", "as before DA/T 13", "older than the Republic"],
)
def test_numbers_as_archives_gave_them(tmp_path: Path, code: str, codes: set[str]) -> None:
    old = {"年度": "1936", "日期": "19360305"} if "1936" in code else {}
    files = {"目录.csv": text([row(档号=code, **old)])} | pages(code)
    assert found(files, tmp_path, code) == codes


def test_the_catalogue_and_the_names_of_the_files_are_read_once(tmp_path: Path) -> None:
    class Counted:
        def __init__(self, files: Files) -> None:
            self.files, self.asked = files, []  # type: ignore[var-annotated]

        def names(self) -> list[str]:
            self.asked.append("names")
            return sorted(self.files)

        def open(self, name: str) -> io.BytesIO:
            self.asked.append(name)
            return io.BytesIO(self.files[name])

    reader: Any = Counted(delivery(row(1), row(2), row(3)))
    with contextlib.ExitStack() as stack:
        rooms = Rooms(tmp_path, tmp_path / "whole", stack)
        for item in (1, 2, 3):
            opened = open_delivery(reader, row(item)["档号"], Profiles.load(), {"fonds_no": "T001"}, rooms, Limits())
            assert json.loads(opened.case)["record"]["title"] == row(item)["题名"]
    assert reader.asked == ["names", "目录.xlsx"]


def test_an_unsigned_scan_is_no_unsigned_document(tmp_path: Path) -> None:
    place = laid(tmp_path / "d", one({f"{CODE}.pdf": pdf(pages=2)}))
    codes, _, _ = judged(place, tmp_path, CODE, as_of=NIGHT)
    assert not [code for code in codes if code.startswith("SIG-")]
    assert TrustStore.load(tmp_path / "trust").digest  # and it was asked for


def test_a_case_cannot_call_itself_digitised(tmp_path: Path) -> None:
    """Only the form by which a delivery was read says what it is: our own case.json has none."""
    claim = json.dumps({"origin": "digitised", "case": {"case_no": CODE, "version": 1}, "files": [{"path": "a"}],
                        "record": {"security_classification": "公开", "archival_code": CODE}})  # fmt: skip
    out, _ = received(laid(tmp_path / "d", {"case.json": claim.encode(), "a": b"x"}), tmp_path)
    assert out.origin is None and out.case_no == CODE


def test_a_picture_with_more_pixels_than_memory_is_not_looked_at(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "TIFF", compression="group4")
    assert found(one({f"{CODE}/1.tif": out.getvalue(), f"{CODE}/2.jpg": page()}), tmp_path) == {
        "DIG-RESOLUTION-UNKNOWN"
    }
