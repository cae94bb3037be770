"""Fixtures of the schedule tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.paths import SCHEMAS
from ingest.schedule import ScheduleSet, load


@pytest.fixture(scope="session")
def examples() -> ScheduleSet:
    return load(SCHEMAS / "schedules")


@pytest.fixture
def serials() -> Callable[[str], int]:
    given: dict[str, int] = {}

    def draw(scope: str) -> int:
        given[scope] = given.get(scope, 0) + 1
        return given[scope]

    return draw
