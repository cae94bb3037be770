"""A bucket of one's own, for the chain's heads stand under fixed names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save
from ingest.store.objects import ObjectStore

NewBucket = Callable[..., StoreConfig]


@pytest.fixture
def new_bucket(store: StoreEndpoint) -> NewBucket:
    def make(name: str = "main") -> StoreConfig:
        bucket, keys = f"audit-{os.urandom(6).hex()}", store.users["admin"]
        client = store.client("admin")
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        client.close()
        return StoreConfig(store.url, bucket, keys.access_key, keys.secret_key, store.region, name)

    return make


@pytest.fixture
def main_config(new_bucket: NewBucket, home: Path) -> StoreConfig:
    """The main store of the home: a fresh bucket, reached as the user who may do everything."""
    config = new_bucket()
    save(Home.of(home), config)
    return config


@pytest.fixture
def objects(main_config: StoreConfig) -> ObjectStore:
    return ObjectStore(main_config)


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        yield ledger
