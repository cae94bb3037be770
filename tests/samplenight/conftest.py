"""One small night for all tests of this room: six good cases and each fault once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sample_inbox import GOOD, Laid, Night

import samplenight


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    home = tmp_path_factory.mktemp("night")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUIDANG_CACHE", str(tmp_path_factory.mktemp("cache")))
        summary = samplenight.make(home, count=GOOD, jobs=2)
        records = json.loads((home / "expectations.json").read_text("utf-8"))["records"]
        yield Night(home, summary, tuple(Laid(home / "inbox" / r["agency"] / r["delivery"], r) for r in records))
