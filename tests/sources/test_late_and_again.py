"""Versions that come late, come again or contradict each other, through real sources and into a real store, with their receipts."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from source_servers import Interface, Place, SftpServer, https_place, sftp_place

import samplenight
from ingest import sources
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import record
from ingest.model import CST
from ingest.night import ingest
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save
from ingest.store.objects import ObjectStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Late:
    """One agency behind a source, and the two versions of one of its cases."""

    def __init__(self, root: Path, sample: Path, place: Place, store: StoreEndpoint) -> None:
        shutil.copytree(sample / "config", root / "config")
        (second,) = sample.glob("inbox/*/*-v2")
        self.first, self.second = second.with_name(second.name.replace("-v2", "-v1")), second
        self.place = place
        registry = json.loads((root / "config/agencies.json").read_text("utf-8"))
        registry["agencies"] = [
            a | {"source": place.source} for a in registry["agencies"] if a["id"] == second.parent.name
        ]
        (root / "config/agencies.json").write_text(json.dumps(registry), "utf-8")
        connection = place.source.get("connection", "none")
        self.home = Home(root, connections={connection: place.connection})
        bucket = f"late-{os.urandom(4).hex()}"
        store.client("admin").create_bucket(Bucket=bucket)
        keys = store.users["admin"]
        config = StoreConfig(store.url, bucket, keys.access_key, keys.secret_key, store.region)
        save(self.home, config)
        self.objects = ObjectStore(config)

    def deliver(
        self, folder: Path, name: str = "", change: Callable[[dict[str, Any]], None] = lambda case: None
    ) -> None:
        """As the producer does: the files first, case.json last."""
        case = json.loads((folder / "case.json").read_bytes())
        change(case)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "case.json":
                self.place.put(f"{name or folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        raw = (
            (folder / "case.json").read_bytes()
            if case == json.loads((folder / "case.json").read_bytes())
            else json.dumps(case).encode()
        )
        self.place.put(f"{name or folder.name}/case.json", raw)

    def night(self, number: int) -> dict[str, str]:
        """The state of each delivery after one more night."""
        ingest(self.home, f"night {number}", dt.datetime(2026, 11, 20, 1, tzinfo=CST) + dt.timedelta(days=number))
        return {row["delivery"]: row["state"] for row in self.records()}

    def records(self) -> list[dict[str, Any]]:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            assert list(chain.verify(conn)) == []
            return [dict(r._mapping) for r in conn.execute(sa.select(record).order_by(record.c.delivery))]

    def receipt(self, delivery: str, kind: str) -> Any:
        return json.loads(self.place.receipts()[f"{delivery}.{kind}.json"])

    def packages(self) -> set[str]:
        return {k.rsplit("/", 1)[1] for k, _ in self.objects.listing() if k.endswith(".zip")}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    samplenight.make(root, count=20)
    return root


@pytest.fixture(params=["sftp", "https"])
def late(request: pytest.FixtureRequest, tmp_path: Path, sample: Path, store: StoreEndpoint) -> Iterator[Late]:
    server: SftpServer | Interface
    if request.param == "sftp":
        (tmp_path / "server").mkdir()
        server = SftpServer(tmp_path / "server")
        place = sftp_place(server)
    else:
        server = Interface(tmp_path)
        place = https_place(server)
    yield Late(tmp_path / "home", sample, place, store)
    sources.close()
    server.close()


def test_versions_are_packages_of_one_record_equal_ones_are_known_and_contradictions_wait(late: Late) -> None:
    one, two = late.first.name, late.second.name
    # the second version comes before the first, which is late
    late.deliver(late.second)
    assert late.night(1) == {two: "acknowledged"}
    late.deliver(late.first)
    assert late.night(2) == {one: "acknowledged", two: "acknowledged"}
    assert late.packages() == {"v1.zip", "v2.zip"}
    first, second = late.records()
    assert first["archival_code"] == second["archival_code"]
    for delivery in (one, two):
        assert [late.receipt(delivery, k)["state"] for k in ("received", "examined", "receipt")] == [
            "received", "accepted", "acknowledged",
        ]  # fmt: skip

    # the same again under another name, and the same version with other words
    late.deliver(late.second, "again")
    late.deliver(late.second, "otherwise", lambda case: case["record"].update(title="另一题名"))
    late.deliver(late.second, "third", lambda case: case["case"].update(version=3))
    states = late.night(3)
    assert (states["again"], states["otherwise"], states["third"]) == ("duplicate", "held", "acknowledged")
    final = late.receipt("again", "receipt")
    assert (final["receipt_code"], final["safe_to_delete"], final["first_delivery"]) == (1, True, two)
    assert (
        final["archive"]["archival_code"] == first["archival_code"]
        and final["findings"][0]["code"] == "RCV-ALREADY-ARCHIVED"
    )
    held = late.receipt("otherwise", "examined")
    assert (held["state"], held["receipt_code"]) == ("held", None)
    assert "RCV-VERSION-CONFLICT" in {f["code"] for f in held["findings"]}
    assert "otherwise.receipt.json" not in late.place.receipts()
    assert late.packages() == {"v1.zip", "v2.zip", "v3.zip"}

    # nothing new, nothing twice
    before = late.place.receipts()
    assert late.night(4) == states and late.packages() == {"v1.zip", "v2.zip", "v3.zip"}
    assert late.place.receipts() == before
