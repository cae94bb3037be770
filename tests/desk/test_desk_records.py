"""Records at the desk: every condition finds what it says, nobody sees more than they may, nothing hostile is run."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import httpx
import openpyxl
import pytest
import sqlalchemy as sa
from desk_sessions import DeskClient

from desk.records import export
from ingest.ledger import Ledger
from ingest.ledger.tables import event, record, record_finding, saved_view
from ingest.model import State
from ingest.settings import Home

Clients = Callable[..., DeskClient]


def rows(home: Home, *where: sa.ColumnElement[bool]) -> list[dict[str, object]]:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        return [dict(r) for r in conn.execute(sa.select(record).where(*where).order_by(record.c.entered)).mappings()]


def found(page: httpx.Response) -> list[str]:
    """The ids of the records that a page lists."""
    assert page.status_code == 200, page.text
    return re.findall(r'href="/records/([0-9a-f]{24})"', page.text)


def every(client: DeskClient, query: dict[str, str]) -> list[str]:
    """The ids of all parts of a list."""
    out, address = [], client.get("/records", params=query)
    while True:
        out += found(address)
        following = re.search(r'href="([^"]+)" rel="next"', address.text)
        if not following:
            return out
        address = client.get(following[1].replace("&amp;", "&"))


def test_all_records_stand_newest_first_in_parts(told_home: Home, desk_client: Clients) -> None:
    expected = [r["id"] for r in rows(told_home)][::-1]
    assert len(expected) > 50
    assert every(desk_client("operator"), {}) == expected


def test_every_condition_finds_exactly_what_it_says(told_home: Home, desk_client: Clients) -> None:
    client = desk_client("operator")
    one = rows(told_home, record.c.archival_code.is_not(None))[0]
    conditions = {
        "case_no": (one["case_no"], record.c.case_no == one["case_no"]),
        "archival_code": (str(one["archival_code"])[:12], record.c.archival_code.like(f"{str(one['archival_code'])[:12]}%")),
        "electronic_record_code": (one["electronic_record_code"], record.c.electronic_record_code == one["electronic_record_code"]),
        "matter": (one["matter_code"], record.c.matter_code == one["matter_code"]),
        "agency": (one["agency"], record.c.agency == one["agency"]),
        "state": ("rejected", record.c.state == "rejected"),
        "came_from": ("2026-11-20", sa.true()),
        "came_to": ("2026-11-19", sa.false()),
        "closed_from": (one["closed_on"], record.c.closed_on >= one["closed_on"]),
        "closed_to": (one["closed_on"], record.c.closed_on <= one["closed_on"]),
    }  # fmt: skip
    for name, (value, where) in conditions.items():
        expected = {r["id"] for r in rows(told_home, where)}
        assert set(every(client, {name: str(value)})) == expected, name
        assert expected or name == "came_to", name
    both = every(client, {"agency": str(one["agency"]), "state": "rejected"})
    assert set(both) == {
        r["id"] for r in rows(told_home, record.c.agency == one["agency"], record.c.state == "rejected")
    }


def test_the_box_understands_what_is_pasted(told_home: Home, desk_client: Clients) -> None:
    client = desk_client("operator")
    one = rows(told_home, record.c.archival_code.is_not(None))[3]
    same = [r["id"] for r in rows(told_home, record.c.case_no == one["case_no"])]
    for pasted in (one["case_no"], one["archival_code"], one["electronic_record_code"], f"  {one['archival_code']} "):
        assert one["id"] in found(client.get("/records", params={"q": str(pasted)})), pasted
    assert set(found(client.get("/records", params={"q": str(one["case_no"])}))) == set(same)
    with Ledger(told_home.database_url) as ledger, ledger.read() as conn:
        code = str(conn.execute(sa.select(record_finding.c.code)).scalars().first())
        by_code = set(conn.execute(sa.select(record.c.id).join(record_finding, record_finding.c.entered == record.c.entered).where(
            record_finding.c.code == code)).scalars())  # fmt: skip
    assert set(every(client, {"q": code.lower()})) == set(every(client, {"finding": code})) == by_code


def person(home: Home) -> tuple[dict[str, object], dict[str, str]]:
    """An archived record of a natural person, and the person as the source's own metadata has it."""
    for row in rows(home, record.c.state == "acknowledged"):
        path = home.inbox / str(row["agency"]) / str(row["delivery"]) / "case.json"
        case = json.loads(path.read_bytes())["case"] if path.exists() else {}
        if case.get("applicant", {}).get("kind", {}).get("code") == "1":
            return row, case["applicant"]
    raise AssertionError("the sample night has no person")


def test_a_name_that_is_typed_stands_in_no_address_and_no_view(own_home: Home, client_of: Clients) -> None:
    row, applicant = person(own_home)
    client = client_of(own_home, "archivist", name="anna")
    for form in (
        {"q": applicant["name"]},
        {"applicant": applicant["id_no"]},
        {"q": f"办件 {applicant['name']}", "state": "acknowledged"},
    ):
        answer = client.submit("/records/find", form)
        address = answer.headers["location"]
        assert answer.status_code == 303 and applicant["id_no"] not in address
        assert quote(applicant["name"]) not in address and "person=" in address
        assert row["id"] in found(client.get(address)), form
    assert client.submit("/records/find", {"q": "办件 没有此人"}).headers["location"] == "/records?" + urlencode(
        {"q": "办件 没有此人"}
    )
    nobody = client.submit("/records/find", {"applicant": "没有此人"}).headers["location"]
    assert found(client.get(nobody)) == [] and found(client.get("/records", params={"person": "no digest"})) == []
    client.submit("/records/views", {"name": "某人", "query": urlencode({"applicant": applicant["name"]})})
    with Ledger(own_home.database_url) as ledger, ledger.read() as conn:
        kept = str(conn.execute(sa.select(saved_view.c.query)).all())
    assert "person=" in kept and quote(applicant["name"]) not in kept and applicant["name"] not in kept


def test_an_applicant_is_found_by_name_or_number_and_shown_masked(told_home: Home, desk_client: Clients) -> None:
    row, applicant = person(told_home)
    client = desk_client("archivist")
    for query in ({"q": applicant["name"]}, {"applicant": applicant["name"]}, {"applicant": applicant["id_no"]}):
        page = client.get("/records", params=query)
        assert row["id"] in found(page), query
        listed = page.text[page.text.index('id="found"') :]
        listed = re.sub(r'<input type="hidden"[^>]*>', "", listed)
        assert applicant["name"] not in listed and applicant["id_no"] not in listed
        assert applicant["name"][0] + "***" in listed
    assert found(client.get("/records", params={"applicant": applicant["name"][:-1]})) == []


@pytest.mark.parametrize(
    "text", ["%", "_", "'", '"', "\x00", "' OR '1'='1", "x" * 5000, "<script>alert(1)</script>", "😀", "*", "NOT", "a AND b",
             "{{7*7}}", "\\", "(", "关于\x00办件", "．．．"],
)  # fmt: skip
def test_hostile_texts_find_nothing_and_break_nothing(desk_client: Clients, text: str) -> None:
    client = desk_client("operator")
    for name in ("q", "case_no", "archival_code", "applicant", "matter", "title", "agency", "finding"):
        page = client.get("/records", params={name: text})
        assert page.status_code == (400 if "\x00" in text else 200)  # NUL is refused before any route
        assert "<script>alert" not in page.text and "49" not in re.findall(r'value="([^"]*)"', page.text)
    for name in ("came_from", "state"):
        assert client.get("/records", params={name: text}).status_code == (400 if "\x00" in text else 422)
    assert client.get("/records", params={"after": text[:100]}).status_code == 400


def test_a_producer_sees_its_own_agency_and_no_other_by_any_way(told_home: Home, desk_client: Clients) -> None:
    agencies = sorted({str(r["agency"]) for r in rows(told_home)})
    own, other = agencies[0], agencies[1]
    client = desk_client("producer", own)
    assert set(every(client, {})) == {r["id"] for r in rows(told_home, record.c.agency == own)}
    foreign = rows(told_home, record.c.agency == other, record.c.archival_code.is_not(None))[0]
    for query in ({"agency": other}, {"q": str(foreign["case_no"])}, {"archival_code": str(foreign["archival_code"])}):
        assert found(client.get("/records", params=query)) == [], query
    for address in (f"/records/{foreign['id']}", f"/records/{foreign['id']}/papers"):
        assert client.get(address).status_code == 404
    exported = client.submit("/records/export", {"form": "csv", "query": ""}).content.decode("utf-8-sig")
    assert {line[5] for line in csv.reader(io.StringIO(exported))} - {"机构"} == {own}
    assert client.submit(f"/records/{foreign['id']}/unmask", {"reason": "x"}).status_code == 403


def test_a_view_is_kept_by_one_person_for_that_person(own_home: Home, client_of: Clients) -> None:
    anna, bert = client_of(own_home, "operator", name="anna"), client_of(own_home, "operator", name="bert")
    kept = anna.submit("/records/views", {"name": "退回的 <b>", "query": "state=rejected"})
    assert (kept.status_code, kept.headers["location"]) == (303, "/records?state=rejected")
    assert "退回的 &lt;b&gt;" in anna.get("/records").text and "退回的" not in bert.get("/records").text
    bert.submit("/records/views/forget", {"name": "退回的 <b>"})
    assert "退回的" in anna.get("/records").text
    anna.submit("/records/views/forget", {"name": "退回的 <b>"})
    assert "退回的" not in anna.get("/records").text
    assert anna.submit("/records/views", {"name": " ", "query": "q=1"}).status_code == 422
    assert anna.post("/records/views", data={"name": "x"}).status_code == 403  # no token


def events(home: Home, kind: str) -> list[dict[str, object]]:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        return [
            json.loads(r)
            for r in conn.execute(sa.select(event.c.detail).where(event.c.kind == kind).order_by(event.c.seq)).scalars()
        ]


def test_an_export_has_what_the_search_shows_and_is_an_event(own_home: Home, client_of: Clients) -> None:
    row, applicant = person(own_home)
    client = client_of(own_home, "auditor", name="anna")
    answer = client.submit("/records/export", {"form": "csv", "query": "state=rejected&q=办件"})
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    shown = every(client, {"state": "rejected", "q": "办件"})
    assert len(lines) - 1 == len(shown) > 3
    told = events(own_home, "exported")[-1]
    assert (told["by"], told["form"], told["rows"]) == ("anna", "csv", len(shown))
    book = openpyxl.load_workbook(
        io.BytesIO(
            client.submit("/records/export", {"form": "xlsx", "query": f"applicant={applicant['name']}"}).content
        )
    )
    values = [[cell.value for cell in line] for line in book.worksheets[0].iter_rows()]
    assert row["case_no"] in [v[0] for v in values]
    assert applicant["name"] not in str(values) and applicant["id_no"] not in str(values)
    assert applicant["name"] not in json.dumps(events(own_home, "exported"), ensure_ascii=False)


def spoil(home: Home, record_id: object, **columns: object) -> None:
    with Ledger(home.database_url) as ledger, ledger.begin() as tx:
        tx.move(str(record_id), list(State), State.HELD, "held", **columns)


HOSTILE = ['=HYPERLINK("http://x")', "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1"]


def test_no_cell_of_an_export_is_a_formula(own_home: Home, client_of: Clients) -> None:
    client = client_of(own_home, "operator")
    records = rows(own_home)[: len(HOSTILE)]
    for row, text in zip(records, HOSTILE, strict=True):
        spoil(own_home, row["id"], title=text, title_masked=None, applicant=text)
    answer = client.submit("/records/export", {"form": "csv", "query": "state=held"})
    for line in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")):
        for cell in line:
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝")), cell
    book = openpyxl.load_workbook(
        io.BytesIO(client.submit("/records/export", {"form": "xlsx", "query": "state=held"}).content)
    )
    cells = [cell for line in book.worksheets[0].iter_rows() for cell in line if cell.value]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert {export.safe(text) for text in HOSTILE if text.isprintable()} <= {cell.value for cell in cells}


def test_what_stands_in_the_ledger_is_text_on_the_page(own_home: Home, client_of: Clients) -> None:
    evil = "<img src=x onerror=alert(1)>"
    row = rows(own_home, record.c.archival_code.is_not(None))[0]
    spoil(own_home, row["id"], title=evil, title_masked=None, applicant=evil, case_no=evil, matter_code=evil, delivery=evil,
          filing={**row["filing"], "why": evil, "open_reasons": [evil]},
          findings=[{"code": "RCV-NAME-TWIN", "severity": "reject", "nature": "integrity", "path": evil, "field": evil,
                     "params": {"other": evil}},
                    *[{"code": "RCV-NEW-VERSION", "severity": "info", "nature": "integrity", "path": evil, "params": {}}] * 2,
                    {"code": "NO-SUCH-CODE", "severity": "info", "nature": "safety", "zh": evil, "en": evil}])  # fmt: skip
    client = client_of(own_home, "archivist")
    for address in ("/records", f"/records/{row['id']}", f"/records/{row['id']}/papers"):
        page = client.get(address)
        assert page.status_code == 200 and "<img src=x" not in page.text
    assert "&lt;img" in client.get(f"/records/{row['id']}").text
