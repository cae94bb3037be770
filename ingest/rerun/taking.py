"""A run takes what was asked for: its records go on from where they stand, or from the source where that was asked."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ingest import code
from ingest.ledger import Ledger, Transaction
from ingest.ledger.ledger import share
from ingest.ledger.tables import batch, record, rerun, rerun_item
from ingest.model import State
from ingest.rerun.asking import How, Refused, What, ask
from ingest.runs import OPEN
from ingest.settings import ConfigError

_HALF_DONE = [State.RECEIVED, State.CHECKED, State.FILED]


def take(ledger: Ledger, run_id: str, as_of: str, wanted: str, by: str, reason: str, undone: bool = False) -> list[str]:
    """The shares of batches that this run is to work on: what ``wanted`` says, or the re-run of that number; with ``undone`` only
    those that still have something to do.

    The same run gets the same shares again. Raises ConfigError for what cannot be taken: waiting does not mend it.
    """
    try:
        number = _number(ledger, run_id, wanted, by, reason)
    except Refused as e:
        raise ConfigError(str(e)) from e
    with ledger.begin() as tx:
        row = tx.conn.execute(sa.select(rerun).where(rerun.c.id == number)).one_or_none()
        if row is None or row.run_id not in (None, run_id):
            raise ConfigError(
                f"重跑 {number} {'不存在 / does not exist' if row is None else f'已由 {row.run_id} 执行 / was taken by that run'}"
            )
        _apply(tx, dict(row._mapping), run_id, as_of)
        theirs = rerun_item.c.rerun_id == number
        items = sa.select(record.c.batch_id).join(rerun_item).where(theirs & OPEN if undone else theirs)
        rows = tx.conn.execute(
            sa.select(batch.c.id).where(batch.c.id.in_(items)).order_by(batch.c.created_at, batch.c.id)
        )
        return [share(row.id, number) for row in rows]


def take_waiting(ledger: Ledger, run_id: str, as_of: str) -> int:
    """What was asked for and no run has taken yet, comes along in a night; returns how many re-runs."""
    with ledger.begin() as tx:
        rows = tx.conn.execute(sa.select(rerun).where(rerun.c.run_id.is_(None)).order_by(rerun.c.id)).all()
        for row in rows:
            _apply(tx, dict(row._mapping), run_id, as_of)
        return len(rows)


def _number(ledger: Ledger, run_id: str, wanted: str, by: str, reason: str) -> int:
    if wanted.removeprefix("#").isdigit():
        return int(wanted.removeprefix("#"))
    what = What.parse(wanted)
    with ledger.read() as conn:
        known = conn.execute(
            sa.select(rerun.c.id).where(
                rerun.c.run_id == run_id, rerun.c.kind == what.kind.value, rerun.c.value == what.value
            )
        ).scalar()
    return int(known) if known is not None else ask(ledger, what, by, reason).id


def _apply(tx: Transaction, row: dict[str, Any], run_id: str, as_of: str) -> None:
    """Give the re-run to this run, and put its records back to where they were asked to begin; once, however often it is taken."""
    if row["run_id"] is not None:
        return
    tx.conn.execute(sa.update(rerun).where(rerun.c.id == row["id"]).values(run_id=run_id))
    detail = {"rerun": row["id"], "by": row["asked_by"], "run": run_id}
    tx.chain.append("rerun-taken", None, detail)
    items = sa.select(record.c.id).join(rerun_item).where(rerun_item.c.rerun_id == row["id"]).order_by(record.c.id)
    for record_id in [] if row["how"] == How.AGAIN else tx.conn.execute(items).scalars().all():
        if row["how"] == How.REJECTED:
            tx.move(record_id, [State.REJECTED], State.LISTED, "reopened", detail, findings=[], as_of=as_of,
                    receipt_code=None, receipt_at=None, received_as_of=None)  # fmt: skip
        else:
            tx.move(record_id, _HALF_DONE, State.LISTED, "restaged", {**detail, "stage": "receive"}, findings=[])
    if row["how"] == How.AFRESH:
        now = code.running()
        tx.conn.execute(sa.update(batch).where(batch.c.id == row["value"]).values(code=str(now), contract=now.contract))
        tx.chain.append("code", None, {"batch": row["value"], "stage": "receive", "before": None, "code": str(now),
                                       "contract": now.contract})  # fmt: skip
