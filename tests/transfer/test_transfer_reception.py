"""The archives' side meets packages of strangers: each is judged, nothing of them escapes, and only a person accepts."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transfer_samples import bare, code_of, plan_of, zipped

from ingest.ledger import Ledger, chain
from ingest.model import CST
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.steps import house
from ingest.store.config import StoreConfig, save
from ingest.transfer import config, reception
from ingest.transfer.deliver import DeliveryConflict, FolderTarget
from ingest.transfer.sending import Refused
from sip.transfer.write import write_transfer

pytestmark = pytest.mark.slow  # the records are checked in worker processes
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=CST)


@pytest.fixture
def archives(tmp_path: Path) -> Home:
    home = Home.of(tmp_path / "archives")
    home.config.mkdir(parents=True)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
    return home


def receive(home: Home, package: Path, vault: Path) -> dict[str, Any]:
    with Ledger(home.database_url) as ledger:
        return dict(reception.receive(home, ledger, package, target=str(vault), by="接收员", now=NOW))


def decide(home: Home, id_: str, accept: bool, *confirmed: str, by: str = "馆员") -> dict[str, Any]:
    with Ledger(home.database_url) as ledger:
        return dict(reception.decide(home, ledger, id_, by=by, accept=accept, note="", confirmed=confirmed, now=NOW))


def report_of(home: Home, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reception.folder(home, row["id"]) / "checks.json").read_bytes())
    return found


def pdf() -> bytes:
    """A small PDF without faults."""
    body = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    body += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n"
    offsets = [body.index(b"%d 0 obj" % n) for n in (1, 2, 3)]
    table = b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return body + table + b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)


def stranger(path: Path) -> Path:
    content = {f"T001/ZY/XK/{code_of(n)}/正文.pdf": pdf() for n in (1, 2)}
    return zipped(path, bare(**content))


def test_a_strangers_tree_waits_for_a_person_who_names_what_was_looked_at(archives: Home, tmp_path: Path) -> None:
    package, vault = stranger(tmp_path / "t.zip"), tmp_path / "vault"
    row = receive(archives, package, vault)
    report = report_of(archives, row)
    assert row["state"] == "PENDING_REVIEW", [f for f in report["findings"] if f["severity"] == "reject"]
    manual = [i["code"] for i in report["items"] if i["result"] == "manual"]
    assert {"YJ-4-2", "YJ-4-7"} <= set(manual)  # virus without an engine, and the process: never the machine's to pass
    with pytest.raises(Refused, match=manual[-1]):
        decide(archives, row["id"], True, *manual[:-1])
    with pytest.raises(Refused, match="决定人"):
        decide(archives, row["id"], True, "all", by=" ")
    done = decide(archives, row["id"], True, *manual)
    assert done["state"] == "ACCEPTED"
    (place,) = vault.iterdir()
    assert (place / "content/T001/ZY/XK" / code_of(1) / "正文.pdf").read_bytes() == pdf()
    assert (place / "package.zip").read_bytes() == package.read_bytes()
    answer = json.loads((reception.folder(archives, row["id"]) / "receipt.json").read_bytes())
    assert {c["by"] for c in answer["confirmed"]} == {"馆员"}
    with pytest.raises(Refused, match="已决定"):
        decide(archives, row["id"], False)
    with Ledger(archives.database_url) as ledger, ledger.read() as conn:
        assert list(chain.verify(conn)) == []


def test_a_person_may_reject_what_the_machine_has_nothing_against(archives: Home, tmp_path: Path) -> None:
    row = receive(archives, stranger(tmp_path / "t.zip"), tmp_path / "vault")
    done = decide(archives, row["id"], False)
    assert done["state"] == "REJECTED" and not (tmp_path / "vault").exists()
    answer = json.loads((reception.folder(archives, row["id"]) / "receipt.json").read_bytes())
    assert (answer["receipt_code"], answer["items"]) == (2, [])
    assert reception.hand_out(archives, done, tmp_path / "answers").is_file()


def climbing(path: Path) -> Path:
    return zipped(path, bare() | {"../../../../escaped": b"x"})


def linked(path: Path) -> Path:
    stranger(path)
    with zipfile.ZipFile(path, "a") as z:
        link = zipfile.ZipInfo(f"T001/ZY/XK/{code_of(1)}/链接.pdf")
        link.external_attr = 0o120777 << 16
        z.writestr(link, "/etc/passwd")
    return path


def too_long(path: Path) -> Path:
    return zipped(path, bare() | {f"T001/ZY/XK/{code_of(1)}/{'长' * 100}.pdf": pdf()})


def clash(path: Path) -> Path:
    return zipped(path, bare() | {f"T001/ZY/XK/{code_of(1)}/正文.pdf/a.pdf": pdf()})


def no_zip(path: Path) -> Path:
    path.write_bytes(b"\0" * 4096)
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (climbing, "PKG-MEMBER-UNSAFE"), (linked, "PKG-MEMBER-KIND"), (too_long, "TRF-NAME-TOO-LONG"),
        (clash, "TRF-FILE-AND-FOLDER"), (no_zip, "PKG-NOT-A-PACKAGE"),
    ],
)  # fmt: skip
def test_a_hostile_package_is_rejected_and_leaves_nothing(
    make: Callable[[Path], Path], code: str, archives: Home, tmp_path: Path
) -> None:
    row = receive(archives, make(tmp_path / "t.zip"), tmp_path / "vault")
    assert row["state"] == "REJECTED"
    assert code in {f.get("params", {}).get("fault") for f in report_of(archives, row)["findings"]}
    assert not (tmp_path / "vault").exists()
    assert {p.name for p in tmp_path.iterdir()} <= {"archives", "t.zip"}  # nothing climbed out
    kept = reception.folder(archives, row["id"])
    assert {p.name for p in kept.iterdir()} >= {"package.zip", "checks.json", "receipt.json", "回执.pdf"}
    assert not (archives.root / "transfers" / "checking").exists() or not any(
        (archives.root / "transfers" / "checking").iterdir()
    )


def test_a_bag_that_claims_another_units_totals_is_rejected(archives: Home, tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    write_transfer(folder / "t.zip", plan_of(tmp_path))
    (folder / "handover.json").write_text(
        json.dumps({"package": {"sha256": "0" * 64}, "records": 4, "files": 1, "bytes": 1})
    )
    row = receive(archives, folder / "t.zip", tmp_path / "vault")
    codes = {f["code"] for f in report_of(archives, row)["findings"]}
    assert row["state"] == "REJECTED"
    assert {"PAK-NOT-AS-SENT", "PAK-TOTAL-RECORDS", "PAK-TOTAL-FILES", "PAK-TOTAL-BYTES"} <= codes


def test_a_delivery_is_whole_or_not_there_and_never_overwrites(tmp_path: Path) -> None:
    folder, files = tmp_path / "exchange", [tmp_path / "a.zip", tmp_path / "登记表.pdf"]
    for n, file in enumerate(files):
        file.write_bytes(b"%d" % n)
    target = FolderTarget(folder)
    assert target.receipt("T1") is None
    assert target.deliver("T1", files) == target.deliver("T1", files) == str(folder / "T1")
    assert {p.name for p in folder.iterdir()} == {"T1"}
    files[0].write_bytes(b"other")
    with pytest.raises(DeliveryConflict):
        target.deliver("T1", files)
    assert (folder / "T1" / "a.zip").read_bytes() == b"0"
    with pytest.raises(OSError):
        target.deliver("T2", [tmp_path / "absent"])
    assert {p.name for p in folder.iterdir()} == {"T1"}
    (folder / "T1.receipt.json").write_bytes(b"{}")
    assert target.receipt("T1") == b"{}"


@pytest.mark.parametrize(
    "given",
    ["[]", '{"targets": {"a": {"kind": "ftp", "path": "/x"}}}', '{"targets": {"a": {"kind": "folder", "path": "x"}}}',
     '{"keep_years": -1}', "{", '{"targets": []}'],
)  # fmt: skip
def test_a_broken_configuration_is_one_clear_error(given: str, archives: Home) -> None:
    from ingest.settings import ConfigError

    (archives.config / "transfer.json").write_text(given)
    with pytest.raises(ConfigError, match="transfer"):
        config.load(archives)


def test_an_accepted_package_may_be_kept_in_the_store(archives: Home, tmp_path: Path, store: StoreEndpoint) -> None:
    save(archives, StoreConfig(store.url, store.bucket, store.access_key, store.secret_key, store.region))
    package = stranger(tmp_path / "t.zip")
    with Ledger(archives.database_url) as ledger:
        row = reception.receive(archives, ledger, package, target="store", by="接收员", now=NOW)
    done = decide(archives, row["id"], True, "all")
    assert (done["state"], done["target"]) == ("ACCEPTED", "store")
    held = house.store(archives)
    prefix = f"transfers/{row['id'][:16]}"
    assert b"".join(held.stream(f"{prefix}/package.zip")) == package.read_bytes()
    assert held.size(f"{prefix}/receipt.json")
