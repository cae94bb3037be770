"""The night as a workbook: each sheet's facts, nothing in it a formula, kept once for the same figures."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest

from ingest.findings import Finding
from ingest.model import CST
from ingest.receipts.waiting import Unanswered
from ingest.report import AgencyLine, NightReport
from ingest.reporting import night as workbook
from ingest.settings import Home
from sip.forms import to_xlsx

AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)
EVIL = '=HYPERLINK("http://x")'


@pytest.fixture
def night() -> NightReport:
    reject, hold = Finding("RCV-FILE-MISSING", path=EVIL), Finding("SIG-ISSUER-UNKNOWN", params={"issuer": "CN=x"})
    return NightReport(
        run_id="scheduled__2026-11-20", agencies=[AgencyLine("=1+1", received=9, accepted=5, rejected=1, held=1, unfinished=2)],
        causes={reject.code: 1, hold.code: 1}, examples={reject.code: reject, hold.code: hold}, seconds=12.5,
        away={"ju": "no route"}, released={}, scanned=0, older={"ju": 7}, failed={"STORE-AWAY": 2},
        failures={"STORE-AWAY": "+cmd|' /C calc'!A0"},
        unanswered=[Unanswered("ju", "@SUM(A1)", "C1", "held", "2026-11-01", 19, "待人决定")],
    )  # fmt: skip


def test_every_sheet_says_its_facts_and_no_cell_is_a_formula(night: NightReport) -> None:
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(*workbook.forms(night, AS_OF))))
    assert book.sheetnames == ["机构", "原因", "下一步", "未答复"]
    cells = {
        name: [c for row in book[name].iter_rows() for c in row if c.value is not None] for name in book.sheetnames
    }
    assert all(c.data_type in ("s", "n") for some in cells.values() for c in some)
    said = {name: {str(c.value) for c in some} for name, some in cells.items()}
    assert {"=1+1", "9", "5"} <= said["机构"] and any("no route" in s for s in said["机构"])
    assert {"RCV-FILE-MISSING", "SIG-ISSUER-UNKNOWN", "STORE-AWAY", "+cmd|' /C calc'!A0"} <= said["原因"]
    assert any("guidang rerun cause STORE-AWAY" in s for s in said["下一步"])
    assert any("guidang held list --cause SIG-ISSUER-UNKNOWN" in s for s in said["下一步"])
    assert any("首夜以前的 7 件" in s for s in said["下一步"])
    assert {"@SUM(A1)", "19", "2026-11-01"} <= said["未答复"]


def test_the_same_figures_are_kept_once_and_others_beside_them(night: NightReport, home: Path) -> None:
    at = Home.of(home)
    first = workbook.make(at, night, AS_OF, store=False)
    assert workbook.make(at, dataclasses.replace(night, seconds=99.0), AS_OF, store=False) == first
    other = workbook.make(at, dataclasses.replace(night, failed={}, failures={}), AS_OF, store=False)
    assert other != first and {p.name for p in other.iterdir()} == {"night.xlsx", "night.json"}


def test_the_note_says_most_and_fits(night: NightReport) -> None:
    said = workbook.note(night)
    assert "归档 5" in said and "STORE-AWAY" in said and "RCV-FILE-MISSING" in said and len(said) <= 1000
    many = {f"SOURCE-AWAY-{n}": "x" for n in range(200)}
    assert len(workbook.note(dataclasses.replace(night, away=many))) <= 1000
