"""Archivists' rulings in the event chain: the files in config/schedules/rulings decide, the ledger tells who changed them and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import ruling as table
from ingest.schedule.rulings import FOLDER, Ruling, load_rulings, write_rulings


def note_rulings(ledger: Ledger, schedules: Path) -> int:
    """Enter what has changed in the rulings beside ``schedules`` since the last run; returns how many changes.

    A file written by hand, or by a command that was killed before its event, is caught up with here. Raises ScheduleError.
    """
    standing = load_rulings(schedules / FOLDER)
    with ledger.read() as conn:
        if _known(conn) == {_key(r): dataclasses.asdict(r) for r in standing}:
            return 0
    with ledger.begin() as tx:
        return _note(tx, standing)


def _note(tx: Transaction, standing: list[Ruling]) -> int:
    known, now = _known(tx.conn), {_key(r): dataclasses.asdict(r) for r in standing}
    changed = sorted(key for key in known.keys() | now.keys() if known.get(key) != now.get(key))
    for key in changed:
        mine = (table.c.fonds_no == key[0]) & (table.c.matter_code == key[1])
        tx.conn.execute(sa.delete(table).where(mine))
        if key in now:
            number = tx.chain.append("ruling", None, now[key])
            tx.conn.execute(
                sa.insert(table).values(fonds_no=key[0], matter_code=key[1], content=now[key], event=number)
            )
        else:
            tx.chain.append("ruling_gone", None, known[key])
    return len(changed)


def withdraw_ruling(ledger: Ledger, schedules: Path, fonds_no: str, matter_code: str, *, by: str, reason: str) -> bool:
    """Take one ruling out of its file and say so in the chain; what was filed by it stays. False if there is none."""
    standing = load_rulings(schedules / FOLDER)
    left = [r for r in standing if _key(r) != (fonds_no, matter_code)]
    if len(left) == len(standing):
        return False
    note_rulings(ledger, schedules)
    with ledger.begin() as tx:
        tx.chain.append(
            "ruling_withdrawn", None, {"fonds_no": fonds_no, "matter_code": matter_code, "by": by, "reason": reason}
        )
        _note(tx, left)
        write_rulings(schedules / FOLDER, fonds_no, [r for r in left if r.fonds_no == fonds_no])
    return True


def _key(ruling: Ruling) -> tuple[str, str]:
    return ruling.fonds_no, ruling.matter_code


def _known(conn: sa.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r.fonds_no, r.matter_code): dict(r.content) for r in conn.execute(sa.select(table))}
