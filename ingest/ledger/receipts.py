"""Receipts in the ledger: which are owed, which were sent, and who has waited too long for the last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.ledger import Transaction
from ingest.ledger.tables import batch, receipt, record
from ingest.model import Receipt, State

Row = Mapping[str, Any]
Key = tuple[str, Receipt]  # record and kind

_original = record.alias("original")
# the last word on a delivery that came twice is that on the first of them
_WAITS = sa.and_(
    receipt.c.kind == Receipt.FINAL.value,
    record.c.state == State.DUPLICATE.value,
    ~sa.exists().where(
        _original.c.id == record.c.duplicate_of,
        _original.c.state.in_([State.ACKNOWLEDGED.value, State.REJECTED.value]),
    ),
)


def unsent(conn: Connection, *, batch_id: str | None = None, untried: bool = False) -> list[Key]:
    """The owed receipts whose time may have come, in the order in which they are to be sent; what failed before comes last, so
    that it holds up no other.

    ``batch_id`` means the records of a batch, and those that came twice and wait for one of them; ``untried`` leaves out what
    was tried before.
    """
    query = (
        sa.select(receipt.c.subject, receipt.c.kind)
        .join(record, receipt.c.subject == record.c.id)
        .where(receipt.c.sent_at.is_(None), ~_WAITS)
    )
    if batch_id is not None:
        of_batch = sa.select(_original.c.id).where(_original.c.batch_id == batch_id)
        query = query.where(sa.or_(record.c.batch_id == batch_id, record.c.duplicate_of.in_(of_batch)))
    if untried:
        query = query.where(receipt.c.last_error.is_(None))
    order = (receipt.c.attempts, receipt.c.owed_at, record.c.batch_id, record.c.position)
    return [(r.subject, Receipt(r.kind)) for r in conn.execute(query.order_by(*order))]


def load(conn: Connection, keys: Sequence[Key]) -> list[Row]:
    """These receipts, where they are owed still, each with its whole record: ``kind``, ``owed_at``, ``attempts`` and the record's
    columns. In the order of ``keys``."""
    found = conn.execute(
        sa.select(record, receipt.c.kind, receipt.c.owed_at, receipt.c.attempts)
        .join(receipt, receipt.c.subject == record.c.id)
        .where(sa.tuple_(receipt.c.subject, receipt.c.kind).in_(keys), receipt.c.sent_at.is_(None))
    )
    rows = {(r.id, r.kind): dict(r._mapping) for r in found}
    return [rows[key] for key in keys if key in rows]


def still_owed(conn: Connection, rows: Iterable[Row]) -> list[Row]:
    """Those of ``rows`` that nobody else has sent meanwhile, and that were not owed anew."""
    keys = [(row["id"], row["kind"], row["owed_at"]) for row in rows]
    columns = (receipt.c.subject, receipt.c.kind, receipt.c.owed_at)
    found = conn.execute(sa.select(*columns).where(sa.tuple_(*columns).in_(keys), receipt.c.sent_at.is_(None)))
    there = {tuple(r) for r in found}
    return [row for row in rows if (row["id"], row["kind"], row["owed_at"]) in there]


def sent(tx: Transaction, told: Iterable[tuple[Row, str]]) -> None:
    """Mark receipts as handed over, with the SHA-256 of their bytes. The caller chains the events."""
    rows = [{"s": row["id"], "k": row["kind"], "d": digest} for row, digest in told]
    if rows:
        tx.conn.execute(_SENT, [{**row, "at": tx.now} for row in rows])


def failed(tx: Transaction, row: Row, error: str, *, tried: bool) -> None:
    """Note that a receipt could not be handed over: it was ``tried`` itself, or its source was away. It stays owed."""
    tx.conn.execute(_FAILED, {"s": row["id"], "k": row["kind"], "why": error[:2000], "n": int(tried)})


_HERE = sa.and_(receipt.c.subject == sa.bindparam("s"), receipt.c.kind == sa.bindparam("k"))
_SENT = sa.update(receipt).where(_HERE).values(
    sent_at=sa.bindparam("at"), digest=sa.bindparam("d"), attempts=receipt.c.attempts + 1, last_error=None
)  # fmt: skip
_FAILED = sa.update(receipt).where(_HERE).values(
    attempts=receipt.c.attempts + sa.bindparam("n", type_=sa.Integer), last_error=sa.bindparam("why")
)  # fmt: skip


def of_record(conn: Connection, record_id: str) -> list[Row]:
    """What is known of a record's receipts, in the order in which they are given."""
    found = {r.kind: dict(r._mapping) for r in conn.execute(sa.select(receipt).where(receipt.c.subject == record_id))}
    return [found[kind] for kind in Receipt if kind in found]


def of_batch_unsent() -> sa.ColumnElement[bool]:
    """Of batches: that something is to be sent for one of their records."""
    owing = sa.select(record.c.batch_id).join(receipt, receipt.c.subject == record.c.id)
    return batch.c.id.in_(owing.where(receipt.c.sent_at.is_(None), ~_WAITS))
