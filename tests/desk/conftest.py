"""A night that has run, and clients of the desk in any role."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_sessions import DeskClient, FakeSessions
from proof_home import ProofHome, proof_home

import samplenight
from desk.app import create_app
from desk.roles import Role, User
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.night import ingest
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save

AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)


@pytest.fixture(scope="session")
def _night(store: StoreEndpoint) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gddesk") as folder:
        home = Home.of(Path(folder) / "home")
        save(home, StoreConfig(store.url, store.bucket, store.access_key, store.secret_key, store.region))
        samplenight.make(home.root, count=20)
        ingest(home, "night", AS_OF)
        yield home.root


@pytest.fixture(scope="session")
def told_home(_night: Path) -> Home:
    """A home whose ledger tells of the small sample night (run ``night``), its packages in the store. Only for reading."""
    return Home.of(_night)


@pytest.fixture
def own_home(_night: Path, tmp_path: Path) -> Home:
    """A copy of ``told_home`` for a test that writes. The packages in the store are the same ones."""
    with Ledger(Home.of(_night).database_url) as ledger, ledger.read():  # nobody writes: the copy is whole
        shutil.copytree(_night, tmp_path / "home")
    return Home.of(tmp_path / "home")


@pytest.fixture
def empty_home(tmp_path: Path) -> Home:
    """A home where no night has been yet."""
    return Home.of(tmp_path / "empty")


@pytest.fixture
def client_of() -> Iterator[Callable[..., DeskClient]]:
    """``client_of(home, role, agency=None, name=…)``: a client of the desk over that home; role None is somebody unknown."""
    clients: list[DeskClient] = []

    def make(home: Home, role: Role | str | None, agency: str | None = None, name: str | None = None) -> DeskClient:
        user = User(name or str(role), Role(role), agency) if role else None
        clients.append(DeskClient(create_app(home, FakeSessions(user))))
        return clients[-1]

    yield make
    for client in clients:
        if hasattr(client.app.state, "packages"):
            client.app.state.packages.drawing.close()
        client.app.state.ledger().close()
        client.close()


@pytest.fixture
def desk_client(told_home: Home, client_of: Callable[..., DeskClient]) -> Callable[..., DeskClient]:
    """``desk_client(role, agency=None, name=…)``: the same over ``told_home``."""

    def make(role: Role | str | None, agency: str | None = None, name: str | None = None) -> DeskClient:
        return client_of(told_home, role, agency, name)

    return make


@pytest.fixture(scope="session")
def harmed() -> Iterator[ProofHome]:
    """A night in two replicas of a store of its own; each test takes records of its own and may harm them."""
    with proof_home() as home:
        yield home
