"""Fill replicas with what they lack: one that was away, or one that was configured after packages had been deposited."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.ledger import Ledger, copies
from ingest.ledger.copies import Copy
from ingest.settings import Home
from ingest.store import config
from ingest.store.objects import KeyTaken, NotProved, ObjectStore
from ingest.store.replicas import lock_of, open_store, replicate, require_locks
from sip.commit import commit_key

_AT_ONCE = 200  # rows asked of the ledger in one go


@dataclasses.dataclass(slots=True)
class Synced:
    """What a sync did: copies made by replica, and trouble in words by object key and replica."""

    made: dict[str, int]
    trouble: dict[str, str]


def sync(home: Home, ledger: Ledger) -> Synced:
    """Copy to each replica of the plan, from another that has it, every package that it lacks; oldest first.

    Each copy is entered and chained as soon as it is proved. A replica that is away is told once and left.
    Raises ConfigError.
    """
    plan = config.plan(home)
    out = Synced({r.name: 0 for r in plan.replicas}, {})
    stores: dict[str, ObjectStore] = {}
    for replica in plan.replicas:
        try:
            stores[replica.name] = open_store(home, replica)
            stores[replica.name].reach()
        except (ClientError, BotoCoreError) as e:
            stores.pop(replica.name, None)
            out.trouble[replica.name] = f"{type(e).__name__}: {e}"
            continue
        require_locks(stores[replica.name], plan)
    for name, target in stores.items():
        after: tuple[str, str] | None = None
        while rows := _lacking(ledger, name, after):
            for row in rows:
                try:
                    _copy(home, ledger, stores, target, row)
                    out.made[name] += 1
                except (ClientError, BotoCoreError, NotProved, KeyTaken, OSError) as e:
                    out.trouble[f"{row['object_key']} → {name}"] = f"{type(e).__name__}: {e}"
            after = (rows[-1]["as_of"], rows[-1]["object_key"])
    return out


class NotSynced(Exception):
    """Replicas lack packages still. Trying again may help; the text says what each said."""


def nightly(home: Home | None = None) -> dict[str, int]:
    """`sync` of this installation; copies made, by replica. Raises NotSynced while something is left, ConfigError."""
    home = home or Home.of()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        done = sync(home, ledger)
    if done.trouble:
        shown = "\n  ".join(f"{what}: {why}" for what, why in list(done.trouble.items())[:20])
        raise NotSynced(f"{len(done.trouble)} 处未补齐，下次再试 / not filled, to be tried again:\n  {shown}")
    return done.made


def _lacking(ledger: Ledger, replica: str, after: tuple[str, str] | None) -> list[Mapping[str, Any]]:
    with ledger.read() as conn:
        return copies.lacking(conn, replica, _AT_ONCE, after)


def _copy(
    home: Home, ledger: Ledger, stores: Mapping[str, ObjectStore], target: ObjectStore, row: Mapping[str, Any]
) -> None:
    key = str(row["object_key"])
    with ledger.read() as conn:
        known = [c for c in copies.of_key(conn, key) if c["state"] == "proved" and c["replica"] in stores]
        held = copies.is_held(conn, key)
    if not known:
        raise NotProved(f"{key}: no replica that answers has a proved copy")
    best = known[0]
    source = stores[str(best["replica"])]
    lock = lock_of(config.plan(home), row["filing"], dt.datetime.fromisoformat(row["as_of"]), dt.datetime.now(dt.UTC))
    made = replicate(
        key, best["sha256"], best["size"], source, target, home.root, version=best["version_id"], lock=lock, hold=held
    )
    mark = b"".join(source.stream(commit_key(key)))
    target.put_once(commit_key(key), mark, hashlib.sha256(mark).hexdigest(), len(mark), lock=lock, hold=held)
    protection = (lock.mode.lower(), lock.until.isoformat()) if lock else (None, None)
    with ledger.begin() as tx:
        copies.enter(
            tx, row["id"], key, [Copy(target.name, made.version_id, best["sha256"], best["size"], *protection)]
        )
        tx.chain.append("copied", row["id"], {"key": key, "replicas": [target.name], "from": source.name})
