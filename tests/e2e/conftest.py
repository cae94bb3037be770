"""Every end-to-end home has a fresh store: two nights with the same numbers must not meet in one bucket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from night_home import NightHome

from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint


@pytest.fixture
def night_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        yield Path(folder)


@pytest.fixture
def night_server(night_folder: Path) -> Iterator[StoreEndpoint]:
    server = SeaweedServer(night_folder / "servers", Ports.free())
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def night_home(night_folder: Path, night_server: StoreEndpoint) -> NightHome:
    return NightHome(night_folder / "home", night_server)
