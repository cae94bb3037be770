"""The behaviour suite of the store runs on every server that is here: SeaweedFS as we ship it, Ceph where it is installed."""

from __future__ import annotations

import pytest
from store_places import Place

from ingest.servers.seaweed import SeaweedServer
from ingest.store.objects import ObjectStore


@pytest.fixture(scope="session", params=["seaweed"])
def place(request: pytest.FixtureRequest) -> Place:
    server: SeaweedServer = request.getfixturevalue("seaweed")
    end = server.endpoint
    users = {name: (keys.access_key, keys.secret_key) for name, keys in end.users.items()}
    return Place("seaweed", end.url, end.bucket, users)


@pytest.fixture
def objects(place: Place) -> ObjectStore:
    return ObjectStore(place.config(), place.able)
