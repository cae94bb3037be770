"""All the places that hold a package: opened together, filled together, and filled from one another."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.settings import ConfigError, Home
from ingest.store import abilities
from ingest.store.config import StoreConfig, StorePlan
from ingest.store.locks import Lock, lock_for
from ingest.store.objects import NotProved, ObjectStore, Stored, client


def open_store(home: Home, config: StoreConfig) -> ObjectStore:
    """One replica, with its abilities as recorded in the home (probed where they are not). Raises ClientError and
    BotoCoreError where it is away and nothing is recorded."""
    return ObjectStore(config, abilities.recorded(home, config, client(config)))


def lock_of(plan: StorePlan, filing: Mapping[str, Any], as_of: dt.datetime, now: dt.datetime) -> Lock | None:
    """The lock that the plan asks for, None where it asks for none or for one that is over: servers refuse a lock that has
    ended, and it would protect nothing."""
    lock = lock_for(plan.locks, filing, as_of)
    return lock if lock is not None and lock.until > now else None


def require_locks(store: ObjectStore, plan: StorePlan) -> None:
    """Raises ConfigError where the plan locks packages and the store cannot."""
    if any(r.mode != "none" for r in plan.locks) and not store.able.object_lock:
        raise ConfigError(
            f"副本 {store.name} 的桶没有开启对象锁定，而 config/store.json 的 locks 要求锁定；请用 `guidang store init` 新建带锁定的桶"
            f" / the bucket of replica {store.name} has no Object Lock, which locks in config/store.json ask for: "
            "make one that has it with `guidang store init`"
        )


def replicate(
    key: str, sha256: str, size: int, source: ObjectStore, target: ObjectStore, folder: Path, *,
    version: str | None = None, lock: Lock | None = None, hold: bool = False,
) -> Stored:  # fmt: skip
    """Copy one object from a replica to another, proved at its end; goes through a file below ``folder``, never through memory.

    Raises NotProved where the source's own bytes are not those of ``sha256`` (nothing is then written), and as `put_once`.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".copy-") as temp:
        source.fetch(key, Path(temp.name), version)
        with Path(temp.name).open("rb") as body:
            found = hashlib.file_digest(body, "sha256").hexdigest()
            if found != sha256 or body.tell() != size:
                raise NotProved(f"{key}: {source.name} holds {found} ({body.tell()} bytes), deposited was {sha256}")
            body.seek(0)
            return target.put_once(key, body, sha256, size, lock=lock, hold=hold)
