"""A home whose trust store is kept by the command, and files to add to it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from signatures.pki.ca import AT

from ingest.cli import main
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import event
from ingest.settings import Home
from ingest.signatures import TrustStore


def pem(raw: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(raw).decode()}-----END {label}-----\n".encode()


class TrustHome:
    def __init__(self, root: Path) -> None:
        self.home = Home.of(root)

    def file(self, name: str, data: bytes) -> Path:
        path = self.home.root / name
        path.write_bytes(data)
        return path

    def run(self, act: str, *arguments: str | Path, at: str = AT.isoformat()) -> int:
        return main(["trust", act, *map(str, arguments), "--home", str(self.home.root), "--at", at])

    def add(self, name: str, data: bytes, *more: str, source: str = "CA 官网", by: str = "档案员") -> int:
        return self.run("add", self.file(name, data), "--source", source, "--by", by, *more)

    @property
    def store(self) -> TrustStore:
        return TrustStore.load(self.home.trust)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            assert list(chain.verify(conn)) == []
            rows = conn.execute(sa.select(event).where(event.c.kind.like("trust%")).order_by(event.c.seq)).all()
        return [(row.kind, json.loads(row.detail)) for row in rows]
