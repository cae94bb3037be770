"""Where versions and their histories stand in the ledger; nothing here decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.findings import Finding
from ingest.ledger import Transaction
from ingest.ledger.tables import event, schedule_step, schedule_version
from ingest.review.kept import Kept, Ref
from ingest.schedule import Schedule, ScheduleError
from ingest.schedule.model import SCHEMA_ID
from ingest.schedule.review import ReviewEvent

KIND = "schedule"  # of the events in the chain
_HEAD = ("status", "effective_from", "effective_to")


def find(conn: Connection, ref: Ref) -> Kept | None:
    """One version, or None. Raises ScheduleError (REV-HISTORY) where its row is not what its last event left."""
    row = conn.execute(
        sa.select(schedule_version).where(
            schedule_version.c.schedule_id == ref.schedule_id, schedule_version.c.version == ref.version
        )
    ).one_or_none()
    if row is None:
        return None
    history = conn.execute(
        sa.select(event.c.detail)
        .join(schedule_step, schedule_step.c.seq == event.c.seq)
        .where(
            event.c.kind == KIND,
            schedule_step.c.schedule_id == ref.schedule_id,
            schedule_step.c.version == ref.version,
        )
        .order_by(event.c.seq)
    ).scalars()
    steps = tuple(ReviewEvent.from_json(json.loads(detail)) for detail in history)
    return Kept(_schedule(dict(row._mapping), steps[-1] if steps else None), steps)


def of_fonds(conn: Connection, fonds_no: str) -> list[Schedule]:
    """All versions of a fonds, in the order of their names."""
    return _read(conn, schedule_version.c.fonds_no == fonds_no)


def classifying(conn: Connection) -> list[Schedule]:
    """The versions of all fonds that may classify records of some day."""
    return _read(conn, schedule_version.c.status.in_(("in_force", "superseded")))


def heads(conn: Connection) -> list[dict[str, Any]]:
    """All versions without their texts, by fonds and first day: rows of the table."""
    columns = [column for column in schedule_version.c if column.name != "text"]
    rows = conn.execute(
        sa.select(*columns).order_by(
            schedule_version.c.fonds_no, schedule_version.c.effective_from, schedule_version.c.version
        )
    )
    return [dict(row._mapping) for row in rows]


def put(tx: Transaction, schedule: Schedule, step: ReviewEvent, source_sha256: str | None = None) -> None:
    """Write a version as ``step`` left it, with its event, within ``tx``."""
    head = schedule.as_json()
    approval = head["approval"] or {}
    values: dict[str, Any] = {name: head[name] for name in _HEAD}
    values |= {f"approval_{name}": approval.get(name) for name in ("no", "org", "date")}
    values |= {"text": schedule.text(), "text_digest": schedule.text_digest, "digest": schedule.digest}
    name = {"schedule_id": schedule.schedule_id, "version": schedule.version}
    same = sa.and_(*(schedule_version.c[key] == value for key, value in name.items()))
    if not tx.conn.execute(sa.update(schedule_version).where(same).values(**values)).rowcount:
        tx.conn.execute(
            sa.insert(schedule_version).values(
                **name, fonds_no=schedule.fonds_no, source_sha256=source_sha256, **values
            )
        )
    tx.conn.execute(sa.insert(schedule_step).values(**name, seq=tx.chain.append(KIND, None, step.as_json())))
    tx.chain.flush()  # the next act of the same transaction reads its history there


def _read(conn: Connection, where: sa.ColumnElement[bool]) -> list[Schedule]:
    last = (
        sa.select(schedule_step.c.schedule_id, schedule_step.c.version, sa.func.max(schedule_step.c.seq).label("seq"))
        .group_by(schedule_step.c.schedule_id, schedule_step.c.version)
        .subquery()
    )
    rows = conn.execute(
        sa.select(schedule_version, event.c.detail)
        .outerjoin(
            last,
            sa.and_(last.c.schedule_id == schedule_version.c.schedule_id, last.c.version == schedule_version.c.version),
        )
        .outerjoin(event, event.c.seq == last.c.seq)
        .where(where)
        .order_by(schedule_version.c.schedule_id, schedule_version.c.version)
    )
    return [
        _schedule(dict(row._mapping), ReviewEvent.from_json(json.loads(row.detail)) if row.detail else None)
        for row in rows
    ]


def _schedule(row: Mapping[str, Any], last: ReviewEvent | None) -> Schedule:
    """The version in a row, after proving that it is the one its last event tells of."""
    text = str(row["text"])
    approval = {name: row[f"approval_{name}"] for name in ("no", "org", "date")}
    head = {name: row[name] for name in _HEAD} | {"approval": approval if any(approval.values()) else None}
    name = f"{row['schedule_id']} {row['version']}"
    told = (last.digest_after, last.text_digest, last.status_after) if last else None
    if hashlib.sha256(text.encode("utf-8")).hexdigest() == row["text_digest"] and last is not None:
        schedule = Schedule.from_json({"schema": SCHEMA_ID, **json.loads(text), **head})
        if told == (schedule.digest, schedule.text_digest, schedule.status):
            return schedule
    raise ScheduleError([Finding("REV-HISTORY", params={"schedule": name})])


def sources(conn: Connection, digests: Iterable[str]) -> set[str]:
    """Which of these files (SHA-256 of their bytes) versions were adopted from."""
    found = conn.execute(
        sa.select(schedule_version.c.source_sha256).where(schedule_version.c.source_sha256.in_(list(digests)))
    )
    return set(found.scalars())
