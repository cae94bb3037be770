"""Transfers in the ledger: which records are chosen, that each is in one transfer only, and every step with its event."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.ledger.ledger import Transaction
from ingest.ledger.tables import record, transfer, transfer_item
from ingest.model import State, TransferState

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """Which archived records go: of one fonds, of a year, of a retention, due by a day (YYYY-MM-DD), at most so many."""

    fonds_no: str
    year: int | None = None
    retention_code: str | None = None
    due_by: str | None = None
    limit: int | None = None


def choose(conn: Connection, wanted: Selection) -> list[Row]:
    """The archived records that the selection means and no transfer has yet, by 档号 and version. All versions of a case go together:
    a limit counts cases."""
    taken = sa.exists().where(transfer_item.c.lock == record.c.id)
    where = [record.c.state == State.ACKNOWLEDGED.value, record.c.fonds_no == wanted.fonds_no, ~taken]
    if wanted.year is not None:
        where.append(record.c.year == wanted.year)
    if wanted.retention_code is not None:
        where.append(record.c.retention_code == wanted.retention_code)
    if wanted.due_by is not None:
        where.append(record.c.transfer_due <= wanted.due_by)
    rows = conn.execute(sa.select(record).where(*where).order_by(record.c.archival_code, record.c.version))
    found: list[Row] = [dict(r._mapping) for r in rows]
    if wanted.limit is None:
        return found
    codes = set(sorted({r["archival_code"] for r in found})[: wanted.limit])
    return [r for r in found if r["archival_code"] in codes]


def waiting(conn: Connection, due_by: str | None = None) -> list[dict[str, Any]]:
    """What could be transferred: ``{fonds_no, year, retention_code, records, due}`` by fonds, year and retention."""
    taken = sa.exists().where(transfer_item.c.lock == record.c.id)
    group = (record.c.fonds_no, record.c.year, record.c.retention_code)
    where = [record.c.state == State.ACKNOWLEDGED.value, ~taken]
    if due_by is not None:
        where.append(record.c.transfer_due <= due_by)
    rows = conn.execute(
        sa.select(
            *group,
            sa.func.count(sa.distinct(record.c.archival_code)).label("records"),
            sa.func.min(record.c.transfer_due).label("due"),
        )
        .where(*where)
        .group_by(*group)
        .order_by(*group)
    )
    return [dict(r._mapping) for r in rows]


def by_request(conn: Connection, request: str) -> Row | None:
    """The transfer that this request opened, None where it opened none."""
    row = conn.execute(sa.select(transfer).where(transfer.c.request == request)).one_or_none()
    return None if row is None else dict(row._mapping)


def get(conn: Connection, transfer_id: str) -> Row | None:
    row = conn.execute(sa.select(transfer).where(transfer.c.id == transfer_id)).one_or_none()
    return None if row is None else dict(row._mapping)


def listing(conn: Connection) -> list[Row]:
    """All transfers, oldest first."""
    rows = conn.execute(sa.select(transfer).order_by(transfer.c.created_at, transfer.c.id))
    return [dict(r._mapping) for r in rows]


def items(conn: Connection, transfer_id: str) -> list[Row]:
    """The records of a transfer with their place in it (``earlier``, ``item_state``), by 档号 and version."""
    rows = conn.execute(
        sa.select(record, transfer_item.c.earlier, transfer_item.c.state.label("item_state"))
        .join(transfer_item, transfer_item.c.record_id == record.c.id)
        .where(transfer_item.c.transfer_id == transfer_id)
        .order_by(transfer_item.c.archival_code, transfer_item.c.version)
    )
    return [dict(r._mapping) for r in rows]


def open_(
    tx: Transaction, request: str, wanted: Selection, rows: Iterable[Row], *,
    target: str, as_of: str, by: str, opinion: Mapping[str, str],
) -> str:  # fmt: skip
    """Open a transfer of ``rows`` and lock them; returns its 移交编号 (``<fonds>-YJ<year of transfer>-<serial>``)."""
    chosen = list(rows)
    year = as_of[:4]
    serial = tx.next_serial(f"transfer|{wanted.fonds_no}|{year}")
    new = f"{wanted.fonds_no}-YJ{year}-{serial:03d}"
    newest: dict[str, int] = {}
    for r in chosen:
        newest[r["archival_code"]] = max(newest.get(r["archival_code"], 0), r["version"])
    tx.conn.execute(
        sa.insert(transfer).values(
            id=new, request=request, fonds_no=wanted.fonds_no, year=wanted.year, retention_code=wanted.retention_code,
            target=target, as_of=as_of, state=TransferState.BUILDING.value, opened_by=by, opinion=dict(opinion),
            records=len(newest), created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip
    tx.conn.execute(
        sa.insert(transfer_item),
        [
            {"transfer_id": new, "record_id": r["id"], "archival_code": r["archival_code"], "version": r["version"],
             "earlier": r["version"] < newest[r["archival_code"]], "state": "locked", "lock": r["id"]}
            for r in chosen
        ],
    )  # fmt: skip
    tx.chain.append("transfer-opened", None, {"transfer": new, "by": by, "records": len(newest), "target": target})
    for r in chosen:
        tx.chain.append("transfer-locked", r["id"], {"transfer": new})
    return new


def fix(tx: Transaction, transfer_id: str, about: Mapping[str, Any]) -> None:
    """Keep what a transfer is made with, once: what is kept already stays."""
    tx.conn.execute(
        sa.update(transfer)
        .where(transfer.c.id == transfer_id, transfer.c.about.is_(sa.null()))
        .values(about=dict(about))
    )


def move(
    tx: Transaction, transfer_id: str, before: Iterable[TransferState], after: TransferState,
    detail: Mapping[str, Any] | None = None, **columns: Any,
) -> bool:  # fmt: skip
    """Change a transfer's state with its event; False when it no longer stands in ``before``. Accepted transfers mark their
    records as transferred, rejected ones set them free."""
    done = tx.conn.execute(
        sa.update(transfer)
        .where(transfer.c.id == transfer_id, transfer.c.state.in_([s.value for s in before]))
        .values(state=after.value, updated_at=tx.now, **columns)
    )
    if not done.rowcount:
        return False
    tx.chain.append(f"transfer-{after.value}", None, {"transfer": transfer_id, **(detail or {})})
    if after is TransferState.ACCEPTED:
        _settle(tx, transfer_id, "transferred", keep_lock=True)
    elif after is TransferState.REJECTED:
        _settle(tx, transfer_id, "released", keep_lock=False)
    return True


def _settle(tx: Transaction, transfer_id: str, state: str, *, keep_lock: bool) -> None:
    of_it = transfer_item.c.transfer_id == transfer_id
    ids = tx.conn.execute(
        sa.select(transfer_item.c.record_id)
        .where(of_it)
        .order_by(transfer_item.c.archival_code, transfer_item.c.version)
    )
    for record_id in ids.scalars().all():
        tx.chain.append(f"transfer-{state}", record_id, {"transfer": transfer_id})
    values: dict[str, Any] = {"state": state}
    tx.conn.execute(sa.update(transfer_item).where(of_it).values(**values if keep_lock else values | {"lock": None}))
