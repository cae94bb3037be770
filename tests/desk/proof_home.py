"""A night archived into two replicas, to be harmed: ``main`` keeps versions, ``second`` does not."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import samplenight
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import CST
from ingest.night import ingest
from ingest.proof.prove import prove
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint
from ingest.settings import Home
from ingest.store import config, reading
from ingest.store.config import StoreConfig
from sip import canonical, zipformat
from sip.zipread import Zip

Change = Callable[[str, bytes], bytes]


class ProofHome:
    """One installation with two replicas and one archived night. Each test harms records of its own."""

    def __init__(self, root: Path, endpoint: StoreEndpoint, count: int) -> None:
        self.home = Home.of(root)
        admin, auditor = endpoint.users["admin"], endpoint.users["auditor"]
        main = StoreConfig(endpoint.url, endpoint.bucket, endpoint.access_key, endpoint.secret_key, endpoint.region)
        config.save(self.home, main)
        reading.save_keys(self.home, "main", auditor.access_key, auditor.secret_key)
        config.save_keys(self.home, "second", admin.access_key, admin.secret_key)
        self.s3 = endpoint.client("admin")
        self.s3.create_bucket(Bucket="second")
        self.buckets = {"main": endpoint.bucket, "second": "second"}
        samplenight.make(self.home.root, count=count, faults=())
        (self.home.config / "store.json").write_text(json.dumps({
            "schema": "guidang.store/1.0", "min_copies": 2,
            "replicas": [{"name": "second", "endpoint": endpoint.url, "bucket": "second"}],
        }))  # fmt: skip
        ingest(self.home, "night", dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST))
        self._free = iter([r for r in self.records() if r["state"] == "acknowledged"])

    def records(self) -> list[dict[str, Any]]:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            return [dict(r._mapping) for r in conn.execute(sa.select(record).order_by(record.c.delivery))]

    def take(self) -> dict[str, Any]:
        """An archived record that no other test has harmed."""
        return next(self._free)

    def prove(self, row: dict[str, Any], by: str = "审计员甲") -> dict[str, Any]:
        with Ledger(self.home.database_url) as ledger:
            return prove(self.home, ledger, row["id"], by)

    def sql(self, text: str, **params: Any) -> None:
        """As one who has the database's password: behind the chain's back."""
        with Ledger(self.home.database_url) as ledger, ledger.begin() as tx:
            tx.conn.execute(sa.text(text), params)

    def get(self, replica: str, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.buckets[replica], Key=key)["Body"].read())

    def put(self, replica: str, key: str, data: bytes) -> None:
        """As an administrator of the server can."""
        self.s3.put_object(Bucket=self.buckets[replica], Key=key, Body=data)

    def flip(self, replica: str, key: str, at: int) -> None:
        data = bytearray(self.get(replica, key))
        data[at] ^= 1
        self.put(replica, key, bytes(data))


def forge(package: bytes, change: Change) -> bytes:
    """The package made anew with other content and everything in it that states a digest: valid by itself, and not the one
    that was archived."""
    old = Zip(io.BytesIO(package))
    top = old.items[0].name.partition("/")[0] + "/"
    before = {i.name.removeprefix(top): b"".join(old.chunks(i)) for i in old.items}
    files = {path: change(path, data) for path, data in before.items()}
    swaps: dict[bytes, bytes] = {}
    # metadata states the digests of the payload, manifests those of both, tag manifests those of all the others
    order = sorted(
        files, key=lambda p: (p.startswith("tagmanifest"), p.startswith("manifest"), not p.startswith("data/"))
    )
    for path in order:
        if not path.startswith("data/"):
            for was, now in swaps.items():
                files[path] = files[path].replace(was, now)
        if files[path] != before[path]:
            for a in ("sha256", "sm3"):
                was, now = (hashlib.new(a, d[path]).hexdigest().encode() for d in (before, files))
                swaps[was] = now
    out, directory = bytearray(), []
    for item in old.items:
        data, raw = files[item.name.removeprefix(top)], item.name.encode()
        crc, stamp = zlib.crc32(data), old.entries[0].stamp
        directory.append(zipformat.central_header(raw, len(data), crc, stamp, len(out)))
        out += zipformat.local_header(raw, len(data), crc, stamp) + data
    start = len(out)
    out += b"".join(directory)
    return bytes(out) + zipformat.end_records(len(directory), len(out) - start, start)


def marked(mark: bytes, package: bytes) -> bytes:
    """The commit mark that such a forger would put beside it."""
    return canonical.dumps({**json.loads(mark), "sha256": hashlib.sha256(package).hexdigest(), "size": len(package)})


def bad(document: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """What is wrong, by part."""
    out = {p["part"]: [e for e in p["evidence"] if e["outcome"] == "bad"] for p in document["parts"]}
    return {part: found for part, found in out.items() if found}


@contextmanager
def proof_home(count: int = 24) -> Iterator[ProofHome]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            yield ProofHome(Path(folder) / "home", server.start(), count)
        finally:
            server.stop()
