"""A home with a ledger, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from review_home import ReviewHome


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def desk_home(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewHome]:
    """Everything that changes versions behaves alike on both back ends."""
    if request.param == "postgresql":
        monkeypatch.setenv("GUIDANG_DATABASE_URL", request.getfixturevalue("new_database")())
    with ReviewHome(home) as made:
        yield made
