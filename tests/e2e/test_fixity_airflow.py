"""The fixity audit through Airflow itself: damage makes the run red, is offered to a person, and repaired because they say so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from served_home import ServedHome

import samplenight
from ingest.audit.repair import damaged
from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import copy, event
from ingest.store import config
from ingest.store.config import StoreConfig
from ingest.store.objects import ObjectStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
AUDIT, DRILL = "fixity_audit", "emergency_drill"


class TwoReplicas(ServedHome):
    """With a second bucket as the other replica."""

    def __init__(self, root: Path, log: Path) -> None:
        super().__init__(root, log)
        self.wait(lambda: self.api.dag(AUDIT) and self.api.dag(DRILL))
        main_store, keys = config.load(self.home), self.secrets.s3["admin"]
        self.second = StoreConfig(main_store.endpoint, "second", keys.access_key, keys.secret_key, name="second")
        self.objects = ObjectStore(self.second)
        self.objects._s3.create_bucket(Bucket="second")
        (self.home.config / "store.json").write_text(json.dumps({
            "schema": "guidang.store/1.0", "min_copies": 2,
            "replicas": [{"name": "second", "endpoint": main_store.endpoint, "bucket": "second"}],
        }))  # fmt: skip
        config.save_keys(self.home, "second", keys.access_key, keys.secret_key)


@pytest.fixture
def running() -> Iterator[TwoReplicas]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        root = Path(folder) / "home"
        root.mkdir()
        samplenight.make(root, count=3, faults=())
        servers = TwoReplicas(root, Path(folder) / "log")
        try:
            yield servers
        finally:
            servers.stop()


def test_damage_is_red_offered_and_repaired_by_a_person_and_a_drill_passes(running: TwoReplicas) -> None:
    home, at = running.home, ["--home", str(running.home.root)]
    assert main(["ingest", *at]) == 0
    with Ledger(home.database_url) as ledger, ledger.begin() as tx:
        key = str(tx.conn.execute(sa.select(copy.c.object_key).order_by(copy.c.object_key)).scalars().first())
        tx.conn.execute(sa.update(copy).values(verified_at="2020-01-01T00:00:00.000+00:00"))  # years without a check
    whole = b"".join(running.objects.stream(key))
    rotten = bytearray(whole)
    rotten[len(whole) // 2] ^= 1
    running.objects._s3.put_object(Bucket="second", Key=key, Body=bytes(rotten))

    run = running.trigger(AUDIT, {"sample": 1})
    running.wait(lambda: running.states(AUDIT, run).get("offer") == "awaiting_input")
    running.wait(lambda: running.states(AUDIT, run).get("report") in ("failed", "success"))
    assert running.states(AUDIT, run)["report"] == "failed"
    with Ledger(home.database_url) as ledger:
        assert [(d["object_key"], d["replica"]) for d in damaged(ledger)] == [(key, "second")]
    assert running.objects.digest(key)[0] != ObjectStore(config.load(home)).digest(key)[0]  # nobody said so yet

    running.answer(AUDIT, run, "offer", "修复 repair", 0, reason="巡检发现")
    running.wait(lambda: running.states(AUDIT, run).get("repair") == "success")
    assert b"".join(running.objects.stream(key)) == whole
    with Ledger(home.database_url) as ledger:
        assert damaged(ledger) == []
        with ledger.read() as conn:
            wanted = sa.select(event.c.detail).where(event.c.kind == "repair_decided")
            (told,) = (json.loads(d) for d in conn.execute(wanted).scalars())
    assert (told["by"], told["reason"], told["key"]) == ("admin", "巡检发现", key)

    run = running.trigger(DRILL, {"sample": 2})
    running.wait(lambda: running.api.run_state(DRILL, run) in ("success", "failed"))
    assert running.api.run_state(DRILL, run) == "success"
    assert main(["ledger", "verify", *at]) == 0
