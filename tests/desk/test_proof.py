"""A flipped byte, an edited ledger row and a forged package are each seen, with what is wrong and where."""

from __future__ import annotations

import hashlib
import json

import pytest
from proof_home import ProofHome, bad, forge, marked

from ingest.cli import main
from ingest.ledger import Ledger, copies, verifications
from ingest.proof.prove import digest
from sip import canonical
from sip.commit import commit_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def p(harmed: ProofHome) -> ProofHome:
    return harmed


def test_a_sound_record_is_good_with_evidence_for_every_part(p: ProofHome) -> None:
    row = p.take()
    said = p.prove(row)
    assert bad(said) == {} and said["outcome"] == "good"
    parts = {part["part"]: part["evidence"] for part in said["parts"]}
    assert list(parts) == ["copies", "manifest", "signatures", "ledger", "chain"]
    assert {(e["code"], e["where"]) for e in parts["copies"]} >= {
        (code, name) for name in ("main", "second") for code in ("COPY-LEDGER", "COPY-CHAIN", "COPY-MARK")
    }
    assert all(
        e["expected"] == e["found"] == row["package_sha256"] for e in parts["copies"] if e["code"] == "COPY-CHAIN"
    )
    assert [e["code"] for e in parts["manifest"]] == ["PKG-VALID"]
    assert parts["signatures"][0]["code"] == "EVI-SAME"
    assert {e["code"] for e in parts["ledger"]} == {"LEDGER-CHAIN", "LEDGER-PACKAGE", "LEDGER-NUMBER"}
    assert {"CHAIN-WHOLE", "HEAD-SIGNED", "CHAIN-PACKAGE", "HEAD-COPY"} <= {e["code"] for e in parts["chain"]}
    # kept as it was told, its digest in the chain
    with Ledger(p.home.database_url) as ledger, ledger.read() as conn:
        kept = verifications.by_digest(conn, digest(said))
    assert kept is not None and kept["id"] == said["id"]
    assert main(["prove", row["archival_code"], "--as", "审计员甲", "--home", str(p.home.root)]) == 0
    assert json.loads(kept["document"]) == said and kept["document"].encode() == canonical.dumps(said)


def test_a_flipped_byte_in_a_replica_is_named_with_replica_and_member(
    p: ProofHome, capsys: pytest.CaptureFixture[str]
) -> None:
    row = p.take()
    p.flip("second", row["object_key"], p.get("second", row["object_key"]).index(b"%PDF-") + 700)
    found = bad(p.prove(row))
    assert set(found) == {"copies", "manifest"}
    wrong = {e["code"]: e for e in found["copies"]}
    assert set(wrong) == {"COPY-LEDGER", "COPY-CHAIN", "COPY-MARK"}
    assert all(e["where"] == "second" and row["package_sha256"] in (e["expected"], e["found"]) for e in wrong.values())
    members = {e["where"].partition(" · ")[2] for e in found["manifest"] if e["code"] == "PKG-DIGEST"}
    assert len(members) == 1 and members.pop().startswith("data/")
    assert all(e["where"].startswith("second") for e in found["manifest"])
    with Ledger(p.home.database_url) as ledger, ledger.read() as conn:
        states = {c["replica"]: c["state"] for c in copies.of_key(conn, row["object_key"])}
    assert states == {"main": "proved", "second": "damaged"}
    assert list((p.home.root / "alerts").glob("PROOF-FAILED-*.json"))
    capsys.readouterr()
    assert main(["prove", row["object_key"], "--as", "审计员甲", "--home", str(p.home.root)]) == 1
    assert "COPY-CHAIN  second" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "places"),
    [
        ("title = '另一题名', case_no = 'X' || case_no", {"record.title", "record.case_no"}),
        ("package_sha256 = upper(package_sha256), receipt_code = 3", {"record.package_sha256", "record.receipt_code"}),
        ("filing = json_set(filing, '$.retention_code', 'D99')", {"record.filing/retention_code"}),
    ],
)
def test_an_edited_row_is_named_with_column_and_both_values(p: ProofHome, edit: str, places: set[str]) -> None:
    row = p.take()
    p.sql(f"update record set {edit} where id = :id", id=row["id"])
    found = bad(p.prove(row))
    assert set(found) == {"ledger"}  # nothing else is blamed
    told = {e["where"]: e for e in found["ledger"]}
    assert places <= set(told)
    for place in places:
        assert told[place]["expected"] != told[place]["found"] and told[place]["by"].startswith(
            ("事件 event #", "包与")
        )


def test_an_edited_event_is_named_even_where_the_row_was_edited_with_it(p: ProofHome) -> None:
    row = p.take()
    was, other = row["package_sha256"], "f" * 64
    swap = "update event set detail = replace(detail, :was, :now) where record_id = :id"
    p.sql(swap, was=was, now=other, id=row["id"])
    p.sql("update record set package_sha256 = :now where id = :id", now=other, id=row["id"])
    try:
        found = bad(p.prove(row))
    finally:
        p.sql(swap, was=other, now=was, id=row["id"])
    broken = [e for e in found["chain"] if e["code"] == "CHAIN-DIGEST"]
    assert broken and broken[0]["where"].startswith("事件 event #")
    assert "COPY-CHAIN" in {e["code"] for e in found["copies"]}  # the bytes are not what the forged event says


def test_a_forged_package_is_seen_though_it_is_valid_by_itself(p: ProofHome) -> None:
    row = p.take()
    key, title = row["object_key"], row["title"].encode()
    fake = forge(p.get("second", key), lambda path, data: data.replace(title, b"x" * len(title)))
    p.put("second", key, fake)
    p.put("second", commit_key(key), marked(p.get("second", commit_key(key)), fake))
    found = bad(p.prove(row))
    wrong = {e["code"]: e for e in found["copies"]}
    assert set(wrong) == {"COPY-LEDGER", "COPY-CHAIN"}  # its mark was forged with it
    assert all(e["where"] == "second" and e["found"] == hashlib.sha256(fake).hexdigest() for e in wrong.values())
    assert "manifest" not in found  # valid by itself


def test_a_package_put_over_the_deposited_one_is_seen(p: ProofHome) -> None:
    row = p.take()
    key = row["object_key"]
    fake = forge(p.get("main", key), lambda path, data: data + b" " if path.startswith("data/") else data)
    p.put("main", key, fake)
    (hidden,) = bad(p.prove(row))["copies"]  # below it stands what was deposited
    assert hidden["code"] == "FIX-HIDDEN" and hidden["where"].startswith("main")
    assert hashlib.sha256(fake).hexdigest() in hidden["found"]


def test_what_the_ledger_never_heard_of_and_what_is_gone(p: ProofHome) -> None:
    row = p.take()
    forged = row["object_key"].replace("/v1.zip", "/v9.zip")
    p.put("second", forged, p.get("second", row["object_key"]))
    p.s3.delete_object(Bucket="second", Key=row["object_key"])
    found = bad(p.prove(row))
    assert {(e["code"], e["where"]) for e in found["copies"]} == {
        ("COPY-STRANGER", f"second · {forged}"), ("FIX-MISSING", "second"),
    }  # fmt: skip
    with pytest.raises(KeyError):
        p.prove({"id": "no such record"})
