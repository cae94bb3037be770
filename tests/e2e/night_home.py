"""A home with a store of its own, and one night run in it by the real stages, without Airflow."""

from __future__ import annotations

import datetime as dt
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import CST
from ingest.night import ingest
from ingest.report import NightReport
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save
from ingest.store.objects import ObjectStore

AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)


class NightHome:
    """One installation under test."""

    def __init__(self, root: Path, store: StoreEndpoint) -> None:
        self.home = Home.of(root)
        config = StoreConfig(store.url, store.bucket, store.access_key, store.secret_key, store.region)
        save(self.home, config)
        self.objects = ObjectStore(config)

    def run(self, run_id: str = "night", batch_size: int = 500) -> NightReport:
        return ingest(self.home, run_id, AS_OF, batch_size=batch_size)

    def records(self) -> list[dict[str, Any]]:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            return [dict(r._mapping) for r in conn.execute(sa.select(record).order_by(record.c.delivery))]

    def package(self, row: dict[str, Any]) -> zipfile.ZipFile:
        return zipfile.ZipFile(BytesIO(b"".join(self.objects.stream(row["object_key"]))))

    def stored(self) -> dict[str, tuple[str, int]]:
        """SHA-256 and size of every package and mark, as the store gives them; the chain's heads hold the clock."""
        return {
            k: self.objects.digest(k)
            for k, _ in self.objects.listing()
            if not k.startswith((".", "chain/", "reports/"))
        }
