"""Deliveries that hold several records, and the last word on each as a whole: owed when it is opened, due when every record in it
has had its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.receipts import Key, Row
from ingest.ledger.tables import batch, opened, receipt, record
from ingest.model import Receipt

_part = record.alias("part")
_parts = sa.select(sa.func.count()).where(_part.c.container == opened.c.id).scalar_subquery()
_DUE = sa.and_(
    receipt.c.subject == opened.c.id,
    receipt.c.sent_at.is_(None),
    ~sa.exists().where(_part.c.container == opened.c.id, _part.c.receipt_at.is_(None)),
    _parts >= opened.c.records,
)


def unsent(conn: Connection, *, batch_id: str | None = None, untried: bool = False) -> list[Key]:
    """The deliveries whose last word is due, of all batches or with a record in ``batch_id``; what failed before comes last.
    ``untried`` leaves that out."""
    query = sa.select(opened.c.id).join(receipt, receipt.c.subject == opened.c.id).where(_DUE)
    if batch_id is not None:
        query = query.where(sa.exists().where(_part.c.container == opened.c.id, _part.c.batch_id == batch_id))
    if untried:
        query = query.where(receipt.c.last_error.is_(None))
    order = (receipt.c.attempts, receipt.c.owed_at, opened.c.id)
    return [(r.id, Receipt.FINAL) for r in conn.execute(query.order_by(*order))]


def load(conn: Connection, keys: Sequence[Key]) -> list[Row]:
    """These deliveries as far as they are still to be told, in the order of ``keys``, each with the ``source`` that they
    came from and ``parts``: what became of its records."""
    ids = [key[0] for key in keys]
    found = conn.execute(
        sa.select(opened, receipt.c.kind, receipt.c.owed_at, receipt.c.attempts)
        .join(receipt, receipt.c.subject == opened.c.id)
        .where(opened.c.id.in_(ids), _DUE)
    )
    rows: dict[str, dict[str, Any]] = {r.id: {**r._mapping, "parts": []} for r in found}
    columns = [record.c[name] for name in ("container", "source", "delivery", "case_no", "version", "state", "as_of",
                                           "receipt_code", "electronic_record_code", "archival_code")]  # fmt: skip
    of_them = sa.select(*columns).where(record.c.container.in_(list(rows))).order_by(record.c.delivery, record.c.id)
    for part in conn.execute(of_them):
        rows[part.container].setdefault("source", part.source)
        rows[part.container]["parts"].append(dict(part._mapping))
    return [rows[id_] for id_ in ids if id_ in rows]


def of_batch_unsent() -> sa.ColumnElement[bool]:
    """Of batches: that the last word on a delivery whose first record stands in them is due."""
    return batch.c.id.in_(sa.select(opened.c.batch_id).join(receipt, receipt.c.subject == opened.c.id).where(_DUE))
