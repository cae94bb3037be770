"""That the chain is signed and stored each night is looked for in a real store."""

from __future__ import annotations

import datetime as dt
import os

import sqlalchemy as sa
from inspected_home import NIGHT, InspectedHome

from ingest.audit.night import anchor_everywhere
from ingest.ledger.tables import chain_head, event
from ingest.servers.seaweed import StoreEndpoint
from ingest.store.config import StoreConfig, save


def test_events_without_a_head_and_a_ledger_that_contradicts_one_are_hazards(
    inspected: InspectedHome, store: StoreEndpoint
) -> None:
    bucket, keys = f"inspect-{os.urandom(6).hex()}", store.users["admin"]
    with_client = store.client("admin")
    with_client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    save(inspected.home, StoreConfig(store.url, bucket, keys.access_key, keys.secret_key, store.region))
    inspected.archive(1)
    now = dt.datetime.now(dt.UTC)
    look = (now - NIGHT).days

    inspected.scan(look)  # the events are of today: the night may still come
    assert not {"HAZ-NOT-ANCHORED", "HAZ-CHAIN-CONTRADICTED"} & inspected.rules()
    told = inspected.scan(look + 4)
    assert not told.unknown and "HAZ-NOT-ANCHORED" in inspected.rules()

    anchor_everywhere(inspected.home, now)
    gone = inspected.scan(look)
    assert inspected.item("HAZ-NOT-ANCHORED").id in gone.gone
    with inspected.ledger.begin() as tx:
        last = tx.conn.execute(sa.select(chain_head.c.seq)).scalar_one()
        head = tx.conn.execute(sa.select(sa.func.max(event.c.seq))).scalar_one()
        assert head == last
        tx.conn.execute(sa.update(event).values(digest="0" * 64))
    inspected.scan(look)
    assert "HAZ-CHAIN-CONTRADICTED" in inspected.rules()
