"""A bucket on a real server, as each of its users sees it; the same for every server that the behaviour suite runs on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from ingest.store import abilities
from ingest.store.abilities import Abilities
from ingest.store.config import StoreConfig
from ingest.store.objects import client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclasses.dataclass(frozen=True)
class Place:
    """``users``: admin, ingest, auditor → (access key, secret key)."""

    server: str
    endpoint: str
    bucket: str
    users: Mapping[str, tuple[str, str]]

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
