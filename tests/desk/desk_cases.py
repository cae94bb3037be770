"""Homes without a night and without a store, in which just what a page is about has been put into the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.ledger.tables import event
from ingest.model import State
from ingest.settings import Home

AS_OF = "2026-11-20T01:00:00+08:00"
MINE, OTHER = "nanyue-zwfw", "pengwan-rsj"
MATTER = "11440100FAKE00021A3440116001000"


class CaseHome:
    """A home with two agencies (fonds T001, T002), ``policy`` being the first one's; ``put`` enters records as they stand."""

    def __init__(self, root: Path, policy: dict[str, str] | None = None) -> None:
        self.home = Home.of(root)
        self.home.config.mkdir(parents=True)
        rows = [
            {"id": MINE, "name": "南粤政务局（测试）", "uscc": "11440100FAKE00021A", "region_code": "440100",
             "fonds_no": "T001", "policy": policy or {}},
            {"id": OTHER, "name": "鹏湾人社局（测试）", "uscc": "11440100FAKE00022A", "region_code": "440300", "fonds_no": "T002"},
        ]  # fmt: skip
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": rows}), "utf-8")
        self.ledger = Ledger(self.home.database_url)
        self.ledger.upgrade()
        self._batches = 0

    def put(self, state: State, *findings: Finding, agency: str = MINE, count: int = 1, **columns: Any) -> list[str]:
        """So many records in that state with these findings; their ids."""
        self._batches += 1
        batch = f"b{self._batches}"
        ids = [f"{batch}-{n}" for n in range(count)]
        rows = [{"id": i, "source": "", "agency": agency, "delivery": f"d-{i}", "location": ""} for i in ids]
        given = {"version": 1, "files": [], "findings": [f.as_json() for f in findings]} | columns
        with self.ledger.begin() as tx:
            tx.add_batch(batch, f"run {batch}", AS_OF, rows)
            for i in ids:
                tx.move(i, [State.LISTED], state, state.value, **{"case_no": f"C-{i}"} | given)
        return ids

    def kinds(self, start: str = "") -> list[str]:
        with self.ledger.read() as conn:
            query = sa.select(event.c.kind).where(event.c.kind.startswith(start)).order_by(event.c.seq)
            return list(conn.execute(query).scalars())

    def details(self, kind: str) -> list[dict[str, Any]]:
        with self.ledger.read() as conn:
            query = sa.select(event.c.detail).where(event.c.kind == kind).order_by(event.c.seq)
            return [json.loads(text) for text in conn.execute(query).scalars()]
