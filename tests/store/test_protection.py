"""Who may do what, locks and holds: with the real users of a real server."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from store_places import Place

from ingest.cli import main
from ingest.ledger import chain, copies
from ingest.ledger.tables import event
from ingest.settings import ConfigError, Home
from ingest.steps import copying, holding
from ingest.store import bucket
from ingest.store.locks import Lock, LockRule, lock_for
from ingest.store.objects import ObjectStore

DAY = dt.timedelta(days=1)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key() -> str:
    return f"T001/ZY-XK/2024/{os.urandom(8).hex()}/v1.zip"


def refused(act: Callable[..., Any], **how: Any) -> bool:
    try:
        act(**how)
    except ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 403, e
        return True
    return False


@pytest.fixture(scope="module")
def ready(place: Place) -> Place:
    """A new bucket made ready as `guidang store init` does it, with its policies for the users ingest and auditor."""
    name = f"ready-{os.urandom(4).hex()}"
    made = Place(place.server, place.endpoint, name, place.users, place.arns)
    assert len(bucket.prepare(made.config("admin"), place.arns)) == 2
    return made


def test_making_it_ready_again_changes_nothing_but_the_policy(ready: Place) -> None:
    assert bucket.prepare(ready.config("admin"), {}) == [f"无须改动 / nothing to do: {ready.bucket}"]


def test_a_bucket_without_object_lock_cannot_be_made_fit(place: Place) -> None:
    name = place.new_bucket(f"plain-{os.urandom(4).hex()}", locked=False)
    with pytest.raises(ConfigError, match="use another name"):
        bucket.prepare(place.config("admin", bucket=name), {})


def test_ingest_adds_with_a_lock_and_a_hold_and_cannot_delete_unlock_or_destroy_by_overwriting(ready: Place) -> None:
    where, data = key(), b"the record"
    store = ObjectStore(ready.config(), ready.able)
    put = store.put_once(
        where, data, sha(data), len(data), lock=Lock("GOVERNANCE", dt.datetime.now(dt.UTC) + DAY), hold=True
    )
    s3 = ready.s3("ingest")
    version = {"Bucket": ready.bucket, "Key": where, "VersionId": put.version_id}
    assert refused(s3.delete_object, Bucket=ready.bucket, Key=where)
    assert refused(s3.delete_object, **version)
    assert refused(s3.delete_object, **version, BypassGovernanceRetention=True)
    bulk: list[Any] = []  # SeaweedFS says no of each object, Ceph of the whole request
    if not refused(
        lambda **how: bulk.append(s3.delete_objects(**how)), Bucket=ready.bucket, Delete={"Objects": [{"Key": where}]}
    ):
        assert [e["Code"] for e in bulk[0]["Errors"]] == ["AccessDenied"]
    for change in (
        {"act": s3.put_bucket_versioning, "VersioningConfiguration": {"Status": "Suspended"}},
        {"act": s3.delete_bucket_policy},
        {"act": s3.delete_bucket},
    ):
        act = change.pop("act")
        assert refused(act, Bucket=ready.bucket, **change)
    # Putting without our condition makes a newer version where the server has no say in it; the deposited one is untouched.
    s3.put_object(Bucket=ready.bucket, Key=where, Body=b"another")
    assert store.versions(where)[0] == put.version_id and len(store.versions(where)) == 2
    assert store.digest(where, put.version_id) == (sha(data), len(data))
    assert refused(s3.delete_object, **version)


def test_the_auditor_reads_everything_and_writes_nothing(ready: Place) -> None:
    where, data = key(), b"the record"
    put = ObjectStore(ready.config(), ready.able).put_once(where, data, sha(data), len(data))
    s3 = ready.s3("auditor")
    here = {"Bucket": ready.bucket, "Key": where}
    with s3.get_object(**here)["Body"] as body:
        assert body.read() == data
    assert where in [o["Key"] for o in s3.list_objects_v2(Bucket=ready.bucket)["Contents"]]
    assert refused(s3.put_object, **here, Body=b"x")
    assert refused(s3.put_object, Bucket=ready.bucket, Key=key(), Body=b"x")
    assert refused(s3.create_multipart_upload, Bucket=ready.bucket, Key=key())
    assert refused(s3.delete_object, **here)
    assert refused(s3.put_object_legal_hold, **here, VersionId=put.version_id, LegalHold={"Status": "ON"})
    until = {"Mode": "GOVERNANCE", "RetainUntilDate": dt.datetime.now(dt.UTC) + DAY}
    assert refused(s3.put_object_retention, **here, VersionId=put.version_id, Retention=until)


def test_a_compliance_lock_holds_against_the_administrator_too(ready: Place) -> None:
    where, data = key(), b"the record"
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + DAY
    store = ObjectStore(ready.config(), ready.able)
    put = store.put_once(where, data, sha(data), len(data), lock=Lock("COMPLIANCE", until))
    admin = ready.s3("admin")
    version = {"Bucket": ready.bucket, "Key": where, "VersionId": put.version_id}
    assert refused(admin.delete_object, **version)
    assert refused(admin.delete_object, **version, BypassGovernanceRetention=True)
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": until - DAY / 2}
    assert refused(admin.put_object_retention, **version, Retention=sooner, BypassGovernanceRetention=True)
    assert store.retention(where, put.version_id) == ("COMPLIANCE", until)


def test_what_stands_there_unlocked_is_locked_and_never_unlocked_sooner(objects: ObjectStore) -> None:
    where, data = key(), b"the record"
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) + DAY
    objects.put_once(where, io.BytesIO(data), sha(data), len(data))
    for lock, ends in (
        (None, None),
        (Lock("GOVERNANCE", until), until),
        (Lock("GOVERNANCE", until - DAY / 2), until),
        (Lock("GOVERNANCE", until + DAY), until + DAY),
    ):
        objects.put_once(where, io.BytesIO(data), sha(data), len(data), lock=lock)
        assert objects.retention(where)[1] == ends


FILING = {"fonds_no": "T001", "category": "ZY·XK", "year": 2024, "retention_code": "D30"}
AS_OF = dt.datetime.fromisoformat("2026-11-20T01:00:00+08:00")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], None),
        ([LockRule("none"), LockRule("compliance")], None),
        ([LockRule("compliance", fonds="T002"), LockRule("governance")], ("GOVERNANCE", 2055)),
        ([LockRule("compliance", category="ZY")], ("COMPLIANCE", 2055)),
        ([LockRule("compliance", category="ZY·QZ")], None),
        ([LockRule("compliance", category="ZY·XK", retention="D30")], ("COMPLIANCE", 2055)),
        ([LockRule("compliance", retention="Y")], None),
        ([LockRule("governance", years=5)], ("GOVERNANCE", 2032)),
    ],
)
def test_the_first_rule_that_fits_decides(rules: list[LockRule], expected: tuple[str, int] | None) -> None:
    found = lock_for(rules, FILING, AS_OF)
    assert (found and (found.mode, found.until.year)) == expected


def test_permanent_records_are_locked_for_the_configured_years() -> None:
    found = lock_for([LockRule("compliance", permanent_years=150)], FILING | {"retention_code": "Y"}, AS_OF)
    assert found is not None
    assert found.until == dt.datetime.fromisoformat("2175-01-01T00:00:00+08:00")


# Holds


def test_a_hold_reaches_every_replica_and_is_in_the_chain(night: Any, second: str, capsys: Any) -> None:
    night.plan(night.place.endpoint, second)
    night.deposit()
    where = ["--home", str(night.home.root), "--as", "陈档案"]
    assert main(["store", "hold", night.key, *where, "--why", "行政诉讼（2026）"]) == 0
    as_putter = {night.place.bucket: night.place.s3("ingest"), second: night.place.s3("admin")}
    held = {}
    for name in (night.place.bucket, second):
        head = as_putter[name].head_object(Bucket=name, Key=night.key)
        assert head["ObjectLockLegalHoldStatus"] == "ON"
        held[name] = {"Bucket": name, "Key": night.key, "VersionId": head["VersionId"]}
        assert refused(as_putter[name].delete_object, **held[name], BypassGovernanceRetention=True)
    assert main(["store", "copies", night.key, "--home", str(night.home.root)]) == 0
    assert capsys.readouterr().out.count("保全 held") == 2
    assert main(["store", "release", night.key, *where, "--why", "判决生效"]) == 0
    for name in held:
        assert as_putter[name].head_object(**held[name]).get("ObjectLockLegalHoldStatus") != "ON"
    with night.ledger.read() as conn:
        said = [(r.kind, r.detail) for r in conn.execute(event.select().order_by(event.c.seq))][-2:]
        assert [k for k, _ in said] == ["hold", "hold-released"]
        assert "陈档案" in said[0][1]
        assert "判决生效" in said[1][1]
        assert list(chain.verify(conn)) == []


def test_a_hold_on_what_nobody_knows_is_refused(night: Any, capsys: Any) -> None:
    assert main(["store", "hold", "no/such", "--home", str(night.home.root), "--as", "x", "--why", "y"]) == 1
    assert "no such package" in capsys.readouterr().err


def test_a_replica_that_came_later_is_filled_and_a_hold_goes_along(night: Any, second: str) -> None:
    night.deposit()
    holding.hold(night.home, night.ledger, night.key, "陈档案", "审计")
    night.plan(night.place.endpoint, second)
    done = copying.sync(Home.of(night.home.root), night.ledger)
    assert (done.made, done.trouble) == ({"main": 0, "second": 1}, {})
    assert night.copies() == {"main": "proved", "second": "proved"}
    head = night.place.s3("admin").head_object(Bucket=second, Key=night.key)
    assert head["ObjectLockLegalHoldStatus"] == "ON"
    assert copying.nightly(night.home) == {"main": 0, "second": 0}
    with night.ledger.read() as conn:
        assert [c["legal_hold"] for c in copies.of_key(conn, night.key)] == [True, True]


def test_a_replica_is_not_filled_from_a_copy_that_rotted(night: Any, second: str) -> None:
    night.deposit()
    night.plan(night.place.endpoint, second)
    with night.ledger.begin() as tx:  # as if the deposit had been of other bytes
        tx.conn.exec_driver_sql("update copy set sha256 = ?", ("0" * 64,))
    with pytest.raises(copying.NotSynced, match="NotProved"):
        copying.nightly(night.home)
    assert night.copies() == {"main": "proved"}


def test_probe_tells_and_records_what_each_replica_can_do(night: Any, capsys: Any) -> None:
    assert main(["store", "probe", "--home", str(night.home.root)]) == 0
    told = capsys.readouterr().out
    assert "Object Lock" in told
    assert "One copy only" in told
    assert (night.home.root / "abilities.json").exists()
