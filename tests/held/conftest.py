"""A home of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from held_records import HeldHome


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldHome]:
    made = HeldHome(tmp_path / "home")
    yield made
    made.ledger.close()
