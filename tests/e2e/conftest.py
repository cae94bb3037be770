"""Every end-to-end home has a fresh store: two nights with the same numbers must not meet in one bucket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from night_home import NightHome

import samplenight
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer


@pytest.fixture(scope="session")
def sample_night(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """``sample_night(root, count=…, seed=…)``: a sample night as `samplenight.make` lays it out, each made once a session."""
    made: dict[str, Path] = {}

    def lay(root: Path, **of: Any) -> None:
        if repr(of) not in made:
            made[repr(of)] = tmp_path_factory.mktemp("sample")
            samplenight.make(made[repr(of)], **of)
        shutil.copytree(made[repr(of)], root, copy_function=shutil.copy2, dirs_exist_ok=True)

    return lay


@pytest.fixture
def night_home() -> Iterator[NightHome]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder) / "servers", Ports.free())
        try:
            yield NightHome(Path(folder) / "home", server.start())
        finally:
            server.stop()
