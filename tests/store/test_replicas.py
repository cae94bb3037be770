"""Preserved is told when enough copies are proved; a replica that is away costs its own copy, for a while, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

import pytest
from store_places import Night

from ingest import stages
from ingest.ledger import copies
from ingest.ledger.tables import record
from ingest.model import State
from ingest.settings import ConfigError
from ingest.stages import StageFailed
from ingest.steps.package import local_package
from ingest.store import config

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


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
        # Ceph's bucket owner may not read what others put into it: each by the user that put it
        user = "ingest" if bucket == night.place.bucket else "admin"
        with night.place.s3(user).get_object(Bucket=bucket, Key=night.key)["Body"] as body:
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
