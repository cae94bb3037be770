"""The copies of each package: who has one, what it is, and when it was last proved to be the deposited bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.ledger import Transaction
from ingest.ledger.tables import copy, record
from ingest.model import CopyState


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """One proved copy, as a deposit or a replication leaves it. Times are ISO 8601 texts with an offset."""

    replica: str
    version_id: str | None
    sha256: str
    size: int
    lock_mode: str | None = None
    retain_until: str | None = None

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Copy:
        return cls(**data)


def enter(tx: Transaction, record_id: str, object_key: str, made: Iterable[Copy]) -> None:
    """Enter proved copies, in place of what was known of them; a package under legal hold is so in every copy.
    The caller chains the event that tells of them."""
    held = is_held(tx.conn, object_key)
    for one in made:
        tx.conn.execute(sa.delete(copy).where(copy.c.object_key == object_key, copy.c.replica == one.replica))
        tx.conn.execute(
            sa.insert(copy).values(
                object_key=object_key, record_id=record_id, state=CopyState.PROVED.value, deposited_at=tx.now,
                verified_at=tx.now, legal_hold=held, **one.as_json(),
            )
        )  # fmt: skip


def is_held(conn: Connection, object_key: str) -> bool:
    """Whether the package is under a legal hold."""
    query = sa.select(copy.c.legal_hold).where(copy.c.object_key == object_key, copy.c.legal_hold.is_(True))
    return conn.execute(query).first() is not None


def set_hold(tx: Transaction, object_key: str, on: bool) -> None:
    """Note that all copies of a package are under legal hold, or no more. The caller chains the event."""
    tx.conn.execute(sa.update(copy).where(copy.c.object_key == object_key).values(legal_hold=on))


def verified(tx: Transaction, object_key: str, replica: str, state: CopyState) -> CopyState:
    """Note what a look at a copy has shown, and when; returns what was known before. The caller chains an event for what
    changes. Raises NoResultFound for a copy that the ledger does not know."""
    here = sa.and_(copy.c.object_key == object_key, copy.c.replica == replica)
    before = CopyState(tx.conn.execute(sa.select(copy.c.state).where(here)).scalar_one())
    tx.conn.execute(sa.update(copy).where(here).values(state=state.value, verified_at=tx.now))
    return before


def proved(conn: Connection, object_keys: Iterable[str]) -> dict[str, set[str]]:
    """The replicas with a proved copy, by object key; keys without one are absent."""
    out: dict[str, set[str]] = {}
    todo = list(object_keys)
    for start in range(0, len(todo), 500):
        rows = conn.execute(
            sa.select(copy.c.object_key, copy.c.replica).where(
                copy.c.object_key.in_(todo[start : start + 500]), copy.c.state == CopyState.PROVED.value
            )
        )
        for row in rows:
            out.setdefault(row.object_key, set()).add(row.replica)
    return out


def of_key(conn: Connection, object_key: str) -> list[Mapping[str, Any]]:
    """All that is known of the copies of one package, by replica."""
    rows = conn.execute(sa.select(copy).where(copy.c.object_key == object_key).order_by(copy.c.replica))
    return [dict(r._mapping) for r in rows]


def lacking(
    conn: Connection, replica: str, limit: int, after: tuple[str, str] | None = None
) -> list[Mapping[str, Any]]:
    """Records whose package has a proved copy, but none in ``replica``: id, object_key, filing, as_of, by (as_of,
    object_key), at most ``limit``, those behind ``after``."""
    there = sa.exists().where(
        copy.c.object_key == record.c.object_key, copy.c.replica == replica, copy.c.state == CopyState.PROVED.value
    )
    elsewhere = sa.exists().where(copy.c.object_key == record.c.object_key, copy.c.state == CopyState.PROVED.value)
    query = sa.select(record.c.id, record.c.object_key, record.c.filing, record.c.as_of).where(elsewhere, ~there)
    if after is not None:
        query = query.where(sa.tuple_(record.c.as_of, record.c.object_key) > sa.tuple_(*after))
    rows = conn.execute(query.order_by(record.c.as_of, record.c.object_key).limit(limit))
    return [dict(r._mapping) for r in rows]
