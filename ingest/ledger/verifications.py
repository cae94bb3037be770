"""Verifications that were asked for: the documents with their evidence, as the chained events of the same digest seal them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.ledger import Transaction
from ingest.ledger.tables import verification


def enter(
    tx: Transaction, token: str, record_id: str, by: str, outcome: str, digest: str, event: int, document: str
) -> None:
    """Keep a document (canonical JSON with that SHA-256). The caller chains ``event``."""
    tx.conn.execute(
        sa.insert(verification).values(
            id=token,
            record_id=record_id,
            at=tx.now,
            by=by,
            outcome=outcome,
            digest=digest,
            event=event,
            document=document,
        )
    )


def of_record(conn: Connection, record_id: str, limit: int) -> list[Mapping[str, Any]]:
    """The record's latest verifications, newest first, without their documents."""
    columns = [c for c in verification.c if c.name != "document"]
    rows = conn.execute(
        sa.select(*columns)
        .where(verification.c.record_id == record_id)
        .order_by(verification.c.event.desc())
        .limit(limit)
    )
    return [dict(r._mapping) for r in rows]


def by_id(conn: Connection, token: str) -> Mapping[str, Any] | None:
    row = conn.execute(sa.select(verification).where(verification.c.id == token)).one_or_none()
    return None if row is None else dict(row._mapping)


def by_digest(conn: Connection, digest: str) -> Mapping[str, Any] | None:
    row = conn.execute(sa.select(verification).where(verification.c.digest == digest)).one_or_none()
    return None if row is None else dict(row._mapping)
