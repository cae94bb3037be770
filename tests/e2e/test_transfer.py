"""Transfers from a real night to archives on another home: the whole way, interrupted, damaged, refused, and repeated."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from night_home import NightHome

import samplenight
from ingest.cli import main
from ingest.ledger import Ledger, chain, receptions, transfers
from ingest.ledger.tables import event, transfer_item
from ingest.ledger.transfers import Selection
from ingest.model import CST, TransferState
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer
from ingest.settings import ConfigError, Home
from ingest.store.objects import ObjectStore
from ingest.transfer import build, reception, sending
from ingest.transfer.sending import NothingToTransfer, Refused
from sip.transfer.source import SourceAltered
from sip.transfer.verify import tree_files, verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
AS_OF = dt.datetime(2026, 11, 22, 9, 30, tzinfo=CST)
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=CST)
OPINION = {"reviewer": "测试甲", "opinion": "同意", "items": {}}


@pytest.fixture(scope="module")
def night() -> Iterator[NightHome]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            night = NightHome(Path(folder) / "home", server.start())
            samplenight.make(night.home.root, count=9, faults=())
            night.run()
            yield night
        finally:
            server.stop()


@pytest.fixture
def ledger(night: NightHome) -> Iterator[Ledger]:
    """The sender's ledger; what an earlier test has transferred is free again, so that no test needs another."""
    with Ledger(night.home.database_url) as ledger:
        with ledger.begin() as tx:
            for row in transfers.listing(tx.conn):
                before = [s for s in TransferState if s is not TransferState.REJECTED]
                transfers.move(tx, row["id"], before, TransferState.REJECTED)
        yield ledger


@pytest.fixture
def archives(night: NightHome, tmp_path: Path) -> Home:
    """Another machine: a home of its own that shares nothing with the sender but the trusted roots."""
    home = Home.of(tmp_path / "archives")
    shutil.copytree(night.home.trust, home.trust)
    (home.config / "transfer.json").write_text('{"archives": {"name": "南粤市档案馆（测试）", "code": "440100"}}')
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
    return home


def start(home: Home, ledger: Ledger, fonds: str, request: str) -> dict[str, Any]:
    row = sending.build(
        home, ledger, request, Selection(fonds), by="张三", as_of=AS_OF, target="archives", opinion=OPINION
    )
    return dict(sending.check(home, ledger, row["id"]))


def sent(home: Home, ledger: Ledger, fonds: str, request: str) -> tuple[dict[str, Any], Path]:
    row = start(home, ledger, fonds, request)
    assert row["state"] == "checked", row
    sending.decide(home, ledger, row["id"], by="王五", approve=True, note="", now=NOW)
    row = dict(sending.send(home, ledger, row["id"]))
    return row, Path(row["place"]) / f"{row['id']}.zip"


def received(archives: Home, package: Path, vault: Path | str) -> dict[str, Any]:
    with Ledger(archives.database_url) as theirs:
        return dict(reception.receive(archives, theirs, package, target=str(vault), by="接收员", now=NOW))


def accepted(archives: Home, reception_id: str) -> dict[str, Any]:
    with Ledger(archives.database_url) as theirs:
        return dict(
            reception.decide(
                archives, theirs, reception_id, by="馆员", accept=True, note="核对无误", confirmed=["all"], now=NOW
            )
        )


def test_the_whole_way_by_commands(
    night: NightHome, ledger: Ledger, archives: Home, tmp_path: Path, capsys: Any
) -> None:
    home, vault = ["--home", str(night.home.root)], tmp_path / "vault"
    build_it = [
        "transfer",
        "build",
        "--fonds",
        "T001",
        "--as",
        "张三",
        "--reviewer",
        "李四",
        "--opinion",
        "同意",
        "--json",
    ]
    capsys.readouterr()
    assert main([*build_it, *home]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["state"] == "checked" and made["records"] == 3
    id_ = made["id"]
    whole = verify(build.package_path(night.home, id_))
    assert whole.findings == () and whole.proved
    assert main(["transfer", "send", id_, *home]) == 1  # nobody has approved it
    assert main([*build_it, *home]) == 1  # all its records are locked
    assert main(["transfer", "approve", id_, "--as", "王五", *home]) == 0
    assert main(["transfer", "send", id_, *home]) == 0
    outbox = night.home.root / "transfers" / "outbox"
    receive = ["receive-transfer", str(outbox / id_ / f"{id_}.zip"), "--to", str(vault), "--home", str(archives.root)]
    assert main([*receive, "--as", "接收员"]) == 0
    capsys.readouterr()
    assert main([*receive, "--as", "馆员", "--accept"]) == 1
    assert "--confirm" in capsys.readouterr().err
    assert not vault.exists()  # nothing is accepted by a machine, nor in parts
    assert main([*receive, "--as", "馆员", "--accept", "--confirm", "all", "--receipt", str(outbox)]) == 0
    assert main(["transfer", "receipt", str(outbox / f"{id_}.receipt.json"), "--as", "张三", *home]) == 0
    assert main(["ledger", "verify", *home]) == 0
    capsys.readouterr()
    assert main(["transfer", "show", id_, "--json", *home]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["keep_until"][:4]) == ("accepted", str(dt.datetime.now(CST).year + 5))
    assert {i["item_state"] for i in shown["items"]} == {"transferred"}
    for row in night.records():
        if row["fonds_no"] == "T001":
            assert_content_is_the_archived(night, row, vault / id_ / "content")
    for name in ("移交与接收登记表（双方）", "回执"):
        for kind in ("pdf", "xlsx"):
            assert (night.home.root / "transfers" / "sent" / id_ / f"{name}.{kind}").stat().st_size > 1000
    kept = vault / id_ / "package.zip"  # the original package is kept, as it was received
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == made["package_sha256"]
    with ledger.read() as conn:
        told = conn.execute(sa.select(event.c.kind, event.c.record_id).where(event.c.kind.like("transfer-%"))).all()
    assert {k for k, r in told if r} == {"transfer-locked", "transfer-transferred"}


def assert_content_is_the_archived(night: NightHome, row: dict[str, Any], content: Path) -> None:
    """Each file of the archived package stands in the archives, byte for byte."""
    folder = next(p for p in content.rglob(row["archival_code"]) if p.is_dir())
    with night.package(row) as package:
        for name in package.namelist():
            path = name.partition("/")[2]
            here = path.removeprefix("data/") if path.startswith("data/") else None
            found = folder / here if here else folder / "归档信息" / path
            if path in ("metadata/base_info.xml", "metadata/process_info.xml"):
                found = folder / {"b": "基本信息元数据.xml", "p": "办理过程元数据.xml"}[path[9]]
            assert found.read_bytes() == package.read(name), path


def test_killed_while_it_is_built_it_becomes_the_same_package(
    night: NightHome, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    real, reads = ObjectStore.stream, []

    def die_at_the_third(self: ObjectStore, key: str, *rest: Any) -> Iterator[bytes]:
        reads.append(key)
        if len(reads) == 3:
            raise Killed
        return real(self, key, *rest)

    monkeypatch.setattr(ObjectStore, "stream", die_at_the_third)
    with pytest.raises(Killed):
        start(night.home, ledger, "T002", "killed")
    monkeypatch.setattr(ObjectStore, "stream", real)
    with ledger.read() as conn:
        row = transfers.by_request(conn, "killed")
        assert row is not None and row["state"] == "building"
        assert transfers.choose(conn, Selection("T002")) == []  # locked already
    assert list(build.folder(night.home, row["id"]).glob("*.zip")) == []
    done = start(night.home, ledger, "T002", "killed")
    assert (done["id"], done["state"]) == (row["id"], "checked")
    package = build.package_path(night.home, row["id"])
    first = package.read_bytes()
    (night.home.config / "transfer.json").write_text('{"environment": "another environment"}')  # of a later day
    with ledger.read() as conn:
        again = build.plan(night.home, done, transfers.items(conn, row["id"]))
    build.write(night.home, again)
    (night.home.config / "transfer.json").unlink()
    assert package.read_bytes() == first
    sending.decide(night.home, ledger, row["id"], by="王五", approve=False, note="再等一年", now=NOW)
    with ledger.read() as conn:
        assert len(transfers.choose(conn, Selection("T002"))) == 3


def test_a_damaged_package_is_rejected_as_a_whole_and_may_come_again(
    night: NightHome, ledger: Ledger, archives: Home, tmp_path: Path
) -> None:
    row, package = sent(night.home, ledger, "T002", "damaged on the way")
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    package.write_bytes(data)
    got = received(archives, package, tmp_path / "vault")
    assert (got["state"], got["decision"]["accept"]) == ("REJECTED", False)
    assert not (tmp_path / "vault").exists()
    answer = json.loads((reception.folder(archives, got["id"]) / "receipt.json").read_bytes())
    assert answer["receipt_code"] == 6 and answer["items"] == []
    assert {"PKG-DIGEST"} <= {f.get("params", {}).get("fault") for f in answer["findings"]}
    with pytest.raises(Refused, match="SHA-256"):  # it names the package that arrived, not the one that was sent
        sending.take_receipt(night.home, ledger, json.dumps(answer).encode(), by="张三")
    answer["package"]["sha256"] = row["package_sha256"]
    taken = sending.take_receipt(night.home, ledger, json.dumps(answer).encode(), by="张三")
    assert taken["state"] == "rejected"
    with ledger.read() as conn:
        states = conn.execute(
            sa.select(transfer_item.c.state).where(transfer_item.c.transfer_id == row["id"])
        ).scalars()
        assert set(states) == {"released"}
    again, package = sent(night.home, ledger, "T002", "sent again")
    assert again["id"] != row["id"]
    got = received(archives, package, tmp_path / "vault")
    assert got["state"] == "PENDING_REVIEW"
    assert accepted(archives, got["id"])["state"] == "ACCEPTED"
    assert received(archives, package, tmp_path / "vault")["state"] == "ACCEPTED"  # received again, it stays as decided
    answer = json.loads((reception.folder(archives, got["id"]) / "receipt.json").read_bytes())
    for change in ({"items": answer["items"][1:]}, {"state": "MAYBE"}, {"transfer": "T002-YJ2026-999"}):
        with pytest.raises((Refused, ConfigError)):
            sending.take_receipt(night.home, ledger, json.dumps(answer | change).encode(), by="张三")
    assert sending.take_receipt(night.home, ledger, json.dumps(answer).encode(), by="张三")["state"] == "accepted"
    with pytest.raises(Refused, match="另一份"):
        other = answer | {"received_by": "somebody"}
        sending.take_receipt(night.home, ledger, json.dumps(other).encode(), by="张三")
    with pytest.raises(NothingToTransfer):
        start(night.home, ledger, "T002", "once more")


def test_killed_between_placing_and_saying_so_it_is_accepted_once(
    night: NightHome, ledger: Ledger, archives: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, package = sent(night.home, ledger, "T003", "killed at the archives")
    got = received(archives, package, tmp_path / "vault")

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    real = receptions.hold
    monkeypatch.setattr(receptions, "hold", die)
    with pytest.raises(Killed):
        accepted(archives, got["id"])
    monkeypatch.setattr(receptions, "hold", real)
    assert received(archives, package, tmp_path / "vault")["state"] == "ACCEPTING"
    assert accepted(archives, got["id"])["state"] == "ACCEPTED"
    placed = {p for p, _ in tree_files(package)}
    vault = next((tmp_path / "vault").iterdir()) / "content"
    assert {str(p.relative_to(vault)) for p in vault.rglob("*") if p.is_file()} == placed
    twin = tmp_path / "twin.zip"  # the same records in another package: held already
    shutil.copy(package, twin)
    with twin.open("ab") as out:
        out.write(b"\0")
    again = received(archives, twin, tmp_path / "vault")
    assert again["state"] == "REJECTED"
    report = json.loads((reception.folder(archives, again["id"]) / "checks.json").read_bytes())
    assert "PAK-CODE-HELD" in {f["code"] for f in report["findings"]}
    assert "PAK-NO-DIGEST-SENT" in {f["code"] for f in report["findings"]}  # no handover document lay beside it
    with Ledger(archives.database_url) as theirs, theirs.read() as conn:
        assert list(chain.verify(conn)) == []


def test_a_package_that_rotted_in_the_store_is_not_transferred(
    night: NightHome, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ObjectStore.stream

    def rotten(self: ObjectStore, key: str, *rest: Any) -> Iterator[bytes]:
        pieces = list(real(self, key, *rest))
        last = bytearray(pieces[-1])
        last[-40] ^= 1
        return iter([*pieces[:-1], bytes(last)])

    monkeypatch.setattr(ObjectStore, "stream", rotten)
    with pytest.raises(SourceAltered, match="SHA-256"):
        start(night.home, ledger, "T003", "rotten")
    with ledger.read() as conn:
        row = transfers.by_request(conn, "rotten")
    assert row is not None and row["state"] == "building"
    assert not build.package_path(night.home, row["id"]).exists()
