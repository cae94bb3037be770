"""Preserved is told when enough copies are proved; a replica that is away costs its own copy, for a while, and nothing else."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_places import Place

from ingest import stages
from ingest.ledger import Ledger, chain, copies
from ingest.ledger.tables import event, record
from ingest.model import State
from ingest.settings import ConfigError, Home
from ingest.stages import StageFailed
from ingest.steps.package import local_package
from ingest.store import config
from ingest.workers import Workers

AS_OF = "2026-11-20T01:00:00+08:00"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


class Night:
    """A home with one packaged record, and a second replica where the test puts it."""

    def __init__(self, root: Path, place: Place) -> None:
        self.home, self.place = Home.of(root), place
        self.home.config.mkdir(parents=True)
        (self.home.config / "agencies.json").write_text('{"agencies": []}')
        config.save(self.home, place.config())
        self.ledger = Ledger(self.home.database_url)
        self.ledger.upgrade()
        self.body = os.urandom(5000)
        self.key = f"T001/ZY-XK/2024/{os.urandom(6).hex()}/v1.zip"
        row = {"id": "r1", "source": "", "agency": "a", "delivery": "d1", "location": "x"}
        with self.ledger.begin() as tx:
            tx.add_batch("b", "run", AS_OF, [row])
            tx.move("r1", [State.LISTED], State.PACKAGED, "packaged", object_key=self.key, case_no="C1", version=1,
                    package_sha256=hashlib.sha256(self.body).hexdigest(), package_size=len(self.body),
                    payload_bytes=10, content_digest="0" * 64, electronic_record_code="E1", archival_code="A1",
                    filing={"fonds_no": "T001", "category": "ZY·XK", "year": 2024, "retention_code": "D10",
                            "electronic_record_code": "E1", "archival_code": "A1"})  # fmt: skip
        package = local_package(self.home, "b", "r1")
        package.parent.mkdir(parents=True)
        package.write_bytes(self.body)

    def plan(self, second: str, bucket: str, min_copies: int = 2, **more: Any) -> None:
        replica = {"name": "second", "endpoint": second, "bucket": bucket}
        given = {"schema": "guidang.store/1.0", "min_copies": min_copies, "replicas": [replica], **more}
        (self.home.config / "store.json").write_text(json.dumps(given), "utf-8")
        config.save_keys(self.home, "second", *self.place.users["admin"])

    def stage(self, run: Callable[..., stages.StageResult]) -> dict[str, int]:
        with Workers(self.home) as workers:
            return run(self.home, self.ledger, "b", workers).states

    def state(self) -> str:
        (row,) = self.ledger.records("b", list(State))
        return str(row["state"])

    def copies(self) -> dict[str, str]:
        with self.ledger.read() as conn:
            assert list(chain.verify(conn)) == []
            return {c["replica"]: c["state"] for c in copies.of_key(conn, self.key)}

    def events(self) -> list[str]:
        with self.ledger.read() as conn:
            return [r.kind for r in conn.execute(event.select().order_by(event.c.seq))]


@pytest.fixture
def night(home: Path, place: Place) -> Iterator[Night]:
    night = Night(home, place)
    yield night
    night.ledger.close()


@pytest.fixture
def second(place: Place) -> str:
    return place.new_bucket(f"second-{os.urandom(4).hex()}")


def receipt(night: Night) -> Any:
    return json.loads((night.home.outbox / "a" / "d1.receipt.json").read_text("utf-8"))


def test_one_copy_is_enough_where_no_more_is_asked_for(night: Night) -> None:
    assert night.stage(stages.deposit) == {"deposited": 1}
    assert night.copies() == {"main": "proved"}
    assert night.stage(stages.acknowledge) == {"acknowledged": 1}
    assert receipt(night)["archive"]["copies"] == 1


def test_both_replicas_hold_the_same_bytes_and_the_receipt_says_two(night: Night, second: str) -> None:
    night.plan(night.place.endpoint, second)
    night.stage(stages.deposit)
    assert night.copies() == {"main": "proved", "second": "proved"}
    for bucket in (night.place.bucket, second):
        with night.place.s3("admin").get_object(Bucket=bucket, Key=night.key)["Body"] as body:
            assert body.read() == night.body
    night.stage(stages.acknowledge)
    assert receipt(night)["archive"]["copies"] == 2


def test_a_replica_that_is_away_keeps_the_producer_waiting_and_loses_nothing(night: Night, second: str) -> None:
    night.plan(NOWHERE, second)
    with pytest.raises(StageFailed, match="second"):
        night.stage(stages.deposit)
    assert (night.state(), night.copies()) == ("deposited", {"main": "proved"})
    assert night.stage(stages.acknowledge) == {}
    assert not night.home.outbox.exists()
    assert local_package(night.home, "b", "r1").exists()
    night.plan(night.place.endpoint, second)  # it is back
    assert night.stage(stages.deposit) == {"deposited": 1}
    assert night.copies() == {"main": "proved", "second": "proved"}
    assert night.events()[-3:] == ["deposited", "failed", "copied"]
    assert night.stage(stages.acknowledge) == {"acknowledged": 1}


def test_nothing_is_deposited_while_all_replicas_are_away(night: Night) -> None:
    config.save(night.home, config.StoreConfig(NOWHERE, "archive", "a", "b"))
    with pytest.raises(StageFailed, match="main"):
        night.stage(stages.deposit)
    assert (night.state(), night.copies()) == ("packaged", {})


def test_a_replica_beyond_what_is_asked_for_holds_nobody_up(night: Night, second: str) -> None:
    night.plan(NOWHERE, second, min_copies=1)
    assert night.stage(stages.deposit) == {"deposited": 1}
    assert night.stage(stages.acknowledge) == {"acknowledged": 1}
    with night.ledger.read() as conn:
        assert [r["object_key"] for r in copies.lacking(conn, "second", 10)] == [night.key]


def test_a_package_that_rotted_here_is_received_again(night: Night) -> None:
    local_package(night.home, "b", "r1").write_bytes(os.urandom(5000))
    with pytest.raises(StageFailed, match="staging lost"):
        night.stage(stages.deposit)
    assert night.state() == "listed"


def test_other_bytes_in_one_replica_are_for_a_person_to_look_at(night: Night, second: str) -> None:
    night.plan(night.place.endpoint, second)
    night.place.s3("admin").put_object(Bucket=second, Key=night.key, Body=b"other")
    night.stage(stages.deposit)
    (row,) = night.ledger.records("b", [State.HELD])
    assert [f["code"] for f in row["findings"]] == ["DEP-KEY-TAKEN"]
    assert night.copies() == {"main": "proved"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"min_copies": 3}, "min_copies"),
        ({"replicas": [{"name": "Second", "endpoint": "http://x", "bucket": "abc"}]}, "docs/store.md"),
        ({"locks": [{"mode": "sometimes"}]}, "docs/store.md"),
        ({"replicas": [{"name": "second", "endpoint": "http://x", "bucket": "abc"}]}, "guidang store keys second"),
    ],
)
def test_a_wrong_plan_is_one_clear_error(night: Night, given: dict[str, Any], says: str) -> None:
    (night.home.config / "store.json").write_text(json.dumps({"schema": "guidang.store/1.0", **given}), "utf-8")
    with pytest.raises(ConfigError, match=says):
        night.stage(stages.deposit)


def test_the_same_place_twice_is_one_copy(night: Night) -> None:
    night.plan(night.place.endpoint + "/", night.place.bucket)
    with pytest.raises(ConfigError, match="same place twice"):
        config.plan(night.home)


def test_deposit_locks_by_series(night: Night) -> None:
    night.plan(night.place.endpoint, "unused-bucket", min_copies=1, locks=[
        {"mode": "compliance", "retention": "Y"}, {"mode": "governance", "category": "ZY"}])  # fmt: skip
    night.stage(stages.deposit)
    found = night.place.s3().get_object_retention(Bucket=night.place.bucket, Key=night.key)["Retention"]
    assert found["Mode"] == "GOVERNANCE"
    assert found["RetainUntilDate"] == dt.datetime.fromisoformat("2035-01-01T00:00:00+08:00")
    with night.ledger.read() as conn:
        (copy,) = copies.of_key(conn, night.key)
    assert (copy["lock_mode"], copy["retain_until"]) == ("governance", "2035-01-01T00:00:00+08:00")


def test_a_record_that_is_deposited_stays_deposited_when_the_stage_is_run_again(night: Night) -> None:
    night.stage(stages.deposit)
    with night.ledger.read() as conn:
        before = conn.execute(record.select()).all()
    assert night.stage(stages.deposit) == {}
    with night.ledger.read() as conn:
        assert conn.execute(record.select()).all() == before
