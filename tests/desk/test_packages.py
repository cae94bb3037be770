"""The auditor's pages: the manifest from the store itself, one member without the rest, and what is wrong told on the page."""

from __future__ import annotations

import contextlib
import hashlib
import html
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pypdfium2
import pytest
import sqlalchemy as sa
import zxingcpp
from botocore.exceptions import ClientError, EndpointConnectionError
from desk_sessions import DeskClient
from proof_home import ProofHome, forge, marked

from ingest.ledger import Ledger
from ingest.ledger.tables import event
from ingest.store.reading import readers
from sip.commit import commit_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Client = Callable[..., DeskClient]


@pytest.fixture
def auditor(harmed: ProofHome, client_of: Client) -> DeskClient:
    return client_of(harmed.home, "auditor", name="审计员甲")


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text[:500]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def events(p: ProofHome, record_id: str, *kinds: str) -> list[Mapping[str, Any]]:
    with Ledger(p.home.database_url) as ledger, ledger.read() as conn:
        rows = conn.execute(
            sa.select(event).where(event.c.record_id == record_id, event.c.kind.in_(kinds)).order_by(event.c.seq)
        )
        return [{"kind": r.kind, **json.loads(r.detail)} for r in rows]


def verified(client: DeskClient, record_id: str) -> httpx.Response:
    """Verify now, and wait on the page as a browser does."""
    begun = client.submit(f"/packages/{record_id}/verify")
    assert begun.status_code == 303
    for _ in range(600):
        part = client.get(begun.headers["location"], headers={"HX-Request": "true"})
        if part.status_code == 204:
            assert part.headers["HX-Refresh"] == "true"
            return client.get(begun.headers["location"])
        assert 'id="progress"' in part.text and "hx-get" in part.text, part.text
        time.sleep(0.2)
    raise AssertionError("it never ended")


def package(p: ProofHome, row: Mapping[str, Any]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(p.get("main", row["object_key"])))


def test_the_manifest_is_read_from_the_store_and_every_look_is_an_event(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    page = text_of(auditor.get(f"/packages/{row['id']}"))
    with package(harmed, row) as z:
        for line in z.read(next(n for n in z.namelist() if n.endswith("/manifest-sm3.txt"))).decode().splitlines():
            digest, _, path = line.partition("  ")
            assert digest in page and path in page
        sizes = {i.filename.partition("/")[2]: i.file_size for i in z.infolist()}
    assert all(f"{size:,}" in page for size in sizes.values())
    assert row["package_sha256"] in page and "只读密钥" in page and "tagmanifest-sha256.txt" in page
    assert page.count("在库") == 2 * len(sizes)  # in both replicas
    auditor.get(f"/packages/{row['id']}")
    premis = text_of(auditor.get(f"/packages/{row['id']}/premis"))
    assert "information package creation" in premis and "ingestion start" in premis and row["content_digest"] in premis
    looks = events(harmed, row["id"], "looked")
    assert [(e["by"], e["what"]) for e in looks] == [("审计员甲", "manifest"), ("审计员甲", "premis")]
    # found by number, and in English
    for name in (row["archival_code"], row["electronic_record_code"], row["object_key"], row["id"]):
        found = auditor.get("/packages", params={"name": name})
        assert found.headers["location"].endswith(f"/packages/{row['id']}")
    auditor.submit("/language", {"to": "en"})
    assert "Verify now" in auditor.get(f"/packages/{row['id']}").text


def test_members_are_shown_drawn_anew_or_as_text_and_downloaded_as_they_are(
    harmed: ProofHome, auditor: DeskClient
) -> None:
    row = harmed.take()
    at = f"/packages/{row['id']}"
    with package(harmed, row) as z:
        members = {n.partition("/")[2]: z.read(n) for n in z.namelist()}
    pdf = next(p for p in members if p.endswith(".pdf"))
    shown = auditor.get(f"{at}/member", params={"path": pdf})
    assert hashlib.sha256(members[pdf]).hexdigest() in shown.text and "摘要已核对" in shown.text
    picture = re.search(r'<img class="drawn" src="([^"]+)"', shown.text)
    assert picture
    png = auditor.get(html.unescape(picture[1]))
    assert png.headers["content-type"] == "image/png" and png.content.startswith(b"\x89PNG")
    assert "sandbox" in png.headers["content-security-policy"] and png.headers["x-content-type-options"] == "nosniff"
    record = text_of(auditor.get(f"{at}/member", params={"path": "metadata/record.json"}))
    assert row["archival_code"] in record
    assert "<premis" in html.unescape(auditor.get(f"{at}/member", params={"path": "metadata/premis.xml"}).text)
    for path, data in members.items():
        got = auditor.get(f"{at}/download", params={"path": path})
        assert got.content == data and got.headers["content-type"] == "application/octet-stream"
        assert (
            got.headers["content-disposition"].startswith('attachment; filename="')
            and "sandbox" in got.headers["content-security-policy"]
        )
    for answer in (
        auditor.get(f"{at}/member", params={"path": "data/../../etc/passwd"}),
        auditor.get(f"{at}/download", params={"path": "nothing"}),
        auditor.get(at, params={"replica": "third"}),
        auditor.get("/packages/nothing"),
    ):
        assert answer.status_code == 404
    whats = [e["what"] for e in events(harmed, row["id"], "looked")]
    assert whats.count(f"member:{pdf}") == 1 and f"download:{pdf}" in whats  # page and picture are one look


def test_a_flipped_byte_is_seen_on_the_page_and_never_handed_out(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    at, key = f"/packages/{row['id']}", row["object_key"]
    data = harmed.get("second", key)
    offset = data.index(b"%PDF-") + 700
    with package(harmed, row) as z:
        pdf = next(
            i.filename.partition("/")[2]
            for i in sorted(z.infolist(), key=lambda i: -i.header_offset)
            if i.header_offset < offset
        )
        good = z.read(next(n for n in z.namelist() if n.endswith(pdf)))
    harmed.flip("second", key, offset)
    # the member
    member = text_of(auditor.get(f"{at}/member", params={"path": pdf, "replica": "second"}))
    wrong = hashlib.sha256(
        bytearray(good[: (n := offset - data.index(good))]) + bytes([good[n] ^ 1]) + good[n + 1 :]
    ).hexdigest()
    assert "此文件与清单不符，未显示" in member and hashlib.sha256(good).hexdigest() in member and wrong in member
    assert auditor.get(f"{at}/page/1.png", params={"path": pdf, "replica": "second"}).status_code == 409
    with pytest.raises(Exception, match=re.escape(pdf)):  # the connection breaks before the end
        auditor.get(f"{at}/download", params={"path": pdf, "replica": "second"})
    assert auditor.get(f"{at}/download", params={"path": pdf, "replica": "main"}).content == good
    (told,) = events(harmed, row["id"], "member_mismatch")
    assert (told["replica"], told["member"], told["found"]) == ("second", pdf, wrong)
    # side by side
    sides = text_of(auditor.get(f"{at}/compare"))
    assert "两个副本不同" in sides and f"{offset:,}" in sides and pdf in sides and "共 1 字节不同" in sides
    # verified
    page = text_of(verified(auditor, row["id"]))
    assert "发现不符" in page and "COPY-CHAIN" in page and "second（不是入库的字节" in page and pdf in page
    assert "整包不完好" in text_of(auditor.get(at))  # the ledger knows now
    assert row["archival_code"] in text_of(auditor.get("/packages"))


def test_an_edited_ledger_row_is_seen_on_the_page(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    harmed.sql("update record set retention_code = 'D99', title = '另一题名' where id = :id", id=row["id"])
    page = text_of(verified(auditor, row["id"]))
    assert "发现不符" in page and "record.retention_code" in page and "D99" in page and row["retention_code"] in page
    assert "record.title" in page and "另一题名" in page and "包与提交标记" in page


def test_a_forged_package_is_seen_on_the_page(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    key, title = row["object_key"], row["title"].encode()
    fake = forge(harmed.get("second", key), lambda path, data: data.replace(title, b"x" * len(title)))
    harmed.put("second", key, fake)
    harmed.put("second", commit_key(key), marked(harmed.get("second", commit_key(key)), fake))
    page = text_of(verified(auditor, row["id"]))
    assert "发现不符" in page and hashlib.sha256(fake).hexdigest() in page and "事件 event #" in page
    assert "两个副本不同" in text_of(auditor.get(f"/packages/{row['id']}/compare"))


def test_a_certificate_is_the_same_whenever_it_is_printed_and_is_confirmed_by_its_digest(
    harmed: ProofHome, auditor: DeskClient
) -> None:
    row = harmed.take()
    at = f"/packages/{row['id']}"
    assert auditor.get(f"{at}/certificate.pdf").status_code == 404
    result = verified(auditor, row["id"])
    digest = re.search(r"/packages/certificates/([0-9a-f]{64})\.json", result.text)
    assert digest and "未发现不符" in text_of(result)
    one, again = (auditor.get(f"{at}/certificate.pdf") for _ in range(2))
    assert one.content == again.content and one.content.startswith(b"%PDF-")
    document = auditor.get(f"/packages/certificates/{digest[1]}.json")
    assert hashlib.sha256(document.content).hexdigest() == digest[1]
    assert "由本档案系统出具" in text_of(auditor.get(f"/packages/certificates/{digest[1]}"))
    assert auditor.get("/packages", params={"name": digest[1]}).headers["location"].endswith(digest[1])
    assert auditor.get(f"/packages/certificates/{'0' * 64}").status_code == 404
    # the text on paper names the package and the digest
    with contextlib.closing(pypdfium2.PdfDocument(one.content)) as pdf:
        words = "".join(page.get_textpage().get_text_bounded() for page in pdf).replace("\r\n", "").replace("\n", "")
        drawn = pdf[0].render(scale=3).to_pil()
    assert row["package_sha256"] in words and digest[1] in words and "审计员甲" in words
    # and the code on it says the same to any reader
    (code,) = zxingcpp.read_barcodes(drawn)
    assert code.text.splitlines()[:4] == [
        "GUIDANG VERIFICATION 1.0", f"SHA256 {digest[1]}", f"PACKAGE {row['package_sha256']}", "OUTCOME good"
    ]  # fmt: skip
    # altered behind the chain's back: told, and nothing of it is shown
    harmed.sql("update verification set document = replace(document, 'good', 'bad ') where digest = :d", d=digest[1])
    assert "不可信" in text_of(auditor.get(f"/packages/certificates/{digest[1]}"))
    assert auditor.get(f"{at}/certificate.pdf").status_code == 409


def test_who_may(harmed: ProofHome, client_of: Client) -> None:
    row = harmed.take()
    at = f"/packages/{row['id']}"
    own, other = client_of(harmed.home, "producer", row["agency"]), client_of(harmed.home, "producer", "another")
    assert own.get(at).status_code == 200 and own.get(f"{at}/member", params={"path": "bagit.txt"}).status_code == 403
    assert other.get(at).status_code == other.get(f"{at}/premis").status_code == 404
    assert "台账中没有" in other.get("/packages", params={"name": row["archival_code"]}).text
    assert own.submit(f"{at}/verify").status_code == 403
    operator = client_of(harmed.home, "operator")
    assert (
        "***" in operator.get(at).text
        and operator.get(f"{at}/download", params={"path": "bagit.txt"}).status_code == 403
    )
    assert verified(operator, row["id"]).status_code == 200 and operator.get(f"{at}/certificate.pdf").status_code == 403
    assert client_of(harmed.home, "auditor").post(f"{at}/verify").status_code == 403  # no token


def test_the_same_as_json(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    at = f"/api/v1/packages/{row['id']}"
    said = auditor.get(at).json()
    assert said["sha256"] == row["package_sha256"] and {c["replica"] for c in said["copies"]} == {"main", "second"}
    part = auditor.get(f"{at}/manifest", params={"start": 2, "limit": 3, "replica": "second"}).json()
    assert part["replica"] == "second" and len(part["files"]) == 3 < part["total"]
    token = auditor.token("/packages")
    headers = {"X-CSRF-Token": token, "Origin": "http://127.0.0.1"}
    begun = auditor.post(f"{at}/verifications", headers=headers)
    assert begun.status_code == 202
    assert auditor.post(f"{at}/verifications", headers=headers).json() == begun.json()  # one at a time: joined
    for _ in range(600):
        standing = auditor.get(f"{at}/verifications/{begun.json()['id']}").json()
        if standing["state"] != "running":
            break
        time.sleep(0.2)
    assert standing["state"] == "done" and standing["document"]["outcome"] == "good"
    (kept,) = auditor.get(f"{at}/verifications").json()
    confirmed = auditor.get(f"/api/v1/certificates/{kept['digest']}").json()
    assert confirmed["unaltered"] and confirmed["chained"] and confirmed["outcome"] == "good"


def test_a_verification_that_broke_off_says_so_and_can_be_begun_again(harmed: ProofHome, auditor: DeskClient) -> None:
    row = harmed.take()
    folder = harmed.home.root / "reports" / "verification"
    folder.mkdir(parents=True, exist_ok=True)
    # as a server leaves it that was killed in the middle: its name is there, its lock is not
    (folder / f"{row['id']}.job").write_text(json.dumps({"token": "a" * 32}))
    page = auditor.get(f"/packages/{row['id']}/verify/{'a' * 32}")
    assert "这次核验中断了" in text_of(page) and "hx-get" not in page.text and "立即核验" in page.text
    assert "未发现不符" in text_of(verified(auditor, row["id"]))


def test_a_store_that_is_away_is_told_and_what_the_ledger_knows_is_shown(
    harmed: ProofHome, auditor: DeskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = harmed.take()

    def away(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr("ingest.store.objects.ObjectStore.head", away)
    page = text_of(auditor.get(f"/packages/{row['id']}"))
    assert "不能读取此包" in page and row["package_sha256"] in page and "已证明" in page
    assert auditor.get(f"/packages/{row['id']}/download", params={"path": "bagit.txt"}).status_code == 409
    assert "副本不可达" in text_of(auditor.get(f"/packages/{row['id']}/compare"))


def test_the_desk_reads_with_keys_that_cannot_write(harmed: ProofHome) -> None:
    place = readers(harmed.home)["main"]
    assert place.read_only and not readers(harmed.home)["second"].read_only
    with pytest.raises(ClientError, match="AccessDenied"):
        place.store.put_once("probe", b"x", hashlib.sha256(b"x").hexdigest(), 1, prove=False)
