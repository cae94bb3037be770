"""A home with two agencies and a batch of records that stand where a test puts them; the copies are entered, not deposited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.findings import Finding
from ingest.ledger import Ledger, copies
from ingest.ledger.copies import Copy
from ingest.model import State
from ingest.settings import Home
from ingest.stages import StageFailed, acknowledge
from ingest.store import config
from ingest.store.config import StoreConfig
from ingest.workers import Workers

AS_OF = "2026-11-20T01:00:00+08:00"
FILES = [{"path": "申报文件/a.pdf", "size": 7}, {"path": "结果文件/b.pdf", "size": 5}]


class Told:
    """``agencies``: id → source entry of agencies.json; {} is the inbox of the home."""

    def __init__(self, root: Path, url: str = "", agencies: Mapping[str, Any] | None = None, **more: Any) -> None:
        self.home = Home(root, **more)
        self.home.config.mkdir(parents=True, exist_ok=True)
        given = {"a": {}, "b": {}} if agencies is None else agencies
        entries = [
            {"id": i, "name": i, "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001"}
            | ({"source": source} if source else {})
            for i, source in given.items()
        ]
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": entries}), "utf-8")
        config.save(self.home, StoreConfig("http://127.0.0.1:1", "bucket", "x", "y"))
        self.ledger = Ledger(url or self.home.database_url)
        self.ledger.upgrade()

    def listed(self, *names: str, batch: str = "b", agency: str = "a") -> None:
        rows = [{"id": n, "source": "", "agency": agency, "delivery": f"d-{n}", "location": "x"} for n in names]
        with self.ledger.begin() as tx:
            tx.add_batch(batch, "run", AS_OF, rows)
        for name in names:
            staged = self.home.staging / batch / name
            staged.mkdir(parents=True)
            (staged / "case.json").write_bytes(b"{}")

    def opened(self, whole: str, *names: str, batch: str = "b", agency: str = "a") -> None:
        """A delivery of several records, all in one batch."""
        rows = [{"id": n, "source": "", "agency": agency, "delivery": f"{whole}#{n}", "location": f"x//{whole}/{n}",
                 "container": whole} for n in names]  # fmt: skip
        with self.ledger.begin() as tx:
            tx.add_batch(batch, "run", AS_OF, rows)
            tx.add_opened(batch, whole, agency, whole, names)

    def move(self, name: str, state: State, *codes: str, **columns: Any) -> None:
        with self.ledger.begin() as tx:
            found = [Finding(code, path="申报文件/a.pdf").as_json() for code in codes]
            known: dict[str, Any] = {"case_no": f"C-{name}", "version": 1, "files": FILES, "content_digest": "c" * 64}
            tx.move(name, list(State), state, "moved", findings=found, **known, **columns)

    def deposited(self, name: str, *, copied: bool = True) -> None:
        key, digest = f"T001/{name}/v1.zip", hashlib.sha256(name.encode()).hexdigest()
        self.move(name, State.FILED, electronic_record_code=f"E-{name}", archival_code=f"A-{name}")
        self.move(name, State.DEPOSITED, object_key=key, package_sha256=digest, package_size=9)
        if copied:
            self.copied(name)

    def copied(self, name: str) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()
        with self.ledger.begin() as tx:
            copies.enter(tx, name, f"T001/{name}/v1.zip", [Copy("main", None, digest, 9)])

    def acknowledge(self, batch: str = "b") -> dict[str, int] | str:
        """The states that the stage tells, or its trouble."""
        with Workers(self.home) as workers:
            try:
                return acknowledge(self.home, self.ledger, batch, workers).states
            except StageFailed as e:
                return str(e)

    def outbox(self, agency: str = "a") -> dict[str, dict[str, Any]]:
        folder = self.home.outbox / agency
        return {p.name: json.loads(p.read_bytes()) for p in folder.iterdir()} if folder.is_dir() else {}

    def staged(self) -> set[str]:
        return {p.name for batch in self.home.staging.iterdir() for p in batch.iterdir()}

    def row(self, name: str, batch: str = "b") -> dict[str, Any]:
        return next(dict(r) for r in self.ledger.records(batch, list(State)) if r["id"] == name)
