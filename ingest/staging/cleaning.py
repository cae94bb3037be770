"""Staging is emptied of a record once it has had its last word (the final receipt), and of nothing before that."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.settings import Home

_AT_ONCE = 500  # records asked for in one go


def clean(home: Home, ledger: Ledger, batch_id: str | None = None) -> None:
    """Remove what answered records have in staging, and what killed attempts at these and at held ones left behind; of a batch,
    or of all. Empty folders go too. Safe to repeat, and to be killed over."""
    for area in (home.staging, home.packages):
        folders = [area / batch_id] if batch_id is not None else list(area.iterdir()) if area.is_dir() else []
        for folder in folders:
            if folder.is_dir():
                _clean(folder, ledger)
                with contextlib.suppress(OSError):  # not empty: something in it is needed
                    folder.rmdir()


def _clean(folder: Path, ledger: Ledger) -> None:
    """Each thing in ``folder`` is named after its record: ``<id>``, ``<id>.zip``, attempts ``.<id>-…``."""
    owner = {path: path.name.removeprefix(".").partition("-")[0].partition(".")[0] for path in folder.iterdir()}
    answered, held = _standing(ledger, sorted(set(owner.values())))
    for path, record_id in owner.items():
        if record_id in answered or (record_id in held and path.name.startswith(".")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _standing(ledger: Ledger, ids: list[str]) -> tuple[set[str], set[str]]:
    """Which of these records are answered, and which are held."""
    answered, held = set(), set()
    with ledger.read() as conn:
        for start in range(0, len(ids), _AT_ONCE):
            columns = (record.c.id, record.c.state, record.c.receipt_at)
            for row in conn.execute(sa.select(*columns).where(record.c.id.in_(ids[start : start + _AT_ONCE]))):
                if State(row.state).final and row.receipt_at is not None:
                    answered.add(row.id)
                elif row.state == State.HELD:
                    held.add(row.id)
    return answered, held
