"""Records that stand held in a ledger, with what the stages would have left in staging."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.findings import Finding
from ingest.held.release import release_held
from ingest.ledger import Ledger
from ingest.ledger.tables import event, held_decision, record
from ingest.model import State
from ingest.settings import Home

AS_OF = "2026-11-20T01:00:00+08:00"
NEXT = "2026-11-21T01:00:00+08:00"
AGENCY = "nanyue-zwfw"


class HeldHome:
    """A home with a registry of one agency and a ledger; ``hold`` puts records into it."""

    def __init__(self, root: Path, url: str | None = None, policy: Mapping[str, str] | None = None) -> None:
        self.home = Home.of(root)
        entry = {"id": AGENCY, "name": "测试局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001",
                 "policy": dict(policy or {})}  # fmt: skip
        self.home.config.mkdir(parents=True)
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": [entry]}), "utf-8")
        self.ledger = Ledger(url or self.home.database_url)
        self.ledger.upgrade()
        self._batches = 0

    def hold(self, *findings: Finding, name: str = "r1", staged: bool = True, **columns: Any) -> str:
        """One record held by these findings; ``staged``: all that the stages write is there."""
        self._batches += 1
        batch = f"b{self._batches}"
        row = {"id": name, "source": "", "agency": AGENCY, "delivery": name, "location": f"/{name}"}
        found = {"case_no": "C1", "version": 1, "files": [], "findings": [f.as_json() for f in findings]} | columns
        with self.ledger.begin() as tx:
            tx.add_batch(batch, f"run {batch}", AS_OF, [row])
            tx.move(name, [State.LISTED], State.HELD, "held", **found)
        if staged:
            folder = self.home.staging / batch / name
            folder.mkdir(parents=True)
            for file in ("case.json", "record.json", "checks.json", "signatures.json"):
                (folder / file).write_text('{"trust": "", "files": []}', "utf-8")
            self.home.packages.joinpath(batch).mkdir(parents=True, exist_ok=True)
            (self.home.packages / batch / f"{name}.zip").write_bytes(b"PK")
        return name

    def release(self, as_of: str = NEXT) -> dict[str, int]:
        """What the next run's first step lets go."""
        return release_held(self.home, self.ledger, as_of, f"night {as_of}")

    def row(self, name: str = "r1") -> dict[str, Any]:
        with self.ledger.read() as conn:
            return dict(conn.execute(sa.select(record).where(record.c.id == name)).one()._mapping)

    def codes(self, name: str = "r1") -> dict[str, str]:
        """The record's findings as it stands: code → severity."""
        return {f["code"]: f["severity"] for f in self.row(name)["findings"]}

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with self.ledger.read() as conn:
            return [(r.kind, json.loads(r.detail)) for r in conn.execute(sa.select(event).order_by(event.c.seq))]

    def statuses(self) -> Iterator[str]:
        with self.ledger.read() as conn:
            yield from conn.execute(sa.select(held_decision.c.status).order_by(held_decision.c.id)).scalars()
