"""The behaviour suite of the store runs on every server that is here: SeaweedFS as we ship it, Ceph where it is installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ceph_server
import pytest
from ceph_server import CephServer
from store_places import Night, Place

from ingest.servers.seaweed import SeaweedServer
from ingest.store import bucket
from ingest.store.objects import ObjectStore


@pytest.fixture(scope="session")
def ceph() -> Iterator[CephServer]:
    """Ceph from Debian's packages, of our own."""
    if why := ceph_server.missing():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="gdc") as folder:
        server = CephServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session", params=["seaweed", "ceph"])
def place(request: pytest.FixtureRequest) -> Place:
    """A bucket of each server, as `guidang store init` makes it."""
    if request.param == "ceph":
        far: CephServer = request.getfixturevalue("ceph")
        arns = {role: f"arn:aws:iam:::user/{role}" for role in ("ingest", "auditor")}
        made = Place("ceph", far.endpoint, "archive", far.users, arns)
        bucket.prepare(made.config("admin"), arns)
        return made
    server: SeaweedServer = request.getfixturevalue("seaweed")
    end = server.endpoint
    users = {name: (keys.access_key, keys.secret_key) for name, keys in end.users.items()}
    arns = {role: f"arn:aws:iam::000000000000:user/{role}" for role in ("ingest", "auditor")}
    return Place("seaweed", end.url, end.bucket, users, arns)


@pytest.fixture
def objects(place: Place) -> ObjectStore:
    return ObjectStore(place.config(), place.able)


@pytest.fixture
def night(home: Path, place: Place) -> Iterator[Night]:
    night = Night(home, place)
    yield night
    night.ledger.close()


@pytest.fixture
def second(place: Place) -> str:
    return place.new_bucket(f"second-{os.urandom(4).hex()}")
