"""A home of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inspected_home import InspectedHome


@pytest.fixture
def inspected(tmp_path: Path) -> Iterator[InspectedHome]:
    made = InspectedHome(tmp_path / "home")
    yield made
    made.ledger.close()
