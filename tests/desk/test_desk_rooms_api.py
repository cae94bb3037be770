"""The working rooms in JSON: the same answers as the pages, the same walls."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_cases import MINE, OTHER, CaseHome
from desk_sessions import DeskClient

from ingest.findings import Finding
from ingest.model import State
from ingest.paths import SCHEMAS
from ingest.review.force import open_desk

Clients = Callable[..., DeskClient]
UNKNOWN = Finding("SIG-ISSUER-UNKNOWN", path="a.pdf")


@pytest.fixture
def case(tmp_path: Path) -> CaseHome:
    made = CaseHome(tmp_path / "home")
    made.put(State.HELD, UNKNOWN, count=60)
    made.put(State.HELD, UNKNOWN, agency=OTHER)
    made.put(State.REJECTED, Finding("FMT-EMPTY", path="b.pdf"))
    made.home.schedules.mkdir(parents=True)
    shutil.copy(SCHEMAS / "schedules" / "T001-2024-V1.json", made.home.schedules)
    with open_desk(made.home):
        pass
    made.ledger.close()
    return made


def test_the_rooms_answer_in_json(case: CaseHome, client_of: Clients) -> None:
    archivist, auditor = client_of(case.home, "archivist", name="甲"), client_of(case.home, "auditor")
    archivist.submit("/queues/decide", {"action": "recheck", "record": ["b1-0|SIG-ISSUER-UNKNOWN"], "reason": "已导入"})
    archivist.submit("/inspection/scan")
    (cause,) = auditor.get("/api/v1/queues/held").json()
    assert (cause["code"], cause["records"], cause["decided"]) == ("SIG-ISSUER-UNKNOWN", 61, 1)
    assert cause["agencies"] == {MINE: 60, OTHER: 1} and "recheck" in cause["decisions"]
    first = auditor.get("/api/v1/queues/held/SIG-ISSUER-UNKNOWN").json()
    rest = auditor.get("/api/v1/queues/held/SIG-ISSUER-UNKNOWN", params={"after": first["next"]}).json()
    assert (len(first["rows"]), len(rest["rows"]), rest["next"]) == (50, 11, None)
    (decision,) = auditor.get("/api/v1/queues/decisions").json()
    assert (decision["record_id"], decision["by"]) == ("b1-0", "甲") and first["rows"][0]["decision"] == decision["id"]
    (sent,) = auditor.get("/api/v1/queues/rejected?days=3000").json()["rows"]
    assert sent["findings"][0]["code"] == "FMT-EMPTY" and sent["receipt_at"] is None
    hazard = auditor.get("/api/v1/inspection?kind=hazard").json()[0]
    assert auditor.get(f"/api/v1/inspection/{hazard['id']}").json() == hazard
    (version,) = auditor.get("/api/v1/schedules").json()
    text = auditor.get(f"/api/v1/schedules/{version['schedule_id']}/{version['version']}").json()
    assert text["schema"] == "guidang.schedule/1.0" and version["status"] == "in_force"
    assert auditor.get("/api/v1/numbers").json()["schema"] == "guidang.indicators/1.0"


def test_a_producer_gets_its_own_in_json_too(case: CaseHome, client_of: Clients) -> None:
    client_of(case.home, "archivist").submit("/inspection/scan")
    other = client_of(case.home, "producer", OTHER)
    assert other.get("/api/v1/queues/held").json()[0]["records"] == 1
    assert other.get("/api/v1/queues/rejected?days=3000").json()["rows"] == []
    assert other.get("/api/v1/schedules").json() == []
    assert other.get("/api/v1/schedules/T001-SHY/2024-V1").status_code == 404
    mine = {row["agency"] for row in other.get("/api/v1/inspection").json()}
    assert mine == {OTHER}
    for address in (
        "/api/v1/inspection/99999999999999999999",
        "/api/v1/queues/held/x?after=!",
        "/api/v1/queues/held/%00",
    ):
        assert other.get(address).status_code in (400, 404, 422), address
