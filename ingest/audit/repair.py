"""Repair a damaged or missing copy from one that is whole, because a person decided so; never by itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError

from ingest.ledger import Ledger, copies
from ingest.ledger.copies import Copy
from ingest.ledger.tables import copy, record
from ingest.model import CopyState
from ingest.settings import ConfigError, Home
from ingest.store import config
from ingest.store.objects import NotProved, ObjectStore
from ingest.store.replicas import lock_of, open_store
from sip import commit


class NothingToRepair(Exception):
    """The ledger knows no such copy, or knows it as whole."""


class NoGoodCopy(Exception):
    """No other replica gives the deposited bytes; the text says what each gave."""


@dataclasses.dataclass(frozen=True, slots=True)
class Repaired:
    """A copy that is whole again: where, from where, and what it had been."""

    key: str
    replica: str
    source: str
    was: str


def damaged(ledger: Ledger) -> list[dict[str, Any]]:
    """All copies that are known not to be whole, oldest finding first: object_key, replica, state, verified_at, record_id."""
    columns = (copy.c.object_key, copy.c.replica, copy.c.state, copy.c.verified_at, copy.c.record_id)
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(*columns)
            .where(copy.c.state != CopyState.PROVED.value)
            .order_by(copy.c.verified_at, copy.c.object_key)
        )
        return [dict(r._mapping) for r in rows]


def repair(home: Home, ledger: Ledger, key: str, replica: str, *, by: str, reason: str) -> Repaired:
    """Put the deposited bytes again into ``replica`` and prove them there; who decided it and why is chained.

    The decision is chained before the store is touched and the outcome after, so that no repair is ever silent; killed in
    between, it is safe to run again. Raises NothingToRepair, NoGoodCopy, ConfigError for nobody's decision or an unknown
    replica, ClientError and BotoCoreError for trouble with the store.
    """
    if not by.strip() or not reason.strip():
        raise ConfigError("修复须有决定人与理由 / a repair needs who decides and why (--as, --reason)")
    row = _row(ledger, key, replica)
    plan = config.plan(home)
    places = {r.name: r for r in plan.replicas}
    if replica not in places:
        raise ConfigError(f"没有副本 {replica} / no replica {replica} in the configuration")
    with ledger.begin() as tx:
        told = {"key": key, "replica": replica, "was": row["state"], "by": by, "reason": reason}
        tx.chain.append("repair_decided", row["record_id"], told)
    target = open_store(home, places[replica])
    lock = lock_of(plan, row["filing"], dt.datetime.fromisoformat(row["as_of"]), dt.datetime.now(dt.UTC))
    with tempfile.NamedTemporaryFile(dir=home.root, prefix=".repair-") as temp:
        source = _good(home, ledger, row, places, Path(temp.name))
        with Path(temp.name).open("rb") as body:
            stored = target.put_again(key, body, row["sha256"], row["size"], lock=lock, hold=row["legal_hold"])
    mark_key = commit.commit_key(key)
    mark = b"".join(source.stream(mark_key))
    if target.size(mark_key) is None or target.digest(mark_key) != (hashlib.sha256(mark).hexdigest(), len(mark)):
        with tempfile.TemporaryFile() as body:
            body.write(mark)
            body.seek(0)
            target.put_again(mark_key, body, hashlib.sha256(mark).hexdigest(), len(mark), lock=lock)
    protection = (lock.mode.lower(), lock.until.isoformat()) if lock else (None, None)
    with ledger.begin() as tx:
        one = Copy(replica, stored.version_id, row["sha256"], row["size"], *protection)
        copies.enter(tx, row["record_id"], key, [one])
        tx.chain.append("repaired", row["record_id"], {"key": key, "replica": replica, "from": source.name, "by": by})
    return Repaired(key, replica, source.name, str(row["state"]))


def _row(ledger: Ledger, key: str, replica: str) -> dict[str, Any]:
    with ledger.read() as conn:
        found = conn.execute(
            sa.select(copy, record.c.filing, record.c.as_of)
            .join(record, record.c.id == copy.c.record_id)
            .where(copy.c.object_key == key, copy.c.replica == replica)
        ).one_or_none()
    if found is None:
        raise NothingToRepair(f"台账中没有副本 {replica} 的 {key} / the ledger knows no copy of {key} in {replica}")
    if found.state == CopyState.PROVED:
        raise NothingToRepair(
            f"{replica} 的 {key} 是完好的 / the copy of {key} in {replica} is whole ({found.verified_at})"
        )
    return dict(found._mapping)


def _good(home: Home, ledger: Ledger, row: Mapping[str, Any], places: Mapping[str, Any], into: Path) -> ObjectStore:
    """Fetch the deposited bytes from the first other replica that gives them."""
    with ledger.read() as conn:
        others = [c for c in copies.of_key(conn, row["object_key"]) if c["replica"] != row["replica"]]
    said: list[str] = []
    for other in others:
        if other["replica"] not in places:
            continue
        try:
            source = open_store(home, places[other["replica"]])
            source.fetch(row["object_key"], into, other["version_id"])
            with into.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != row["sha256"]:
                raise NotProved(f"SHA-256 {found}")
            return source
        except (ClientError, BotoCoreError, NotProved) as e:
            said.append(f"{other['replica']}: {e}")
    raise NoGoodCopy(
        f"{row['object_key']}: 没有完好的副本可用 / no good copy to repair from"
        + (f": {'; '.join(said)}" if said else "（没有别的副本 / there is no other）")
    )
