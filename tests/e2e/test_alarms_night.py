"""The alarms of a night, raised by what really goes wrong: a source and the store away, code changed, the ledger edited."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from night_home import AS_OF, NightHome

from ingest import code, night
from ingest.alerts.incidents import OPEN, incidents
from ingest.audit.anchor import ChainBroken
from ingest.cli import main
from ingest.stages import StageFailed
from ingest.store.config import load, save

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WHO = ["--by", "张三", "--reason", "已修好"]


@pytest.fixture
def few(night_home: NightHome, sample_night: Callable[..., None]) -> NightHome:
    """Four good deliveries of one agency, and another agency whose source nobody answers at."""
    root = night_home.home.root
    sample_night(root, count=2, seed="alarms")
    expected = json.loads((root / "expectations.json").read_text("utf-8"))["records"]
    good = [(r["agency"], r["delivery"]) for r in expected if r["state"] == "acknowledged"]
    first = sorted(g for g in good if g[0] == sorted(good)[0][0])[:4]
    for place in (root / "inbox").glob("*/*"):
        if (place.parent.name, place.name) not in first:
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    return night_home


def open_codes(few: NightHome) -> set[str]:
    return {i["what"] for i in incidents(few.home, OPEN)}


def test_the_store_away_is_told_tried_with_one_record_then_with_all_and_over(
    few: NightHome, capsys: pytest.CaptureFixture[str]
) -> None:
    good = load(few.home)
    save(few.home, dataclasses.replace(good, endpoint="http://127.0.0.1:9"))
    with pytest.raises(StageFailed, match="STORE-AWAY"):
        few.run()
    assert open_codes(few) == {"STORE-AWAY"}
    save(few.home, good)
    at = ["--home", str(few.home.root)]
    one, *others = [r["id"] for r in few.records()]
    assert main(["rerun", "record", one, "--now", *WHO, *at]) == 0
    states = {r["id"]: r["state"] for r in few.records()}
    assert states == {one: "acknowledged", **dict.fromkeys(others, "packaged")}
    assert open_codes(few) == {"STORE-AWAY"}  # of the others
    assert main(["rerun", "cause", "STORE-AWAY", "--now", *WHO, *at]) == 0
    assert {r["state"] for r in few.records()} == {"acknowledged"} and open_codes(few) == set()
    capsys.readouterr()
    assert main(["rerun", "cause", "STORE-AWAY", "--now", *WHO, *at]) == 1
    assert list((few.home.root / "reports" / "nights").glob("*/night.xlsx"))


def test_a_wrong_configuration_leaves_records_undone_and_its_page_leads_out(
    few: NightHome,
) -> None:
    path = few.home.config / "agencies.json"
    before = path.read_text("utf-8")
    registry = json.loads(before)
    for entry in registry["agencies"]:
        entry["transfer_level"] = "village"
    path.write_text(json.dumps(registry), "utf-8")
    with pytest.raises(StageFailed, match="CONFIGURATION"):
        few.run()
    (incident,) = incidents(few.home, OPEN)
    assert (incident["what"], incident["subject"]) == ("RUN-UNDONE", "CONFIGURATION")

    def guidang(*words: str) -> str:
        """A command of its own: a process reads the registry once."""
        called = [str(Path(sys.executable).with_name("guidang")), *words, "--home", str(few.home.root)]
        return subprocess.run(called, check=True, capture_output=True, text=True).stdout

    told = guidang("rerun", "list")
    assert "CONFIGURATION" in told and "transfer_level" in told and "docs/configuration.md" in told
    path.write_text(before, "utf-8")
    one, *others = [r["id"] for r in few.records()]
    guidang("rerun", "record", one, "--now", *WHO)
    assert {r["id"]: r["state"] for r in few.records()} == {one: "acknowledged", **dict.fromkeys(others, "checked")}
    assert open_codes(few) == {"RUN-UNDONE"}  # of the others
    guidang("rerun", "cause", "CONFIGURATION", "--now", *WHO)
    assert {r["state"] for r in few.records()} == {"acknowledged"} and open_codes(few) == set()


def test_code_under_another_contract_is_told_and_taken_afresh_with_the_same_numbers(
    few: NightHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    (batch,) = night.discover("night", AS_OF, home=few.home)
    for stage in ("receive", "check", "file"):
        night.run_stage(stage, batch, few.home)
    numbers = {r["id"]: r["archival_code"] for r in few.records()}
    newer = dataclasses.replace(code.running(), version="9.9.9", contract=code.CONTRACT + 1)
    monkeypatch.setattr(code, "running", lambda: newer)
    with pytest.raises(StageFailed, match="--afresh"):
        few.run("the next night")
    assert open_codes(few) == {"CODE-CHANGED"}
    assert main(["rerun", "batch", batch, "--afresh", "--now", *WHO, "--home", str(few.home.root)]) == 0
    assert {r["id"]: r["archival_code"] for r in few.records()} == numbers
    assert {r["state"] for r in few.records()} == {"acknowledged"} and open_codes(few) == set()


def test_code_under_the_same_contract_goes_on_with_the_same_bytes_and_the_chain_says_so(
    few: NightHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    (batch,) = night.discover("night", AS_OF, home=few.home)
    for stage in ("receive", "check", "file", "package"):
        night.run_stage(stage, batch, few.home)
    made = {r["id"]: r["package_sha256"] for r in few.records()}
    with sqlite3.connect(few.home.root / "ledger.db") as ledger:
        # as a kill between the package and its entry leaves it: the newer code must make the same bytes again
        ledger.execute("update record set state = 'filed', package_sha256 = null where state = 'packaged'")
    newer = dataclasses.replace(code.running(), version="9.9.9", digest="f" * 64)
    monkeypatch.setattr(code, "running", lambda: newer)
    assert few.run("the next night").unfinished == 0
    assert {r["id"]: r["package_sha256"] for r in few.records()} == made
    with sqlite3.connect(few.home.root / "ledger.db") as ledger:
        told = [json.loads(d) for (d,) in ledger.execute("select detail from event where kind = 'code'")]
    assert [(t["batch"], t["code"]) for t in told] == [(batch, str(newer))]


def test_what_staging_lost_is_taken_again_with_the_same_bytes(few: NightHome) -> None:
    """Two of the four are versions of one case: that both are known the second time must not show in the package of the first."""
    (batch,) = night.discover("night", AS_OF, home=few.home)
    for stage in ("receive", "check", "file", "package"):
        night.run_stage(stage, batch, few.home)
    made = {r["id"]: r["package_sha256"] for r in few.records()}
    assert len({r["case_no"] for r in few.records()}) < len(made)
    with sqlite3.connect(few.home.root / "ledger.db") as ledger:
        ledger.execute("update record set state = 'filed', package_sha256 = null where state = 'packaged'")
    shutil.rmtree(few.home.staging / batch)
    with pytest.raises(StageFailed, match="STAGING-LOST"):
        few.run("the next night")
    assert few.run("and the next").unfinished == 0
    assert {r["id"]: r["package_sha256"] for r in few.records()} == made


def test_an_edited_ledger_is_told_by_the_anchor(few: NightHome) -> None:
    few.run()
    assert open_codes(few) == set()
    with sqlite3.connect(few.home.root / "ledger.db") as ledger:
        ledger.execute("update event set detail = replace(detail, 'received', 'Received'), digest = prev where seq = 2")
        ledger.execute("delete from event where seq = (select max(seq) from event)")
    with pytest.raises(ChainBroken):
        night.anchor(AS_OF + dt.timedelta(days=1), few.home)
    assert open_codes(few) == {"CHAIN-BROKEN"}


def test_a_source_that_is_away_is_told_by_its_agency_and_is_over_when_it_is_back(few: NightHome) -> None:
    agencies = sorted(few.home.agencies())
    empty = next(a for a in agencies if not any((few.home.inbox / a).glob("*")))
    secrets = Path(few.home.secrets)
    secrets.mkdir(exist_ok=True)
    (secrets / "connections.json").write_text(
        json.dumps({"gone": {"host": "127.0.0.1", "port": 9, "password": "x"}}), "utf-8"
    )
    (secrets / "connections.json").chmod(0o600)
    path = few.home.config / "agencies.json"
    before = path.read_text("utf-8")
    registry = json.loads(before)
    for entry in registry["agencies"]:
        if entry["id"] == empty:
            entry["source"] = {"kind": "https", "connection": "gone"}
    path.write_text(json.dumps(registry), "utf-8")
    with pytest.raises(StageFailed, match=empty):
        few.run()
    (incident,) = incidents(few.home, OPEN)
    assert (incident["what"], incident["subject"]) == ("SOURCE-AWAY", empty)
    path.write_text(before, "utf-8")
    few.run("the next night")
    assert open_codes(few) == set()
