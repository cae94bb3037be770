"""A home with agencies, archived records and copies, in which hazards can be made."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.inspection import book
from ingest.inspection.model import Item
from ingest.inspection.scan import Scanned, scan
from ingest.ledger import Ledger
from ingest.ledger.tables import copy, event, visit
from ingest.model import CST, CopyState, State
from ingest.settings import Home
from ingest.store.config import StoreConfig, save

NIGHT = dt.datetime(2026, 11, 20, 1, tzinfo=CST)
AGENCY = "nanyue-zwfw"


class InspectedHome:
    """One agency (fonds T001) with a store that nobody can reach, so that rules about the chain cannot look."""

    def __init__(self, root: Path) -> None:
        self.home = Home.of(root)
        self.home.config.mkdir(parents=True)
        entry = {
            "id": AGENCY,
            "name": "测试局",
            "uscc": "11440100FAKE00021A",
            "region_code": "440100",
            "fonds_no": "T001",
        }
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": [entry]}), "utf-8")
        save(self.home, StoreConfig("http://127.0.0.1:9", "archive", "a", "b"))
        self.ledger = Ledger(self.home.database_url)
        self.ledger.upgrade()

    def archive(self, count: int, batch: str = "b1", copies: int = 1, **columns: Any) -> list[str]:
        """So many archived records with proved copies in main (and a second replica); their object keys."""
        ids = [f"{batch}-{n}" for n in range(count)]
        rows = [{"id": i, "source": "", "agency": AGENCY, "delivery": i, "location": ""} for i in ids]
        moment = NIGHT.astimezone(dt.UTC).isoformat(timespec="milliseconds")
        with self.ledger.begin() as tx:
            tx.add_batch(batch, f"run {batch}", NIGHT.isoformat(), rows)
            for i in ids:
                given = {"fonds_no": "T001", "archival_code": f"T001-{i}", "object_key": f"{i}/v1.zip"} | columns
                tx.move(i, [State.LISTED], State.ACKNOWLEDGED, "acknowledged", **given)
                for replica in ("main", "second")[:copies]:
                    tx.conn.execute(
                        sa.insert(copy).values(
                            object_key=f"{i}/v1.zip", replica=replica, record_id=i, sha256="0" * 64, size=1,
                            state=CopyState.PROVED.value, deposited_at=moment, verified_at=moment, legal_hold=False,
                        )
                    )  # fmt: skip
        return [f"{i}/v1.zip" for i in ids]

    def spoil(self, key: str, state: CopyState) -> None:
        with self.ledger.begin() as tx:
            tx.conn.execute(sa.update(copy).where(copy.c.object_key == key).values(state=state.value))

    def visited(self, day: int, error: str | None) -> None:
        with self.ledger.begin() as tx:
            as_of = f"2026-11-{day:02}T01:00:00+08:00"
            tx.conn.execute(
                sa.insert(visit).values(run_id=f"night {day}", agency=AGENCY, as_of=as_of, error=error,
                                        deliveries=None if error else 0)
            )  # fmt: skip

    def scan(self, days: int = 0) -> Scanned:
        return scan(self.home, self.ledger, NIGHT + dt.timedelta(days=days))

    def items(self) -> list[Item]:
        with self.ledger.read() as conn:
            return book.listing(conn, book.Asked())

    def item(self, rule: str) -> Item:
        (found,) = (item for item in self.items() if item.rule == rule)
        return found

    def rules(self) -> set[str]:
        return {item.rule or "" for item in self.items() if item.status.value != "closed"}

    def kinds(self) -> list[str]:
        with self.ledger.read() as conn:
            query = sa.select(event.c.kind).where(event.c.kind.startswith("inspection_")).order_by(event.c.seq)
            return list(conn.execute(query).scalars())
