"""All that the ledger knows of one record, in a handful of indexed questions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from fastapi import HTTPException

from desk.roles import User
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, copy, event, held_decision, receipt, record, transfer, transfer_item

Row = Mapping[str, Any]
_EVENTS = 1000  # of one record; years of audits and looks
_OTHERS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """The ledger's rows about one record."""

    row: dict[str, Any]
    batch: Row
    events: list[Row]  # oldest first, the newest thousand
    copies: list[Row]
    decisions: list[Row]
    versions: list[Row]  # other deliveries of the same case
    original: Row | None  # that of which this one is a duplicate
    transfers: list[Row]
    receipts: list[Row]

    @property
    def files(self) -> list[Row]:
        return self.row["files"] or []


def facts(ledger: Ledger, user: User, record_id: str) -> Facts:
    """404 where there is no such record, or where it is another agency's and the user sees only its own."""
    with ledger.read() as conn:
        asked = sa.select(record).where(record.c.id == record_id)
        found = conn.execute(asked).mappings().one_or_none() if record_id.isalnum() else None
        if found is None or (user.agency is not None and found["agency"] != user.agency):
            raise HTTPException(404, "没有这件档案 / no such record")
        row = dict(found)

        def many(query: sa.Select[Any]) -> list[Row]:
            return [dict(r) for r in conn.execute(query).mappings()]

        of = row["id"]
        events = many(sa.select(event).where(event.c.record_id == of).order_by(event.c.seq.desc()).limit(_EVENTS))
        same = sa.and_(record.c.agency == row["agency"], record.c.case_no == row["case_no"], record.c.id != of)
        brief = (
            record.c.id,
            record.c.version,
            record.c.state,
            record.c.entered_on,
            record.c.delivery,
            record.c.duplicate_of,
        )
        original = many(sa.select(*brief, record.c.agency).where(record.c.id == (row["duplicate_of"] or "")))
        moved = sa.select(transfer_item.c.transfer_id, transfer_item.c.state, transfer.c.target, transfer.c.as_of)
        owed = sa.select(receipt).where(receipt.c.subject == of).order_by(receipt.c.owed_at, receipt.c.kind)
        return Facts(
            receipts=many(owed),
            row=row,
            batch=many(sa.select(batch).where(batch.c.id == row["batch_id"]))[0],
            events=events[::-1],
            copies=many(sa.select(copy).where(copy.c.record_id == of).order_by(copy.c.replica)),
            decisions=many(
                sa.select(held_decision).where(held_decision.c.record_id == of).order_by(held_decision.c.id)
            ),
            versions=many(sa.select(*brief).where(same).order_by(record.c.entered).limit(_OTHERS))
            if row["case_no"]
            else [],
            original=original[0] if original else None,
            transfers=many(
                moved.join(transfer, transfer.c.id == transfer_item.c.transfer_id).where(
                    transfer_item.c.record_id == of
                )
            ),
        )
