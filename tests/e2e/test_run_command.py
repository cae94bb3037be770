"""`guidang run --once`, as make calls it: the whole house through Airflow, twice."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import samplenight
from ingest.servers.ports import Ports, variable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def run_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        yield Path(folder) / "home"


def run(home: Path) -> subprocess.CompletedProcess[str]:
    ports = {variable(name): str(port) for name, port in Ports.free().as_dict().items()}
    command = [str(Path(sys.executable).with_name("guidang")), "run", "--once", "--count", "12", "--home", str(home)]
    return subprocess.run(command, env=os.environ | ports, capture_output=True, text=True, check=False, timeout=600)


def test_a_night_through_airflow_and_then_another(run_home: Path) -> None:
    """The expectation file decides: with one line of it turned round, a good night is not as expected and says so; as it was
    made, the night that takes nothing new finds all as expected."""
    samplenight.make(run_home, count=12)
    path = run_home / "expectations.json"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"state": "rejected"', '"state": "held"', 1), "utf-8")
    assert path.read_text("utf-8") != text
    first = run(run_home)
    assert first.returncode == 1, first.stdout[-6000:] + first.stderr[-6000:]
    assert "结果与预期不符" in first.stdout
    assert "SIG-REVOKED" in first.stdout and "bagit" in first.stdout
    path.write_text(text, "utf-8")
    second = run(run_home)
    assert second.returncode == 0, second.stdout[-6000:] + second.stderr[-6000:]
    assert "结果与预期一致" in second.stdout
    assert "没有新的办件" in second.stdout and "0 new packages" in second.stdout
