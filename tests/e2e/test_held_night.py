"""Held records of one night leave in the next by decision, by a ruling, by new trust: no operator's script, no lost number."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from night_home import AS_OF, NightHome

import samplenight
from ingest.cli import main
from ingest.expectations import compare
from ingest.ledger import Ledger, chain
from ingest.model import State
from ingest.night import discover, ingest, run_stage
from samplenight import pdfpki, sealpki
from sip.judge import bagit_valid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FAULTS = ("version-conflict", "matter-unscheduled", "pdf-issuer-unknown", "ofd-issuer-unknown")
ISSUED = dt.datetime(2026, 11, 19, tzinfo=AS_OF.tzinfo)


def held(home: NightHome) -> dict[str, dict[str, Any]]:
    """What is held, by its code."""
    return {f["code"]: row for row in home.records() if row["state"] == "held" for f in row["findings"]
            if f["severity"] == "hold"}  # fmt: skip


def text(home: NightHome, row: dict[str, Any], name: str) -> str:
    with home.package(row) as package:
        member = next(n for n in package.namelist() if n.endswith(f"/metadata/{name}"))
        return package.read(member).decode("utf-8")


def row(home: NightHome, record: str) -> dict[str, Any]:
    return next(r for r in home.records() if r["id"] == record)


def test_every_held_record_leaves_by_decision_in_the_next_night(
    night_home: NightHome, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = night_home.home.root
    samplenight.make(root, count=2, faults=FAULTS)
    registry = root / "config/agencies.json"
    registry.write_text(
        registry.read_text("utf-8").replace('"signature_invalid"', '"held_accept": "four_eyes", "signature_invalid"')
    )
    night_home.run()
    waiting = held(night_home)
    assert set(waiting) == {"RCV-VERSION-CONFLICT", "FIL-UNSCHEDULED", "SIG-ROOT-NOT-TRUSTED", "SIG-ISSUER-UNKNOWN"}
    at, said = ["--home", str(root)], ["--by", "档案员甲", "--reason", "已与报送单位核对"]

    # a second night without any decision leaves all as it was
    ingest(night_home.home, "idle", AS_OF + dt.timedelta(days=1))
    assert {code: r["id"] for code, r in held(night_home).items()} == {code: r["id"] for code, r in waiting.items()}

    conflict, unknown = waiting["RCV-VERSION-CONFLICT"]["id"], waiting["SIG-ISSUER-UNKNOWN"]["id"]
    assert main(["held", "decide", "next_version", conflict, *said, *at]) == 0
    assert main(["held", "decide", "accept", unknown, *said, *at]) == 0
    with Ledger(night_home.home.database_url) as ledger, ledger.read() as conn:
        (decision,) = conn.exec_driver_sql("select id from held_decision where status = 'proposed'").scalars()
    assert main(["held", "confirm", str(decision), "--by", "档案员乙", *at]) == 1  # another name, the same account
    with monkeypatch.context() as other:
        other.setattr("ingest.people.account", lambda: "second")
        assert main(["held", "confirm", str(decision), "--by", "档案员乙", *at]) == 0
    (stranger,) = pdfpki.authority(ISSUED).signers["stranger"].chain
    (root / "config/trust/anchors/stranger.pem").write_bytes(stranger)
    matter = json.loads(Path(waiting["FIL-UNSCHEDULED"]["location"], "case.json").read_text("utf-8"))["case"]["matter"]
    ruling = ["--fonds", "T003", "--version", "T003-SHY/2024-V1", "--entry", "8.3"]
    assert main(["schedule", "rule", matter["implementation_code"], *ruling, *said, *at]) == 0

    third = AS_OF + dt.timedelta(days=2)
    night = ingest(night_home.home, "decided", third)
    assert (night.unfinished, night.released) == (0, {"decision": 2, "schedule": 1, "trust": 1})
    done = {code: row(night_home, r["id"]) for code, r in waiting.items()}
    assert {code: r["state"] for code, r in done.items()} == dict.fromkeys(waiting, "acknowledged")
    assert {r["as_of"] for r in done.values()} == {third.isoformat()}
    for n, record in enumerate(done.values()):
        night_home.objects.fetch(record["object_key"], tmp_path / f"{n}.zip")
        assert bagit_valid(tmp_path / f"{n}.zip", tmp_path) == []

    conflicting = done["RCV-VERSION-CONFLICT"]
    assert (conflicting["version"], conflicting["object_key"].rsplit("/")[-1]) == (2, "v2.zip")
    first = next(r for r in night_home.records() if r["case_no"] == conflicting["case_no"] and r["version"] == 1)
    assert first["archival_code"] == conflicting["archival_code"]
    assert "HLD-AS-VERSION" in text(night_home, conflicting, "checks.json")
    accepted = json.loads(text(night_home, done["SIG-ISSUER-UNKNOWN"], "checks.json"))["findings"]
    assert {f["code"]: f["severity"] for f in accepted}["SIG-ISSUER-UNKNOWN"] == "remark"
    assert next(f for f in accepted if f["code"] == "HLD-ACCEPTED")["params"]["by"] == "档案员甲、档案员乙"
    assert "档案员乙" in text(night_home, done["SIG-ISSUER-UNKNOWN"], "premis.xml")
    assert '"VALID"' in text(night_home, done["SIG-ROOT-NOT-TRUSTED"], "signatures.json")
    assert "FIL-BY-RULING" in {f["code"] for f in done["FIL-UNSCHEDULED"]["findings"]}
    assert done["FIL-UNSCHEDULED"]["filing"]["matched_by"] == "ruling"
    with Ledger(night_home.home.database_url) as ledger, ledger.read() as conn:
        assert list(chain.verify(conn)) == []

    # the night's own expectation was for the first night: what was decided since is no difference
    with Ledger(night_home.home.database_url) as ledger:
        assert compare(ledger, root / "expectations.json") == []
        with ledger.begin() as tx:
            tx.move(conflict, [State.ACKNOWLEDGED], State.HELD, "moved")
            tx.move(first["id"], [State.ACKNOWLEDGED], State.HELD, "moved")
        assert len(compare(ledger, root / "expectations.json")) == 1
        with ledger.begin() as tx:
            for record_id in (conflict, first["id"]):
                tx.move(record_id, [State.HELD], State.ACKNOWLEDGED, "moved")

    # and what the ledger knows now can be asked
    capsys.readouterr()
    assert main(["schedule", "coverage", "--day", "2026-11-22", "--json", *at]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = night_home.records()
    assert sum(f["received"] for f in told["fonds"]) == sum(f["matched"] for f in told["fonds"]) == len(rows)
    assert (told["approved"], told["agencies"]) == (3, 3) and not any(f["unscheduled"] for f in told["fonds"])
    assert main(["schedule", "due", "--transfer", "--before", "2032-01-01", "--json", *at]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [x["archival_code"] for x in listed] == sorted({r["archival_code"] for r in rows})
    assert all(x["open_reasons"].startswith("条款") and x["retention_start"] == "2027-01-01" for x in listed)


def test_returned_and_recovered(night_home: NightHome) -> None:
    """A returned record gets its receipt; one whose staging is gone is taken from the source again; a seal's root arrives."""
    root = night_home.home.root
    samplenight.make(root, count=0, faults=("ofd-issuer-unknown", "matter-unscheduled"))
    night_home.run()
    waiting = held(night_home)
    at, said = ["--home", str(root)], ["--by", "档案员甲", "--reason", "本事项不属归档范围"]
    unscheduled, unknown = waiting["FIL-UNSCHEDULED"], waiting["SIG-ISSUER-UNKNOWN"]
    assert main(["held", "decide", "return", "--cause", "FIL-UNSCHEDULED", *said, *at]) == 0
    (root / "config/trust/anchors/stranger.pem").write_bytes(sealpki.pem(stranger_root()))
    for file in (root / "staging" / unknown["batch_id"] / unknown["id"]).rglob("case.json"):
        file.unlink()
    assert ingest(night_home.home, "next", AS_OF + dt.timedelta(days=1)).unfinished == 0
    assert row(night_home, unknown["id"])["state"] == "acknowledged"
    back = row(night_home, unscheduled["id"])
    assert (back["state"], back["receipt_code"]) == ("rejected", 5)
    (receipt,) = (
        json.loads(p.read_text("utf-8")) for p in (root / "outbox").rglob(f"{unscheduled['delivery']}.receipt.json")
    )
    assert "本事项不属归档范围" in receipt["findings"][-1]["zh"] and receipt["state"] == "rejected"
    assert not any((root / "staging").rglob("case.json"))


def test_what_stands_in_the_store_is_never_touched_and_the_record_becomes_the_next_version(
    night_home: NightHome,
) -> None:
    root = night_home.home.root
    samplenight.make(root, count=1, faults=())
    (batch,) = discover("night", AS_OF, home=night_home.home)
    for stage in ("receive", "check", "file", "package"):
        run_stage(stage, batch, night_home.home)
    (packaged,) = night_home.records()
    foreign, key = b"not ours", packaged["object_key"]
    night_home.objects.put_once(key, BytesIO(foreign), hashlib.sha256(foreign).hexdigest(), len(foreign))
    night_home.run()
    (stuck,) = night_home.records()
    assert (stuck["state"], [f["code"] for f in stuck["findings"]][-1]) == ("held", "DEP-KEY-TAKEN")
    at, said = ["--home", str(root)], ["--by", "档案员甲", "--reason", "已查明为旧包"]
    assert main(["held", "decide", "recheck", "--cause", "DEP-KEY-TAKEN", *said, *at]) == 0
    ingest(night_home.home, "again", AS_OF + dt.timedelta(days=2))
    assert row(night_home, stuck["id"])["state"] == "held"  # nothing has changed in the store
    assert main(["held", "decide", "next_version", "--cause", "DEP-KEY-TAKEN", *said, *at]) == 0
    assert ingest(night_home.home, "decided", AS_OF + dt.timedelta(days=3)).unfinished == 0
    last, stored = row(night_home, stuck["id"]), night_home.stored()
    assert (last["state"], last["version"], last["archival_code"]) == ("acknowledged", 2, packaged["archival_code"])
    assert stored[key] == (hashlib.sha256(foreign).hexdigest(), len(foreign))
    assert stored[last["object_key"]] == (last["package_sha256"], last["package_size"])


def stranger_root() -> bytes:
    from samplenight import sm2

    key, name = sm2.key("seal-stranger-root"), sealpki._name("陌生国密根证书")
    return sealpki._certificate(name, key, name, key, 901, pdfpki.END, "seal-stranger")
