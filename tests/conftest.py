"""What all tests share: a home of their own, never the developer's, and a real object store for those that ask."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer, StoreEndpoint

# A developer's settings must not reach the tests, nor the tests a developer's store or ledger.
for _name in [name for name in os.environ if name.startswith(("GUIDANG_", "AIRFLOW", "AWS_", "WEED_"))]:
    if _name != "AWS_CA_BUNDLE":
        del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses the real store is slow without having to say so."""
    for item in items:
        if "store" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GUIDANG_HOME, set in the environment too."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("GUIDANG_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """The hardened object store as ``make run`` starts it, on free ports. Use ``store`` unless the server itself is tested."""
    # Not below pytest's own folder: the server's unix sockets want a short path.
    with tempfile.TemporaryDirectory(prefix="gd") as folder:
        server = SeaweedServer(Path(folder), Ports.free())
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def store(seaweed: SeaweedServer) -> StoreEndpoint:
    """The running store: ``store.client()`` is a boto3 client as the user ``ingest``. One for all tests: use keys of your own."""
    return seaweed.endpoint
