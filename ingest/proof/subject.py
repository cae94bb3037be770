"""What the ledger says of the record that is verified: its row, its copies, its events."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ingest.ledger.tables import copy, event, record


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """One record with all that the ledger has about it. ``events`` are in order, their ``detail`` read."""

    row: Mapping[str, Any]
    copies: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    def last(self, kind: str) -> Mapping[str, Any] | None:
        """The record's last event of a kind."""
        return next((e for e in reversed(self.events) if e["kind"] == kind), None)

    @property
    def key(self) -> str | None:
        """The package's object key as the chain tells it, which nobody can edit unseen; else as the ledger's rows do."""
        told = self.last("deposited")
        if told is not None and told["detail"].get("key"):
            return str(told["detail"]["key"])
        keys = [c["object_key"] for c in self.copies] + [self.row["object_key"]]
        return next((str(k) for k in keys if k), None)

    @property
    def packaged(self) -> tuple[str, int, int] | None:
        """SHA-256, size and event number of the package as the chain tells of its making."""
        told = self.last("packaged")
        return (str(told["detail"]["sha256"]), int(told["detail"]["size"]), int(told["seq"])) if told else None


def load(conn: Connection, record_id: str) -> Subject:
    """Raises KeyError where there is no such record."""
    row = conn.execute(sa.select(record).where(record.c.id == record_id)).one_or_none()
    if row is None:
        raise KeyError(record_id)
    copies = conn.execute(sa.select(copy).where(copy.c.record_id == record_id).order_by(copy.c.replica))
    events = conn.execute(sa.select(event).where(event.c.record_id == record_id).order_by(event.c.seq))
    return Subject(
        dict(row._mapping),
        tuple(dict(c._mapping) for c in copies),
        tuple({**e._mapping, "detail": detail_of(e.detail)} for e in events),
    )


def detail_of(detail: str) -> dict[str, Any]:
    """An event's detail; of one that somebody edited into something else, nothing: the chain's own check says so."""
    try:
        found = json.loads(detail)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def ids_of(conn: Connection, name: str) -> list[str]:
    """The packaged records that ``name`` means: a record's id, an object key, or all versions of a 档号 or 电子文件号."""
    wanted = (record.c.id, record.c.object_key, record.c.archival_code, record.c.electronic_record_code)
    rows = conn.execute(
        sa.select(record.c.id)
        .where(sa.or_(*(c == name for c in wanted)), record.c.object_key.is_not(None))
        .order_by(record.c.object_key)
    )
    return [str(r) for r in rows.scalars()]
