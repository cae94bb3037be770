"""One record's page: its story, papers, verdicts and reasons, from wherever they stand; people hidden until somebody says why."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from desk_sessions import DeskClient

from desk.records.veil import Veil
from ingest.ledger import Ledger
from ingest.ledger.tables import event, record
from ingest.settings import Home
from ingest.store import config

Clients = Callable[..., DeskClient]


def rows(home: Home, *where: sa.ColumnElement[bool]) -> list[dict[str, object]]:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        return [dict(r) for r in conn.execute(sa.select(record).where(*where).order_by(record.c.entered)).mappings()]


def delivered(home: Home, row: dict[str, object]) -> dict[str, object]:
    case: dict[str, object] = json.loads(
        (home.inbox / str(row["agency"]) / str(row["delivery"]) / "case.json").read_bytes()
    )
    return case


def persons(home: Home) -> list[tuple[dict[str, object], dict[str, str]]]:
    out = []
    for row in rows(home, record.c.state == "acknowledged"):
        if (home.inbox / str(row["agency"]) / str(row["delivery"]) / "case.json").exists():
            applicant = delivered(home, row)["case"]["applicant"]  # type: ignore[index]
            if applicant["kind"]["code"] == "1":
                out.append((row, applicant))
    return out


def test_an_archived_record_tells_its_story_and_all_that_is_known(told_home: Home, desk_client: Clients) -> None:
    row = rows(told_home, record.c.state == "acknowledged")[0]
    client = desk_client("operator")
    page = client.get(f"/records/{row['id']}").text
    story = re.findall(r"<strong>([^<]+)</strong>", page[page.index('class="story"') :])
    assert [s[:2] for s in story if not s.startswith("向报送")] == ["在来", "接收", "四性", "归档", "封装", "存入"]
    assert story[-1] == "向报送单位发出最终回执"
    for told in (row["archival_code"], row["electronic_record_code"], row["package_sha256"], row["filing"]["why"],  # type: ignore[index]
                 row["retention_end"] or "永久", row["transfer_due"] or "", "已证明在库"):  # fmt: skip
        assert str(told) in page, told
    assert f'hx-get="/records/{row["id"]}/papers"' in page
    papers = client.get(f"/records/{row['id']}/papers", headers={"HX-Request": "true"}).text
    assert not papers.lstrip().startswith("<!doctype")
    for file in row["files"]:  # type: ignore[attr-defined]
        assert file["sha256"] in papers and file["sm3"] in papers
    for told in (
        "印章名称",
        "签署人",
        "证书链",
        "覆盖整个文件",
        "签名有效",
        "真实性",
        "GD-1-1",
        "办结时间",
        "实施编码",
        "fmt/",
    ):
        assert told in papers, told
    whole = client.get(f"/records/{row['id']}/papers").text
    assert whole.lstrip().startswith("<!doctype") and "GD-1-1" in whole and 'hx-trigger="load"' not in whole


def test_a_rejected_record_says_what_to_mend(told_home: Home, desk_client: Clients) -> None:
    client = desk_client("operator")
    for row in rows(told_home, record.c.state == "rejected"):
        page = client.get(f"/records/{row['id']}").text
        assert "如何整改" in page
        rejecting = [f for f in row["findings"] if f["severity"] == "reject"]  # type: ignore[attr-defined]
        assert rejecting and all(f["code"] in page for f in rejecting)
        assert page.count("重报") + page.count("撤下") + page.count("商定") >= 1, row["id"]


def test_both_languages_have_words_for_everything(told_home: Home, desk_client: Clients) -> None:
    client = desk_client("operator")
    client.submit("/language", {"to": "en", "back": "/records"})
    row = rows(told_home, record.c.state == "acknowledged")[0]
    page = client.get(f"/records/{row['id']}/papers").text
    for told in ("Received: every byte", "Case number", "The signature is valid", "Authenticity", "the whole file"):
        assert told in page, told


def test_people_are_hidden_until_somebody_says_why(own_home: Home, client_of: Clients) -> None:
    row, applicant = persons(own_home)[0]
    client = client_of(own_home, "archivist", name="anna")
    masked = client.get(f"/records/{row['id']}/papers").text + client.get(f"/records/{row['id']}").text
    staff = [a["name"] for a in delivered(own_home, row)["agents"] if a["type"] == "个人"]  # type: ignore[attr-defined]
    for secret in (applicant["name"], applicant["id_no"], *staff):
        assert secret not in masked
    assert applicant["name"][0] + "***" in masked
    assert client.submit(f"/records/{row['id']}/unmask", {"reason": "  "}).status_code == 422
    clear = client.submit(f"/records/{row['id']}/unmask", {"reason": "申请人来函查询"}).text
    assert applicant["name"] in clear and applicant["id_no"] in clear
    with Ledger(own_home.database_url) as ledger, ledger.read() as conn:
        told = (
            conn.execute(sa.select(event.c.detail).where(event.c.kind == "unmasked", event.c.record_id == row["id"]))
            .scalars()
            .all()
        )
    assert [json.loads(t) for t in told] == [
        {"by": "anna", "role": "archivist", "what": "record", "reason": "申请人来函查询"}
    ]
    assert "申请人来函查询" in client.get(f"/records/{row['id']}").text  # part of its story
    for role in ("operator", "producer"):
        other = client_of(own_home, role, str(row["agency"]) if role == "producer" else None)
        assert other.submit(f"/records/{row['id']}/unmask", {"reason": "x"}).status_code == 403
        assert "显示原文" not in other.get(f"/records/{row['id']}/papers").text


def test_with_the_store_away_the_ledgers_part_stands(own_home: Home, client_of: Clients) -> None:
    row = rows(own_home, record.c.state == "acknowledged")[0]
    config.save(own_home, dataclasses.replace(config.load(own_home), endpoint="http://127.0.0.1:9"))
    client = client_of(own_home, "operator")
    assert str(row["archival_code"]) in client.get(f"/records/{row['id']}").text
    page = client.get(f"/records/{row['id']}/papers")
    assert page.status_code == 200 and "暂时读不到" in page.text and str(row["archival_code"]) in page.text
    file = row["files"][0]  # type: ignore[index]
    assert file["sha256"] in page.text and Path(file["path"]).stem in page.text


def test_with_the_store_away_the_applicant_is_hidden_still(own_home: Home, client_of: Clients) -> None:
    row, applicant = persons(own_home)[0]
    files = [{**f, "path": f"申报文件/身份证_{applicant['name']}（{n}）.pdf"} for n, f in enumerate(row["files"])]  # type: ignore[arg-type,var-annotated]
    config.save(own_home, dataclasses.replace(config.load(own_home), endpoint="http://127.0.0.1:9"))
    with Ledger(own_home.database_url) as ledger, ledger.begin() as tx:
        tx.conn.execute(sa.update(record).where(record.c.id == row["id"]).values(files=files))
    page = client_of(own_home, "operator").get(f"/records/{row['id']}/papers").text
    assert applicant["name"] not in page and f"身份证_{applicant['name'][0]}***（0）.pdf" in page


def test_a_held_record_shows_its_papers_out_of_staging(told_home: Home, desk_client: Clients) -> None:
    held = rows(told_home, record.c.state == "held")
    client = desk_client("operator")
    pages = [client.get(f"/records/{row['id']}/papers").text for row in held]
    assert any("GD-1-1" in page for page in pages) and all("元数据" in page for page in pages)


def test_a_duplicate_names_the_one_that_was_taken(told_home: Home, desk_client: Clients) -> None:
    row = rows(told_home, record.c.duplicate_of.is_not(None))[0]
    client = desk_client("operator")
    assert f'href="/records/{row["duplicate_of"]}"' in client.get(f"/records/{row['id']}").text
    assert f'href="/records/{row["id"]}"' in client.get(f"/records/{row['duplicate_of']}").text


def test_no_such_record_is_said(desk_client: Clients) -> None:
    client = desk_client("operator")
    for address in ("/records/nobody", "/records/" + "x" * 500, "/records/%01", "/records/nobody/papers"):
        assert client.get(address).status_code == 404


def test_a_veil_hides_known_people_and_numbers_of_any_form() -> None:
    record_json = {"case": {"applicant": {"kind": {"code": "1"}, "name": "测试甲子", "id_no": "440103190001010011"}},
                   "agents": [{"type": "个人", "name": "测试丙申"}, {"type": "单位", "name": "某局"}]}  # fmt: skip
    veil = Veil(record_json)
    text = veil.text("测试甲子（440103190001010011）电话13800001234，经办测试丙申，某局；另一人 11010519000101002X")
    assert text == "测***（440*************11）电话138****1234，经办测***，某局；另一人 110*************2X"
    assert veil.member("/case/telephone", "13800001234") == "***" and veil.member("/case/case_no", "C1") == "C1"
    assert Veil(None).path("申报文件/测试甲子.pdf") == "申报文件/***.pdf"
    blind = Veil(None, known=lambda text: text == "测试甲子")
    assert blind.path("申报文件/02_测试甲子的身份证.pdf") == "申报文件/02_测***的身份证.pdf"
    assert blind.path("x" * 5000 + "测试") == "x" * 5000 + "测试"
    assert Veil(record_json, lifted=True).text("测试甲子") == "测试甲子"
    for hostile in (
        {},
        {"case": 1},
        {"case": {"applicant": []}, "agents": "x"},
        {"agents": [1, {"name": 5, "type": "个人"}]},
    ):
        assert Veil(hostile).text("x") == "x"
