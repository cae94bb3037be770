"""Ask the bagit library, which had no part in the writing, about a package read back from the store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ingest.settings import Home
from ingest.steps import house
from sip.judge import bagit_valid


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side; ``job`` has the ``key``. Returns ``{"faults": [text…]}``, empty when the package is a valid bag."""
    with tempfile.TemporaryDirectory(prefix="judge-", dir=home.root) as folder:
        package = Path(folder) / "package.zip"
        house.store(home).fetch(job["key"], package)
        return {"faults": bagit_valid(package, Path(folder))}
