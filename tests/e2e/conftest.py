"""Every end-to-end home has a fresh store: two nights with the same numbers must not meet in one bucket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from night_home import NightHome

from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer


@pytest.fixture
def night_home() -> Iterator[NightHome]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            yield NightHome(Path(folder) / "home", server.start())
        finally:
            server.stop()
