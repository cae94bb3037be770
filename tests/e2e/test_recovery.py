"""The ledger dropped and made again from the store alone, and everything restored from it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from night_home import NightHome

import samplenight
from ingest.audit import heads
from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, copy, event, number, receipt, record, sequence
from ingest.recovery.restore import restore
from ingest.servers.ports import Ports
from ingest.store import config
from sip import canonical, commit
from sip.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FINAL = ("acknowledged", "rejected", "duplicate")
# where the source found a delivery and where staging put its files are no facts of the archive; what trouble said is gone
NOT_KEPT = {"location", "last_error", "entered", "cause"}


def tables(home: NightHome) -> dict[str, Any]:
    with Ledger(home.home.database_url) as ledger, ledger.read() as conn:
        out: dict[str, Any] = {
            t.name: sorted((list(row) for row in conn.execute(sa.select(t))), key=lambda row: str(row[:2]))
            for t in (batch, number, sequence, copy, event)
        }
        rows = [dict(r._mapping) for r in conn.execute(sa.select(record).order_by(record.c.id))]
    for row in rows:
        for file in row["files"] or ():
            file["staged"] = ""
        if row["state"] in (
            "rejected",
            "duplicate",
        ):  # of these the chain keeps the codes, not words, titles, files
            row |= {
                "findings": None,
                "files": None,
                "identity": None,
                "filing": None,
                "title": None,
                "title_masked": None,
            }
            row |= {"matter_code": None, "closed_on": None, "applicant": None, "applicant_keys": None}
    ids = {row["id"] for row in rows if row["state"] in FINAL}
    with Ledger(home.home.database_url) as ledger, ledger.read() as conn:
        told = [tuple(r) for r in conn.execute(sa.select(receipt).order_by(receipt.c.subject, receipt.c.kind))]
    out["receipt"] = [r for r in told if r[0] in ids]
    out["record"] = [{k: v for k, v in row.items() if k not in NOT_KEPT} for row in rows if row["state"] in FINAL]
    return out


def test_dropped_and_rebuilt_the_ledger_is_equal_in_every_archival_fact(
    night_home: NightHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = night_home.home
    at = ["--home", str(home.root)]
    samplenight.make(home.root, count=20)
    night_home.run()
    before, stored = tables(night_home), night_home.stored()
    states = {r["state"] for r in before["record"]}
    assert states == set(FINAL) and len(before["number"]) > 15 and len(before["copy"]) > 15
    assert {r[1] for r in before["receipt"]} == {"received", "examined", "final"} and all(
        r[3] for r in before["receipt"]
    )

    # lost with all that is not in the store
    for file in home.root.glob("ledger.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    assert main(["ledger", "rebuild", "--to", home.database_url, *at]) == 0
    after = tables(night_home)
    for name in ("batch", "number", "sequence", "copy", "receipt"):
        assert after[name] == before[name], name
    assert len(after["record"]) == len(before["record"])
    for old, new in zip(before["record"], after["record"], strict=True):
        assert new == old, old["delivery"]
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        kinds = list(conn.execute(sa.select(event.c.kind).order_by(event.c.seq)).scalars())
    assert kinds[-1] == "rebuilt" and len(kinds) == len(before["event"]) + 1
    assert [e for e in after["event"] if e[2] != "rebuilt"] == before["event"]

    # it is never filled twice, its chain is whole, and the next night goes on with it as if nothing had been
    assert main(["ledger", "rebuild", "--to", home.database_url, *at]) == 2
    assert main(["ledger", "verify", *at]) == 0
    again = night_home.run("the next night")
    assert again.total.packages == 0 and night_home.stored() == stored
    assert tables(night_home)["number"] == before["number"]
    assert main(["ledger", "verify", *at]) == 0
    assert heads.numbers(night_home.objects) == [1, 2]

    # everything into a folder, by name, and without a ledger
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["restore", "--all", "-o", str(out), "--json", *at]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    accepted = [r for r in before["record"] if r["state"] == "acknowledged"]
    assert {s["key"] for s in said} == {r["object_key"] for r in accepted}
    assert all(verify(Path(s["path"])).valid for s in said)
    two = next(r for r in accepted if r["version"] == 2)
    for name in (two["archival_code"], two["electronic_record_code"]):
        for known in (True, False):
            if not known:
                for file in home.root.glob("ledger.db*"):
                    shutil.rmtree(file) if file.is_dir() else file.unlink()
            assert main(["restore", name, "-o", str(tmp_path / f"{known}"), "--json", *at]) == 0
            keys = [json.loads(line)["key"] for line in capsys.readouterr().out.splitlines()]
            assert [k.rsplit("/", 1)[1] for k in keys] == ["v1.zip", "v2.zip"]
    assert not list(home.root.glob("ledger.db")), "restoring makes no ledger"
    assert main(["restore", "T001-NO", "-o", str(out), *at]) == 1
    with pytest.MonkeyPatch.context() as environment:  # nor does it ask for one whose server is away
        environment.setenv("GUIDANG_DATABASE_URL", f"postgresql+psycopg2://x@127.0.0.1:{Ports.free().api}/x")
        assert main(["restore", two["archival_code"], "-o", str(tmp_path / "away"), *at]) == 0

    # without the chain: packages alone, so receipts are told again
    assert main(["ledger", "rebuild", "--to", home.database_url, "--without-chain", *at]) == 0
    rows = {r["id"]: r for r in night_home.records()}
    assert {r["state"] for r in rows.values()} == {"deposited"} and set(rows) == {r["id"] for r in accepted}
    assert tables(night_home)["sequence"] == before["sequence"]


def test_what_was_deposited_is_found_below_what_was_put_over_it(night_home: NightHome, tmp_path: Path) -> None:
    """Who holds the key of ingest can put newer versions; what was deposited stays, and is what everybody reads."""
    home, objects = night_home.home, night_home.objects
    at = ["--home", str(home.root)]
    samplenight.make(home.root, count=3, faults=())
    night_home.run()
    before = {r["object_key"]: r for r in night_home.records() if r["state"] == "acknowledged"}
    stored, (first, second, *_) = night_home.stored(), before
    other = b"".join(objects.stream(second))  # a whole package, in another's place, with a mark that says so
    digest = hashlib.sha256(other).hexdigest()
    mark = json.loads(b"".join(objects.stream(commit.commit_key(first)))) | {"sha256": digest, "size": len(other)}
    forged = canonical.dumps(mark)
    objects.put_again(first, io.BytesIO(other), digest, len(other))
    objects.put_again(commit.commit_key(first), io.BytesIO(forged), hashlib.sha256(forged).hexdigest(), len(forged))
    assert len(objects.versions(first)) == 2 and len(objects.versions(second)) == 1
    assert dict(objects.kept(first)) == {first: objects.versions(first)}

    assert main(["verify", f"s3://{config.load(home).bucket}/{first}", *at]) == 1
    done = restore(first, {"main": objects}, tmp_path)
    assert hashlib.sha256(done.path.read_bytes()).hexdigest() == before[first]["package_sha256"]
    rebuilt = f"sqlite:///{tmp_path / 'again.db'}"
    assert main(["ledger", "rebuild", "--to", rebuilt, *at]) == 0
    with Ledger(rebuilt) as ledger, ledger.read() as conn:
        known = {r.object_key: r.package_sha256 for r in conn.execute(sa.select(record))}
        copies = {r.object_key: r.version_id for r in conn.execute(sa.select(copy))}
    assert known == {key: r["package_sha256"] for key, r in before.items()}
    assert copies == {key: objects.versions(key)[0] for key in before}
    assert {k: v for k, v in night_home.stored().items() if not k.startswith(first[:-4])} == {
        k: v for k, v in stored.items() if not k.startswith(first[:-4])
    }


def test_a_restore_goes_on_where_it_broke_off_and_never_shows_half_a_file(
    night_home: NightHome, tmp_path: Path
) -> None:
    samplenight.make(night_home.home.root, count=1, faults=())
    night_home.run()
    row = next(r for r in night_home.records() if r["state"] == "acknowledged")
    key, stores = row["object_key"], {"main": night_home.objects}
    whole = b"".join(night_home.objects.stream(key))
    target = tmp_path / key
    part = target.with_name("v1.zip.part")
    part.parent.mkdir(parents=True)
    for left in (whole[: len(whole) // 2], b"wrong" + whole[5:9000], whole + b"more"):
        part.write_bytes(left)
        if whole.startswith(left):
            assert restore(key, stores, tmp_path).replica == "main"
        else:
            with pytest.raises(Exception, match="SHA-256"):
                restore(key, stores, tmp_path)
            assert not target.exists() and not part.exists()
            assert restore(key, stores, tmp_path).replica == "main"
        assert target.read_bytes() == whole and not part.exists()
        assert restore(key, stores, tmp_path).replica is None
        target.unlink()
