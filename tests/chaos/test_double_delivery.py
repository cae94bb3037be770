"""Sixteen workers are given the same deliveries, and some are killed: as many packages as deliveries, on both databases.

Five hundred on PostgreSQL, fewer on SQLite, which takes one writer at a time. The deliveries are small (two unsigned files),
because it is the race that is tried here.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from race_workers import AGENCY, deliver, take_all

from ingest.ledger import Ledger, chain
from ingest.ledger.tables import event, number, record
from ingest.paths import SCHEMAS
from ingest.schedule.numbers import parse_archival_code
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save
from sip.commit import commit_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WORKERS, KILLS = 16, 6
TOTALS = [("postgresql", 500), ("sqlite", 25)]


@pytest.fixture
def place() -> Iterator[tuple[Path, StoreEndpoint]]:
    """A home with a store of its own: keys are counted."""
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            store = server.start()
            home = Home.of(Path(folder) / "home")
            shutil.copytree(SCHEMAS / "schedules", home.schedules)
            (home.config / "agencies.json").write_text(json.dumps({"agencies": [AGENCY]}), "utf-8")
            save(home, StoreConfig(store.url, store.bucket, store.access_key, store.secret_key, store.region))
            yield home.root, store
        finally:
            server.stop()


@pytest.mark.parametrize(("database", "total"), TOTALS)
def test_sixteen_workers_with_the_same_deliveries_make_one_package_of_each(
    place: tuple[Path, StoreEndpoint], new_database: Callable[[], str], database: str, total: int
) -> None:
    root, store = place
    url = new_database() if database == "postgresql" else f"sqlite:///{root / 'ledger.db'}"
    deliver(root / "inbox", total)
    assert (
        take_all(root, url, WORKERS, KILLS, total) >= KILLS // 2
    )  # the last may have been done before their turn came

    with Ledger(url) as ledger, ledger.read() as conn:
        rows = conn.execute(sa.select(record)).all()
        codes = list(conn.execute(sa.select(number.c.archival_code)).scalars())
        happened = conn.execute(
            sa.select(event.c.record_id, event.c.kind, event.c.detail).where(
                event.c.record_id.is_not(None), event.c.kind != "failed"
            )
        ).all()
        assert list(chain.verify(conn)) == []
    assert Counter(r.state for r in rows) == {"acknowledged": total}
    assert sorted(int(parse_archival_code(code, "DAT13").item_no) for code in codes) == list(range(1, total + 1))
    pages = store.client("admin").get_paginator("list_object_versions").paginate(Bucket=store.bucket)
    stored = Counter(v["Key"] for page in pages for v in page.get("Versions", []))
    stored = Counter({key: n for key, n in stored.items() if not key.startswith(".")})
    assert stored == Counter(key for r in rows for key in (r.object_key, commit_key(r.object_key)))
    # of each record each step once, and each of its receipts once
    once = Counter((record_id, kind, json.loads(detail).get("receipt")) for record_id, kind, detail in happened)
    assert {key: n for key, n in once.items() if n > 1} == {}
    receipts = [p.name for p in (root / "outbox").rglob("*.receipt.json")]
    assert sorted(receipts) == sorted(f"{r.delivery}.receipt.json" for r in rows)
    for place_of_work in ("staging", "packages"):
        assert [p for p in (root / place_of_work).rglob("*") if p.is_file()] == []
