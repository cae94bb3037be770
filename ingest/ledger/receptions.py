"""Received transfers in the ledger of the archives: every step with its event, and what is held by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.ledger import Transaction
from ingest.ledger.tables import holding, reception
from ingest.model import ReceptionState

Row = Mapping[str, Any]


def get(conn: Connection, reception_id: str) -> Row | None:
    row = conn.execute(sa.select(reception).where(reception.c.id == reception_id)).one_or_none()
    return None if row is None else dict(row._mapping)


def enter(tx: Transaction, reception_id: str, *, by: str, source: str, target: str, size: int) -> bool:
    """Enter a package that has arrived whole; False when it is known already."""
    if get(tx.conn, reception_id) is not None:
        return False
    tx.conn.execute(
        sa.insert(reception).values(
            id=reception_id, state=ReceptionState.RECEIVED.value, received_by=by, source=source, target=target, size=size,
            created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip
    tx.chain.append("reception-received", None, {"sha256": reception_id, "size": size, "by": by})
    return True


def move(
    tx: Transaction, reception_id: str, before: Iterable[ReceptionState], after: ReceptionState,
    detail: Mapping[str, Any] | None = None, **columns: Any,
) -> bool:  # fmt: skip
    """Change a reception's state with its event; False when it no longer stands in ``before``."""
    done = tx.conn.execute(
        sa.update(reception)
        .where(reception.c.id == reception_id, reception.c.state.in_([s.value for s in before]))
        .values(state=after.value, updated_at=tx.now, **columns)
    )
    if not done.rowcount:
        return False
    tx.chain.append(f"reception-{after.value.lower()}", None, {"sha256": reception_id, **(detail or {})})
    return True


def held(conn: Connection, codes: Iterable[tuple[str, int]], but: str) -> list[str]:
    """Those of the (档号, version) that an accepted transfer other than ``but`` has brought already."""
    out: list[str] = []
    todo = list(codes)
    for start in range(0, len(todo), 400):
        some = todo[start : start + 400]
        rows = conn.execute(
            sa.select(holding.c.archival_code).where(
                sa.tuple_(holding.c.archival_code, holding.c.version).in_(some), holding.c.reception_id != but
            )
        )
        out += rows.scalars()
    return sorted(out)


def hold(tx: Transaction, reception_id: str, codes: Iterable[tuple[str, int]]) -> None:
    """Enter what an accepted transfer has brought. Raises IntegrityError for what is held already."""
    rows = [{"archival_code": c, "version": v, "reception_id": reception_id} for c, v in sorted(set(codes))]
    if rows:
        tx.conn.execute(sa.insert(holding), rows)
