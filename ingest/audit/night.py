"""The night's last step, over all replicas of the store."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.audit import timestamp
from ingest.audit.anchor import anchor, lock_of, spread
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.settings import Home
from ingest.store import config
from ingest.store.locks import Lock
from ingest.store.objects import ObjectStore
from ingest.store.replicas import open_store


def anchor_everywhere(home: Home, as_of: dt.datetime) -> dict[str, Any]:
    """Sign, stamp, and bring every replica to the same state; see `ingest.night.anchor`."""
    plan = config.plan(home)
    main, *others = plan.replicas
    store = open_store(home, main)
    lock = lock_of(plan.locks, as_of)
    with Ledger(home.database_url) as ledger:
        made = anchor(
            home, ledger, store, as_of.astimezone(CST).isoformat(timespec="seconds"), _where_able(store, lock)
        )
    away: dict[str, str] = {}
    try:
        url = timestamp.authority()
        stamped = timestamp.stamp_missing(store, url, _where_able(store, lock)) if url else []
    finally:  # without a stamp, too, the heads are worth keeping twice
        for replica in others:
            try:
                other = open_store(home, replica)
                spread(store, other, _where_able(other, lock))
            except (ClientError, BotoCoreError) as e:
                away[replica.name] = f"{type(e).__name__}: {e}"
    return {"heads": [dataclasses.asdict(h) for h in made], "stamped": stamped, "away": away}


def _where_able(store: ObjectStore, lock: Lock | None) -> Lock | None:
    return lock if lock is not None and store.able.object_lock else None
