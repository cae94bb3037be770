"""Numbers at the desk: rates beside their rules, calendars, exports; a producer's own only; counted again when something happened."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from desk_cases import MINE, OTHER, CaseHome
from desk_sessions import DeskClient
from openpyxl import load_workbook

from ingest.findings import Finding
from ingest.ledger.tables import transfer, transfer_item
from ingest.lists.calendar import calendar
from ingest.lists.due import Kind
from ingest.model import State

Clients = Callable[..., DeskClient]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseHome]:
    made = CaseHome(tmp_path / "home")
    yield made
    made.ledger.close()


def filed(
    case: CaseHome, number: int, *, agency: str = MINE, fonds: str = "T001", due: str = "2020-12-31", version: int = 1
) -> str:
    (made,) = case.put(
        State.ACKNOWLEDGED, agency=agency, case_no=f"C{number}", version=version, fonds_no=fonds, year=2015,
        archival_code=f"{fonds}-{number:05}", transfer_due=due, open_due="2041-01-01", closed_on="2015-05-01",
    )  # fmt: skip
    return made


def transferred(case: CaseHome, record: str) -> None:
    with case.ledger.begin() as tx:
        tx.conn.execute(sa.insert(transfer).values(
            id="T1", request="r", fonds_no="T001", target="archives", as_of="2026-01-01", state="accepted", opened_by="甲",
            opinion={}, records=1, created_at="2026-01-01", updated_at="2026-01-01",
        ))  # fmt: skip
        tx.conn.execute(sa.insert(transfer_item).values(
            transfer_id="T1", record_id=record, archival_code="T001-00001", version=1, earlier=False, state="transferred",
            lock=record,
        ))  # fmt: skip


def test_the_calendar_counts_each_case_once_and_what_is_gone(case: CaseHome) -> None:
    first = filed(case, 1)
    filed(case, 1, version=2)
    filed(case, 2)
    filed(case, 3, due="2030-12-31")
    filed(case, 1, agency=OTHER, fonds="T002")
    transferred(case, first)
    found = [(f.fonds_no, f.day, f.items, f.gone, f.here) for f in calendar(case.ledger, Kind.TRANSFER)]
    assert found == [("T001", "2020-12-31", 2, 1, 1), ("T002", "2020-12-31", 1, 0, 1), ("T001", "2030-12-31", 1, 0, 1)]
    assert [f.fonds_no for f in calendar(case.ledger, Kind.OPENING, "T002")] == ["T002"]


def test_the_page_comes_at_once_and_its_figures_after(case: CaseHome, client_of: Clients) -> None:
    filed(case, 1)
    case.put(State.REJECTED, Finding("FMT-EMPTY"))
    client = client_of(case.home, "auditor")
    frame = client.get("/numbers").text
    assert "正在统计" in frame and "hx-get" in frame and "归档率</div>" not in frame
    part = client.get("/numbers?counted=1", headers={"HX-Request": "true"}).text
    assert "<html" not in part and "50.0%" in part and "逾期未移交" in part and "<svg" in part
    client.submit("/language", {"to": "en"})
    whole = client.get("/numbers?counted=1").text
    assert "<html" in whole and "Transfer calendar" in whole and "overdue for transfer" in whole


def test_figures_are_counted_again_once_something_happened(
    case: CaseHome, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.numbers.kept._SECONDS", 0.0)
    monkeypatch.setattr("desk.numbers.kept._WORTH", 0)
    filed(case, 1)
    client = client_of(case.home, "operator")
    assert client.get("/numbers/export.json").json()["transfer"]["overdue"] == 1
    filed(case, 2)
    assert client.get("/numbers/export.json").json()["transfer"]["overdue"] == 2


def test_the_indicators_leave_as_workbook_and_for_programs(case: CaseHome, client_of: Clients) -> None:
    filed(case, 1)
    client = client_of(case.home, "auditor")
    told = client.get("/numbers/export.json").json()
    assert told["schema"] == "guidang.indicators/1.0" and told["archiving"][0]["rate"] == 1.0
    assert told["schedules"] == {"agencies": 2, "in_force": 0} and told["findings"]["overdue"] == 0
    book = load_workbook(io.BytesIO(client.get("/numbers/export.xlsx").content))
    assert book.sheetnames == ["汇总", "归档率", "合格率", "数字化率", "移交日历", "开放日历"]
    assert client.get("/numbers/export.pdf").status_code == 404


def test_a_producer_sees_its_own_figures_alone(case: CaseHome, client_of: Clients) -> None:
    filed(case, 1)
    filed(case, 2, agency=OTHER, fonds="T002")
    mine = client_of(case.home, "producer", MINE)
    told = json.dumps(mine.get("/numbers/export.json").json())
    assert MINE in told and OTHER not in told and "T002" not in told
    assert OTHER not in mine.get("/numbers?counted=1").text
    assert client_of(case.home, "producer", "gone").get("/numbers/export.json").status_code == 404


def test_a_declaration_that_cannot_be_read_is_told(case: CaseHome, client_of: Clients) -> None:
    (case.home.config / "closed-cases.json").write_text("{", "utf-8")
    answer = client_of(case.home, "operator").get("/numbers?counted=1")
    assert answer.status_code == 422 and "closed-cases.json" in answer.text


def test_before_any_night_it_says_so(case: CaseHome, client_of: Clients) -> None:
    page = client_of(case.home, "reviewer").get("/numbers?counted=1").text
    assert "还没有办件" in page and "没有导入馆藏目录" in page
