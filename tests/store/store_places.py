"""A bucket on a real server, as each of its users sees it; the same for every server that the behaviour suite runs on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from ingest import stages
from ingest.ledger import Ledger, chain, copies
from ingest.ledger.tables import event
from ingest.model import State
from ingest.settings import Home
from ingest.steps.package import local_package
from ingest.store import abilities, config
from ingest.store.abilities import Abilities
from ingest.store.config import StoreConfig
from ingest.store.objects import client
from ingest.workers import Workers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


AS_OF = "2026-11-20T01:00:00+08:00"


@dataclasses.dataclass(frozen=True)
class Place:
    """``users``: admin, ingest, auditor → (access key, secret key); ``arns``: ingest, auditor as a policy names them."""

    server: str
    endpoint: str
    bucket: str
    users: Mapping[str, tuple[str, str]]
    arns: Mapping[str, str]

    def config(self, user: str = "ingest", name: str = "main", bucket: str | None = None) -> StoreConfig:
        return StoreConfig(self.endpoint, bucket or self.bucket, *self.users[user], name=name)

    def s3(self, user: str = "ingest") -> S3Client:
        access, secret = self.users[user]
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}, proxies={},
                request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ),
        )  # fmt: skip

    @cached_property
    def able(self) -> Abilities:
        return abilities.probe(client(self.config()), self.config())

    def new_bucket(self, name: str, locked: bool = True) -> str:
        self.s3("admin").create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
        return name


class Night:
    """A home with one packaged record, and a second replica where the test puts it."""

    def __init__(self, root: Path, place: Place) -> None:
        self.home, self.place = Home.of(root), place
        self.home.config.mkdir(parents=True)
        agency = {"id": "a", "name": "某局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001"}
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": [agency]}), "utf-8")
        config.save(self.home, place.config())
        self.ledger = Ledger(self.home.database_url)
        self.ledger.upgrade()
        self.body = os.urandom(5000)
        self.key = f"T001/ZY-XK/2024/{os.urandom(6).hex()}/v1.zip"
        row = {"id": "r1", "source": "", "agency": "a", "delivery": "d1", "location": "x"}
        with self.ledger.begin() as tx:
            tx.add_batch("b", "run", AS_OF, [row])
            tx.move("r1", [State.LISTED], State.PACKAGED, "packaged", object_key=self.key, case_no="C1", version=1,
                    package_sha256=hashlib.sha256(self.body).hexdigest(), package_size=len(self.body),
                    payload_bytes=10, content_digest="0" * 64, electronic_record_code="E1", archival_code="A1",
                    filing={"fonds_no": "T001", "category": "ZY·XK", "year": 2024, "retention_code": "D10",
                            "electronic_record_code": "E1", "archival_code": "A1"})  # fmt: skip
        package = local_package(self.home, "b", "r1")
        package.parent.mkdir(parents=True)
        package.write_bytes(self.body)

    def plan(self, second: str, bucket: str, min_copies: int = 2, **more: Any) -> None:
        replica = {"name": "second", "endpoint": second, "bucket": bucket}
        given = {"schema": "guidang.store/1.0", "min_copies": min_copies, "replicas": [replica], **more}
        (self.home.config / "store.json").write_text(json.dumps(given), "utf-8")
        config.save_keys(self.home, "second", *self.place.users["admin"])

    def stage(self, run: Callable[..., stages.StageResult]) -> dict[str, int]:
        with Workers(self.home) as workers:
            return run(self.home, self.ledger, "b", workers).states

    def state(self) -> str:
        (row,) = self.ledger.records("b", list(State))
        return str(row["state"])

    def copies(self) -> dict[str, str]:
        with self.ledger.read() as conn:
            assert list(chain.verify(conn)) == []
            return {c["replica"]: c["state"] for c in copies.of_key(conn, self.key)}

    def events(self) -> list[str]:
        with self.ledger.read() as conn:
            return [r.kind for r in conn.execute(event.select().order_by(event.c.seq))]

    def deposit(self) -> None:
        self.stage(stages.deposit)
