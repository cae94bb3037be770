from collections.abc import Iterator
from pathlib import Path

import pytest
from posts import Box, Hook, box, hook


@pytest.fixture
def webhook() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path) as made:
        yield made
