"""What stands in staging and among the packages on their way, record by record; and fetched ZIPs, delivery by delivery."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.held.questions import question
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.settings import Home
from ingest.staging.room import size_of
from ingest.steps.listing import waiting_for
from ingest.steps.receive import findings_of


@dataclasses.dataclass(frozen=True, slots=True)
class Holding:
    """What one record has in staging, or a fetched ZIP, whose ``record`` is the id under which it was opened. ``why`` is the
    state it waits in, with what it waits for; empty for an orphan."""

    path: Path
    bytes: int
    record: str
    agency: str = ""
    delivery: str = ""
    state: str = ""
    why: str = ""
    since: str = ""

    @property
    def orphan(self) -> bool:
        """Whether no record of the ledger needs it any more."""
        return not self.why

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"path": str(self.path), "orphan": self.orphan}


def holdings(home: Home, ledger: Ledger) -> list[Holding]:
    """All that stands in staging, largest first. What a stage is writing at this moment belongs to its record."""
    found = list(_found(home))
    ids = sorted({record_id for _, record_id in found})
    rows: dict[str, Any] = {}
    with ledger.read() as conn:
        for start in range(0, len(ids), 500):
            some = sa.select(record).where(record.c.id.in_(ids[start : start + 500]))
            rows |= {row.id: row for row in conn.execute(some)}
        out = list(_containers(home, conn))
    for path, record_id in found:
        if (row := rows.get(record_id)) is None:
            out.append(Holding(path, size_of(path), record_id))
        else:
            out.append(
                Holding(path, size_of(path), record_id, row.agency, row.delivery, row.state, _why(row), row.updated_at)
            )
    return sorted(out, key=lambda h: (-h.bytes, str(h.path)))


def remove_orphans(found: list[Holding]) -> int:
    """Remove what nobody needs; returns the bytes. Not while a run is on: what it has just made is not in the ledger yet."""
    freed = 0
    for holding in found:
        if holding.orphan:
            if holding.path.is_dir():
                shutil.rmtree(holding.path)
            else:
                holding.path.unlink(missing_ok=True)
            freed += holding.bytes
    return freed


def _found(home: Home) -> Iterator[tuple[Path, str]]:
    """Each thing in staging with the id of the record whose it is; attempts are named ``.<id>-…``, packages ``<id>.zip``."""
    for area in (home.staging, home.packages):
        for batch in sorted(area.iterdir()) if area.is_dir() else ():
            for path in sorted(batch.iterdir()) if batch.is_dir() else ():
                name = path.name.removeprefix(".")
                yield path, name.partition("-")[0].partition(".")[0]


def _containers(home: Home, conn: sa.Connection) -> Iterator[Holding]:
    """The fetched ZIPs: each is needed until every record in it is received."""
    if not home.containers.is_dir():
        return
    waiting = waiting_for(conn)
    for path in sorted(home.containers.iterdir()):
        if rows := waiting.get(path.name):
            first = next((row for row in rows if row.last_error), rows[0])
            why = f"{_why(first)}；待接收 {len(rows)} 件 / {len(rows)} to be received"
            about = (first.agency, first.delivery, first.state, why, first.updated_at)
            yield Holding(path, size_of(path), path.name, *about)
        else:
            yield Holding(path, size_of(path), path.name)


def _why(row: Any) -> str:
    state = State(row.state)
    if state is State.HELD:
        asked = question(findings_of(row.findings))
        return "待定 / held: " + ", ".join(asked.codes)
    if row.last_error:
        return f"机器故障 / machine trouble: {row.last_error}"
    if not state.final:
        return f"处理中 / under way: {state.value}"
    return "" if row.receipt_at else f"回执未送出 / receipt not sent: {state.value}"
