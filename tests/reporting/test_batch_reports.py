"""A batch's reports: made once at the end of a run, the same again, kept in the store, and what is in them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

import samplenight
from ingest import cli, stages
from ingest.checks import CheckContext, packages
from ingest.checks.items import Stage
from ingest.checks.kept import kept_package
from ingest.checks.subject import Totals
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import CST
from ingest.night import discover, ingest
from ingest.report import report as figures
from ingest.reporting.gather import gather
from ingest.reporting.keep import PREFIX, finished, make, make_all
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.store.config import StoreConfig, save
from ingest.store.objects import ObjectStore
from ingest.workers import Workers

pytestmark = pytest.mark.slow

AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)
NAMES = {
    "check-report.html", "check-report.pdf", "registration.html", "registration.pdf", "registration.xlsx", "report.json"
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Night:
    home: Home
    store: ObjectStore
    run_id: str


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """A night in a store of its own: the signed heads of one ledger's chain stand in one bucket."""
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            at = server.start()
            home = Home.of(Path(folder) / "home")
            faults = ["matter-unscheduled", "wrong-check-digit", "classified"]
            samplenight.make(home.root, count=4, faults=faults, jobs=1)
            config = StoreConfig(at.url, at.bucket, at.access_key, at.secret_key, at.region)
            save(home, config)
            ingest(home, "reporting", AS_OF)
            yield Night(home, ObjectStore(config), "reporting")
        finally:
            server.stop()


def _stored(night: Night) -> set[str]:
    with Ledger(night.home.database_url) as ledger:
        (batch,) = finished(ledger, night.run_id)
    return {key for key, _ in night.store.listing(f"{PREFIX}{batch}/")}


def test_the_run_leaves_its_reports_in_the_store_and_on_disk(night: Night) -> None:
    keys = _stored(night)
    folders = {key.rpartition("/")[0] for key in keys}
    assert len(folders) == 1
    assert {key.rpartition("/")[2] for key in keys} == NAMES
    for key in keys:
        local = night.home.root / key
        assert b"".join(night.store.stream(key)) == local.read_bytes()


def test_making_them_again_makes_nothing_new(night: Night) -> None:
    before = _stored(night)
    with Ledger(night.home.database_url) as ledger:
        (kept,) = make_all(night.home, ledger, night.run_id)
        bytes_before = {name: (kept.folder / name).read_bytes() for name in kept.files}
        (kept.folder / "report.json").unlink()  # as if killed before the end
        (again,) = make_all(night.home, ledger, night.run_id)
    assert {name: (again.folder / name).read_bytes() for name in again.files} == bytes_before
    assert _stored(night) == before


def test_the_report_counts_what_the_ledger_knows(night: Night) -> None:
    with Ledger(night.home.database_url) as ledger, ledger.read() as conn:
        rows = conn.execute(sa.select(record.c.state, record.c.agency, record.c.title)).all()
    states = [row.state for row in rows]
    (key,) = (key for key in _stored(night) if key.endswith(".json"))
    data = json.loads(b"".join(night.store.stream(key)))
    report = data["check_report"]
    assert report["records"] == len(rows)
    assert report["unchecked"] == 1  # the classified one, refused at the door
    archived = states.count("acknowledged")
    assert sum(unit["records"] for unit in data["registrations"]) == archived
    assert sum(unit["refused"] for unit in data["registrations"]) <= states.count("rejected")
    for item in report["items"]:
        assert sum(item["counts"].values()) == len(rows), item["code"]
    by_code = {item["code"]: item for item in report["items"]}
    assert by_code["GD-1-5"]["counts"]["fail"] == 1
    assert by_code["GD-2-9"]["counts"]["manual"] == 1  # no entry of the schedule takes it: a person decides
    assert by_code["GD-1-7"]["counts"]["pass"] == archived  # the numbers given are judged once they are given
    assert by_code["GD-4-2"]["counts"]["manual"] == len(rows) - 1  # nothing scanned them
    assert {told["code"] for told in report["told"] if told["severity"] != "remark"} == {
        "RCV-CLASSIFIED", "MET-CHECK-DIGIT", "FIL-UNSCHEDULED"
    }  # fmt: skip
    assert all(told["title"] for told in report["told"] if told["code"] != "RCV-CLASSIFIED")


def test_the_forms_can_be_read(night: Night) -> None:
    (folder,) = {key.rpartition("/")[0] for key in _stored(night)}
    base = night.home.root / folder
    page = (base / "check-report.html").read_text("utf-8")
    assert "四性检测报告" in page
    assert "未接入，未检测病毒" in page
    assert "除下列退回、待人工决定的外，通过" in page
    register = (base / "registration.html").read_text("utf-8")
    assert "（GB/T 18894-2016 表 A.1）" in register
    assert "■在线归档　□离线归档" in register
    for name in ("check-report.pdf", "registration.pdf"):
        with pikepdf.open(io.BytesIO((base / name).read_bytes())) as pdf:
            assert len(pdf.pages) >= 1
    assert load_workbook(base / "registration.xlsx").worksheets[0].title.startswith("归档登记表")


def test_a_later_decision_makes_a_new_report_beside_the_old(night: Night) -> None:
    before = _stored(night)
    with Ledger(night.home.database_url) as ledger:
        (batch,) = finished(ledger, night.run_id)
        with ledger.begin() as tx:
            changed = tx.conn.execute(
                sa.update(record).where(record.c.state == "held").values(findings=[]).returning(record.c.id)
            ).scalars()
            assert len(list(changed)) == 1
        assert make(night.home, ledger, batch) is not None
    after = _stored(night)
    assert before < after
    assert len(after) == 2 * len(before)


def test_the_command(night: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(night.home.root)]
    with Ledger(night.home.database_url) as ledger:
        (batch,) = finished(ledger, night.run_id)
        sheets = gather(ledger, night.home.agencies(), batch)
    assert sheets is not None
    pdf, xlsx = tmp_path / "a.pdf", tmp_path / "a.xlsx"
    assert cli.main(["report", "--batch", batch, "--pdf", str(pdf), "--xlsx", str(xlsx), *home]) == 0
    assert sheets.report.number in capsys.readouterr().out
    with pikepdf.open(pdf) as document:
        assert str(document.docinfo["/Title"]) == "四性检测报告"
    assert len(load_workbook(xlsx).worksheets) == 1 + len(sheets.registrations)
    assert cli.main(["report", night.run_id, "--json", *home]) == 0
    assert json.loads(capsys.readouterr().out)["batch"] == batch
    assert cli.main(["report", "--batch", "no-such", *home]) == 2
    assert cli.main(["report", *home]) == 2
    assert "--batch" in capsys.readouterr().err


def _package(night: Night, to: Path) -> dict[str, Any]:
    with Ledger(night.home.database_url) as ledger, ledger.read() as conn:
        row = conn.execute(sa.select(record).where(record.c.state == "acknowledged").order_by(record.c.id)).first()
    assert row is not None
    night.store.fetch(row.object_key, to)
    return dict(row._mapping)


def test_a_kept_package_is_checked_again(night: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = _package(night, tmp_path / "v1.zip")
    command = [
        "check",
        "--stage",
        "BC",
        "--json",
        "--home",
        str(night.home.root),
        "--as-of",
        "2027-01-01T00:00:00+08:00",
    ]
    assert cli.main([*command, "--pdf", str(tmp_path / "bc.pdf"), str(tmp_path / "v1.zip")]) == 0
    told = json.loads(capsys.readouterr().out)
    # nobody stated totals or a digest here; the audit takes them from the ledger
    assert {f["code"] for f in told["findings"] if f["severity"] != "info"} == {"PAK-NO-TOTALS", "PAK-NO-DIGEST-SENT"}
    with pikepdf.open(tmp_path / "bc.pdf") as document:
        assert len(document.pages) >= 3

    (work := tmp_path / "work").mkdir()
    subject = kept_package(
        tmp_path / "v1.zip", "v1.zip", work,
        sent=row["package_sha256"], stated=Totals(1, len(row["files"]), row["payload_bytes"]), restored=True,
    )  # fmt: skip
    agency = night.home.agencies()[row["agency"]].raw
    report = packages.run(Stage.BC, subject, CheckContext(AS_OF, agency, TrustStore.load(night.home.trust)))
    assert [f.code for f in report.findings if f.weight.value != "info"] == []
    assert report.records[0].archival_code == row["archival_code"]

    data = bytearray((tmp_path / "v1.zip").read_bytes())
    data[data.index(b"%PDF") + 200] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    assert cli.main([*command, str(tmp_path / "bad.zip")]) == 1
    found = {(f["code"], f["item"]) for f in json.loads(capsys.readouterr().out)["findings"] if f["result"] == "fail"}
    assert {("PKG-DIGEST", "BC-1-1"), ("PKG-CRC", "BC-1-1")} <= found
    assert "RCV-FILE-MISSING" not in {code for code, _ in found}  # it is there, but changed


@pytest.mark.skipif(shutil.which("clamd") is None, reason="clamd: apt-get install clamav-daemon")
def test_the_stage_scans_with_the_engine_that_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/own.ndb").write_text("Test.Own:0:*:6162636465666768696a6b6c6d6e6f\n")
    control = tmp_path / "c.ctl"
    (tmp_path / "clamd.conf").write_text(f"DatabaseDirectory {tmp_path}/db\nLocalSocket {control}\nForeground yes\n")
    daemon = subprocess.Popen(["clamd", "-c", str(tmp_path / "clamd.conf")], stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            if control.exists():
                break
            time.sleep(0.05)
        monkeypatch.setenv("GUIDANG_CLAMD", str(control))
        home = Home.of(tmp_path / "home")
        samplenight.make(home.root, count=2, faults=[], jobs=1)
        with Ledger(home.database_url) as ledger, Workers(home) as workers:
            ledger.upgrade()
            (batch,) = discover("scanned", AS_OF, home=home)
            stages.receive(home, ledger, batch, workers)
            assert stages.check(home, ledger, batch, workers).states == {"checked": 2}
            assert figures(ledger, "scanned").scanned == 2
            sheets = gather(ledger, home.agencies(), batch)
    finally:
        daemon.terminate()
        daemon.wait(10)
    assert sheets is not None
    assert (sheets.report.scanner or "").startswith("ClamAV ")
    by_code = {line.item.code: line.result for line in sheets.report.lines}
    assert by_code["GD-4-1"] == by_code["GD-4-2"] == "pass"
    assert sheets.registrations == ()  # nothing is archived yet


def test_without_the_extra_html_and_json_are_made(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("openpyxl", "sip.forms.xlsx", "pylopdf_fonts_zh_cn", "sip.forms.pdf", "sip.forms.fonts"):
        monkeypatch.setitem(sys.modules, module, None)
    bare = Home.of(tmp_path)
    (tmp_path / "config").symlink_to(night.home.config)
    with Ledger(night.home.database_url) as ledger:
        (batch,) = finished(ledger, night.run_id)
        kept = make(bare, ledger, batch, store=False)
    assert kept is not None
    assert set(kept.files) == {"check-report.html", "registration.html", "report.json"}
