"""The register at the desk: an inspector's finding walks to its closing through pages, by the right people only."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_cases import MINE, OTHER, CaseHome
from desk_sessions import DeskClient
from openpyxl import load_workbook

from ingest.inspection import book
from ingest.inspection.model import Item, Status

RAISE = {
    "problem": "=未建立应急预案<script>", "inspector": "省档案局", "inspected": "测试局", "demand": "建立并演练", "due": "2020-12-31",
    "year": "2026", "level": "high", "agency": MINE,
}  # fmt: skip
Clients = Callable[..., DeskClient]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseHome]:
    made = CaseHome(tmp_path / "home")
    yield made
    made.ledger.close()


@pytest.fixture
def raised(case: CaseHome, client_of: Clients) -> str:
    """The address of a finding that archivist 甲 entered."""
    answer = client_of(case.home, "archivist", name="甲").submit("/inspection", RAISE)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def item(case: CaseHome) -> Item:
    with case.ledger.read() as conn:
        (found,) = book.listing(conn, book.Asked())
    return found


def act(client: DeskClient, case: CaseHome, where: str, what: str, **fields: str) -> int:
    return client.submit(f"{where}/{what}", {"seen": item(case).step, **fields}).status_code


def mended(client: DeskClient, case: CaseHome, where: str) -> None:
    assert act(client, case, where, "measure", measure="写预案", responsible="张三", due="2026-12-01") == 303
    form = {"seen": item(case).step, "progress": "已印发", "text": "测编〔2026〕1号"}
    files = {"file": ("../报告.html", b"<script>alert(1)</script>", "text/html")}
    assert client.submit(f"{where}/done", form, files=files).status_code == 303


def test_a_finding_walks_to_its_closing_in_both_languages(case: CaseHome, raised: str, client_of: Clients) -> None:
    archivist, reviewer = client_of(case.home, "archivist", name="甲"), client_of(case.home, "reviewer", name="乙")
    page = archivist.get(raised).text
    assert "=未建立应急预案&lt;script&gt;" in page and "逾期" in page
    mended(archivist, case, raised)
    assert "验收销账" not in archivist.get(raised).text and "验收销账" in reviewer.get(raised).text
    assert act(reviewer, case, raised, "close", remark="属实") == 303
    assert item(case).closed_by == "乙"
    reviewer.submit("/language", {"to": "en"})
    page = reviewer.get(raised).text
    assert "Open again" in page and "mended" in page and "desk:乙" in page
    assert case.kinds("inspection_") == [
        "inspection_raised",
        "inspection_measure",
        "inspection_done",
        "inspection_closed",
    ]
    assert [d["via"] for d in case.details("inspection_closed")] == ["desk:乙"]


def test_who_mended_it_cannot_close_it_even_as_administrator(case: CaseHome, raised: str, client_of: Clients) -> None:
    one = client_of(case.home, "administrator", name="甲")
    mended(one, case, raised)
    answer = one.submit(f"{raised}/close", {"seen": item(case).step, "remark": "属实"})
    assert answer.status_code == 422 and "另一人" in answer.text
    assert act(client_of(case.home, "administrator", name="丙"), case, raised, "close", remark="属实") == 303


def test_a_form_sent_twice_acts_once_and_a_stale_one_is_told(case: CaseHome, raised: str, client_of: Clients) -> None:
    client, form = client_of(case.home, "archivist"), {"seen": item(case).step, "measure": "写", "responsible": "张三"}
    assert client.submit(f"{raised}/measure", form).status_code == 303
    again = client.submit(f"{raised}/measure", form)
    assert again.status_code == 409 and "新的处理" in again.text
    assert case.kinds("inspection_") == ["inspection_raised", "inspection_measure"]


@pytest.mark.parametrize(
    ("role", "refused"),
    [("operator", {"measure", "close"}), ("auditor", {"measure", "close"}), ("reviewer", {"measure"}),
     ("archivist", {"close"}), (None, {"measure", "close"})],
)  # fmt: skip
def test_only_the_right_role_acts(
    case: CaseHome, raised: str, client_of: Clients, role: str, refused: set[str]
) -> None:
    client = client_of(case.home, role)
    token = {"csrf": client_of(case.home, role).token()} if role else {}
    for what in refused:
        assert act_status(client, f"{raised}/{what}", token) in (401, 403)
        assert what == "close" or f"{raised}/{what}" not in client.get(raised).text
    assert item(case).status is Status.OPEN


def act_status(client: DeskClient, where: str, token: dict[str, str]) -> int:
    if token:
        return client.submit(where, {"seen": "1", "measure": "x", "responsible": "y", "remark": "z"}).status_code
    return client.post(where, headers={"Origin": "http://127.0.0.1"}).status_code


def test_without_the_forms_token_nothing_happens(case: CaseHome, raised: str, client_of: Clients) -> None:
    client = client_of(case.home, "archivist")
    form = {"seen": str(item(case).step), "measure": "写", "responsible": "张三"}
    assert client.post(f"{raised}/measure", data=form, headers={"Origin": "http://127.0.0.1"}).status_code == 403
    assert (
        client.post(
            f"{raised}/measure", data=form | {"csrf": client.token()}, headers={"Origin": "http://evil.test"}
        ).status_code
        == 403
    )
    assert item(case).status is Status.OPEN


def test_a_producer_sees_its_own_findings_alone(case: CaseHome, raised: str, client_of: Clients) -> None:
    mended(client_of(case.home, "archivist"), case, raised)
    sha256 = item(case).evidence[-1].sha256
    mine, other = client_of(case.home, "producer", MINE), client_of(case.home, "producer", OTHER)
    assert mine.get(raised).status_code == 200 and other.get(raised).status_code == 404
    assert "应急预案" in mine.get("/inspection").text and "应急预案" not in other.get("/inspection?show=all").text
    assert other.get(f"{raised}/evidence/{sha256}").status_code == 404
    file = mine.get(f"{raised}/evidence/{sha256}")
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment") and file.content.startswith(b"<script>")
    assert mine.get(f"{raised}/evidence/{'0' * 64}").status_code == 404


def test_the_register_is_listed_filtered_and_exported(case: CaseHome, raised: str, client_of: Clients) -> None:
    client = client_of(case.home, "auditor")
    assert "应急预案" in client.get("/inspection?show=overdue&level=high&kind=inspection").text
    assert "没有这样的问题" in client.get("/inspection?status=closed").text
    assert "应急预案" in client.get("/inspection?status=&kind=&level=&show=").text  # as the filter's form sends it
    assert client.get("/inspection?status=nonsense").status_code == 422
    for hostile in ("/inspection/99999999999999999999", "/inspection?show=%00", "/inspection?after=" + "x" * 300):
        assert client.get(hostile).status_code in (400, 422), hostile
    sheet = client.get("/inspection/export.xlsx")
    cells = [c.value for row in load_workbook(io.BytesIO(sheet.content)).worksheets[0].iter_rows() for c in row]
    assert "监督检查整改台账" in cells and any("=未建立" in str(c) for c in cells)
    assert client.get("/inspection/export.pdf").content[:4] == b"%PDF"
    assert client.get("/inspection/export.exe").status_code == 404
    assert client.get("/inspection/999").status_code == 404


def test_hazards_are_looked_for_at_a_press(case: CaseHome, client_of: Clients) -> None:
    client = client_of(case.home, "archivist")
    page = client.submit("/inspection/scan").text
    assert "未能检查" in page and "HAZ-FEW-COPIES" in page  # no store is configured: it says so
    listed = client.get("/inspection").text
    assert "没有施行的“三合一”制度" in listed
    assert len(re.findall(r"T00[12]（", listed)) == 2
    client.submit("/inspection/scan")
    assert len(case.kinds("inspection_raised")) == 2


def test_what_makes_no_day_is_told(case: CaseHome, client_of: Clients) -> None:
    answer = client_of(case.home, "archivist").submit("/inspection", RAISE | {"due": "2026-02-30"})
    assert answer.status_code == 422 and "不是日期" in answer.text
    assert client_of(case.home, "archivist").submit("/inspection", RAISE | {"problem": " "}).status_code == 422
    assert case.kinds("inspection_") == []
