"""The chain's signed heads: made once, finished after a kill, and whatever is done to ledger or store is told."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from audit_tsa import Authority

from ingest import night
from ingest.audit import anchor as anchoring
from ingest.audit import heads, keys
from ingest.audit.anchor import ChainBroken, anchor
from ingest.audit.compare import Compared, compare, published
from ingest.audit.timestamp import AuthorityAway
from ingest.cli import main
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import chain_head, event
from ingest.model import CST
from ingest.paths import ROOT
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.store.config import StoreConfig
from ingest.store.objects import KeyTaken, ObjectStore

NIGHT, NEXT = "2026-11-20T01:00:00+08:00", "2026-11-21T01:00:00+08:00"
AT = dt.datetime(2026, 11, 20, 1, tzinfo=CST)


def grow(ledger: Ledger, count: int = 5) -> None:
    with ledger.begin() as tx:
        for n in range(count):
            tx.chain.append("test", None, {"名": "归档", "n": n})


def judge(home: Path, objects: ObjectStore, ledger: Ledger | None = None) -> Compared:
    believed = keys.trusted(Home.of(home))
    trust, now = TrustStore.load(Home.of(home).trust), dt.datetime.now(dt.UTC)
    if ledger is None:
        return compare(objects, believed, trust, now)
    with ledger.read() as conn:
        assert list(chain.verify(conn)) == []
        return compare(objects, believed, trust, now, conn)


def codes(compared: Compared) -> set[str]:
    return {f.code for f in compared.faults}


@pytest.fixture
def two_nights(home: Path, ledger: Ledger, objects: ObjectStore) -> Ledger:
    for as_of in (NIGHT, NEXT):
        grow(ledger)
        assert len(anchor(Home.of(home), ledger, objects, as_of)) == 1
    return ledger


def test_heads_follow_one_another_and_nothing_new_makes_none(
    home: Path, two_nights: Ledger, objects: ObjectStore
) -> None:
    assert anchor(Home.of(home), two_nights, objects, NEXT) == []
    compared = judge(home, objects, two_nights)
    assert compared.faults == []
    first, second = compared.heads
    assert [(h.number, h.first, h.seq) for h in compared.heads] == [(1, 1, 5), (2, 6, 10)]
    assert (first.previous, second.previous) == (None, first.sha256)
    assert judge(home, objects).faults == []
    assert [e["seq"] for e in heads.events(objects, 2)] == [6, 7, 8, 9, 10]


def test_many_events_are_spread_over_several_heads(
    home: Path, ledger: Ledger, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchoring, "_MOST", 4)
    grow(ledger, 10)
    assert [h.seq for h in anchor(Home.of(home), ledger, objects, NIGHT)] == [4, 8, 10]
    assert judge(home, objects, ledger).faults == []


def test_the_key_is_private_and_its_public_part_is_in_the_store(
    home: Path, two_nights: Ledger, objects: ObjectStore
) -> None:
    assert (home / "secrets/chain-key.pem").stat().st_mode & 0o777 == 0o600
    assert set(published(objects)) == set(keys.trusted(Home.of(home)))


def test_openssl_and_sha256sum_agree(home: Path, two_nights: Ledger, objects: ObjectStore, tmp_path: Path) -> None:
    (head,) = (h for h in judge(home, objects).heads if h.number == 2)
    for what in ("head.json", "head.sig", "events.jsonl"):
        objects.fetch(heads.name(2, what), tmp_path / what)
    objects.fetch(heads.key_name(head.key), tmp_path / "key.pem")
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "head.json", "-sigfile", "head.sig"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verified Successfully" in done.stdout
    summed = subprocess.run(["sha256sum", "events.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert summed.stdout.split()[0] == head.events_sha256
    # the small program of docs/audit.md, as it stands there
    (program,) = re.findall(r"python3 -c '(.*?)' 0000", (ROOT / "docs/audit.md").read_text("utf-8"), re.S)
    for harm, good in ((b"", True), (b"2", False)):
        lines = (tmp_path / "events.jsonl").read_bytes()
        (tmp_path / "events.jsonl").write_bytes(lines.replace(b'n\\":2', b'n\\":' + harm + b"2"))
        done = subprocess.run(
            ["python3", "-c", program, "events.jsonl"], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode == 0) is good


# ------------------------------------------------------------------------------------------------ killed anywhere


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", range(4))
def test_killed_after_any_put_it_is_finished_the_next_time(
    home: Path, ledger: Ledger, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    grow(ledger)
    real, put = ObjectStore.put_once, [0]

    def dying(self: ObjectStore, *args: object, **how: object) -> object:
        if put[0] == after:
            raise Killed
        put[0] += 1
        return real(self, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(ObjectStore, "put_once", dying)
    with pytest.raises(Killed):
        anchor(Home.of(home), ledger, objects, NIGHT)
    monkeypatch.setattr(ObjectStore, "put_once", real)
    grow(ledger)  # the next night goes on before the head is finished
    made = anchor(Home.of(home), ledger, objects, NEXT)
    assert made[-1].seq == 10
    assert judge(home, objects, ledger).faults == []
    assert anchor(Home.of(home), ledger, objects, NEXT) == []


# ------------------------------------------------------------------------------------------------ the ledger altered


def rewrite(ledger: Ledger, first: int, cut: int = 0) -> None:
    """What an attacker with the database can do: alter an event and chain all that follow anew, or cut the tail."""
    with ledger.begin() as tx:
        rows = [dict(r._mapping) for r in tx.conn.execute(sa.select(event).order_by(event.c.seq))]
        tx.conn.execute(sa.delete(event))
        prev = chain.GENESIS
        for row in rows[: len(rows) - cut]:
            if row["seq"] == first:
                row["detail"] = '{"n":99}'
            row["prev"] = prev
            prev = row["digest"] = chain.link(row["seq"], row["at"], row["kind"], row["record_id"], row["detail"], prev)
            tx.conn.execute(sa.insert(event).values(**row))
        tx.conn.execute(sa.update(chain_head).values(seq=len(rows) - cut, digest=prev))


@pytest.mark.parametrize(
    ("first", "cut", "told"),
    [
        (1, 0, {"HEAD-REWRITTEN"}),  # wholly rewritten
        (10, 0, {"HEAD-REWRITTEN"}),  # only the last event
        (99, 1, {"HEAD-BEYOND"}),  # the tail cut off
        (99, 8, {"HEAD-BEYOND"}),
        (3, 8, {"HEAD-BEYOND"}),
    ],
)
def test_a_chain_that_is_whole_in_itself_is_held_against_its_heads(
    home: Path, two_nights: Ledger, objects: ObjectStore, first: int, cut: int, told: set[str]
) -> None:
    rewrite(two_nights, first, cut)
    compared = judge(home, objects, two_nights)  # whole in itself, as `judge` asserts
    assert codes(compared) == told
    assert main(["ledger", "verify", "--home", str(home)]) == 1
    assert main(["ledger", "verify", "--no-store", "--home", str(home)]) == 0
    assert main(["ledger", "verify", "--store-only", "--home", str(home)]) == 0
    with pytest.raises(ChainBroken):
        anchor(Home.of(home), two_nights, objects, NEXT)


def test_events_after_the_last_head_are_not_yet_beyond_reach(
    home: Path, two_nights: Ledger, objects: ObjectStore
) -> None:
    """What docs/audit.md says: until the next head, whoever holds the database can cut what came since."""
    grow(two_nights, 1)
    rewrite(two_nights, 99, 1)
    assert judge(home, objects, two_nights).faults == []


# ------------------------------------------------------------------------------------------------ the store altered


def overwrite(config: StoreConfig, objects: ObjectStore, key: str, data: bytes | None) -> None:
    """As an administrator of the store can: a new version, or a delete marker."""
    if data is None:
        objects._s3.delete_object(Bucket=config.bucket, Key=key)
    else:
        objects._s3.put_object(Bucket=config.bucket, Key=key, Body=data)


@pytest.mark.parametrize(
    ("what", "change", "told"),
    [
        ("events.jsonl", lambda d: d.replace(b'"n\\":2', b'"n\\":7'), {"HEAD-EVENTS"}),
        ("events.jsonl", lambda d: d[:-1], {"HEAD-EVENTS"}),
        ("events.jsonl", lambda d: None, {"HEAD-MISSING"}),
        ("head.json", lambda d: d.replace(b'"seq":5', b'"seq":4'), {"HEAD-SIGNATURE", "HEAD-EVENTS", "HEAD-LINK", "HEAD-REWRITTEN"}),
        ("head.json", lambda d: b"{}", {"HEAD-BROKEN", "HEAD-LINK"}),
        ("head.json", lambda d: None, {"HEAD-MISSING", "HEAD-LINK"}),
        ("head.sig", lambda d: bytes(64), {"HEAD-SIGNATURE"}),
        ("head.sig", lambda d: None, {"HEAD-SIGNATURE"}),
    ],
)  # fmt: skip
def test_whatever_is_done_to_a_head_in_the_store_is_told(
    home: Path, two_nights: Ledger, objects: ObjectStore, main_config: StoreConfig, what: str, change, told: set[str]
) -> None:  # type: ignore[no-untyped-def]
    name = heads.name(1, what)
    before = b"".join(objects.stream(name))
    assert change(before) != before
    overwrite(main_config, objects, name, change(before))
    assert codes(judge(home, objects, two_nights)) == told


def test_a_head_signed_by_another_key_is_not_believed(home: Path, two_nights: Ledger, objects: ObjectStore) -> None:
    (home / "secrets/chain-key.pem").rename(home / "old.pem")
    grow(two_nights)
    with pytest.raises(ChainBroken, match="believe"):
        anchor(Home.of(home), two_nights, objects, NEXT)
    assert codes(judge(home, objects, two_nights)) == {"HEAD-SIGNATURE"}
    # the old public key kept as trusted: the new one goes on
    folder = home / "config/trust/chain"
    folder.mkdir(parents=True)
    (old,) = (k for i, k in published(objects).items() if i not in keys.trusted(Home.of(home)))
    (folder / "2026.pem").write_bytes(keys.public_pem(old))
    assert anchor(Home.of(home), two_nights, objects, NEXT)[0].key != keys.key_id(old)
    assert judge(home, objects, two_nights).faults == []


def test_what_others_left_under_the_next_name_is_never_signed(
    home: Path, two_nights: Ledger, objects: ObjectStore
) -> None:
    grow(two_nights)
    heads.put(objects, heads.name(3, "events.jsonl"), b'{"forged":1}\n')
    with pytest.raises(ChainBroken):
        anchor(Home.of(home), two_nights, objects, NEXT)


# ------------------------------------------------------------------------------------------------ time stamps


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    authority = Authority(tmp_path / "tsa")
    monkeypatch.setenv("GUIDANG_TSA_URL", authority.url)
    yield authority
    authority.close()


def trust(home: Path, authority: Authority) -> None:
    (home / "config/trust/anchors").mkdir(parents=True)
    (home / "config/trust/anchors/tsa.pem").write_bytes(authority.anchor.read_bytes())


def test_heads_are_stamped_and_openssl_agrees(
    home: Path, ledger: Ledger, objects: ObjectStore, authority: Authority, tmp_path: Path
) -> None:
    grow(ledger)
    assert night.anchor(AT, Home.of(home))["stamped"] == [1]
    assert night.anchor(AT, Home.of(home)) == {"heads": [], "stamped": [], "away": {}}
    assert authority.asked == 1
    assert judge(home, objects, ledger).doubtful.keys() == {1}  # nobody said to trust this authority
    trust(home, authority)
    compared = judge(home, objects, ledger)
    assert compared.faults == [] and compared.stamped.keys() == {1}
    for what in ("head.json", "head.tsr"):
        objects.fetch(heads.name(1, what), tmp_path / what)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "head.tsr", "-data", "head.json", "-CAfile", str(authority.anchor)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout + done.stderr


def test_a_stamp_over_something_else_is_told(
    home: Path, two_nights: Ledger, objects: ObjectStore, main_config: StoreConfig, authority: Authority
) -> None:
    trust(home, authority)
    night.anchor(AT, Home.of(home))
    other = b"".join(objects.stream(heads.name(2, "head.tsr")))
    overwrite(main_config, objects, heads.name(1, "head.tsr"), other)
    assert codes(judge(home, objects, two_nights)) == {"HEAD-TIMESTAMP"}
    overwrite(main_config, objects, heads.name(1, "head.tsr"), b"nonsense")
    assert codes(judge(home, objects, two_nights)) == {"HEAD-TIMESTAMP"}


def test_an_authority_that_is_away_costs_no_head_and_is_asked_again(
    home: Path, ledger: Ledger, objects: ObjectStore, authority: Authority
) -> None:
    grow(ledger)
    authority.broken = True
    with pytest.raises(AuthorityAway):
        night.anchor(AT, Home.of(home))
    assert [h.number for h in judge(home, objects, ledger).heads] == [1]
    authority.broken = False
    assert night.anchor(AT, Home.of(home))["stamped"] == [1]


# ------------------------------------------------------------------------------------------------ replicas and locks


def test_every_replica_gets_the_chain_under_lock(
    home: Path, ledger: Ledger, objects: ObjectStore, new_bucket, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    import json

    from ingest.store import config

    second = new_bucket("second")
    (home / "config").mkdir()
    (home / "config/store.json").write_text(json.dumps({
        "schema": "guidang.store/1.0", "min_copies": 1,
        "replicas": [{"name": "second", "endpoint": second.endpoint, "bucket": second.bucket}],
        "locks": [{"mode": "governance"}],
    }))  # fmt: skip
    config.save_keys(Home.of(home), "second", second.access_key, second.secret_key)
    grow(ledger)
    night.anchor(AT, Home.of(home))
    other = ObjectStore(second)
    assert list(other.listing("chain/")) == list(objects.listing("chain/"))
    for one in (objects, other):
        for key, _ in one.listing("chain/"):
            mode, until = one.retention(key)
            assert mode == "GOVERNANCE" and until is not None and until.year > 2120
    assert judge(home, other, ledger).faults == []
    with pytest.raises(KeyTaken):
        heads.put(objects, heads.name(1, "head.sig"), bytes(64))
