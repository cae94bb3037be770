"""What `make` says on a machine that lacks what it needs. The machine is played by a PATH of our own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.paths import ROOT

TOOLS = ("sh", "dirname", "sed", "cut", "head", "rm", "touch")


@pytest.fixture
def machine(tmp_path):
    """A checkout with nothing but the bootstrap on a machine with nothing but a shell; (folder, bin)."""
    folder, binaries = tmp_path / "checkout", tmp_path / "bin"
    (folder / "tools").mkdir(parents=True)
    binaries.mkdir()
    for name in ("bootstrap.sh", "uv.txt"):
        shutil.copy(ROOT / "tools" / name, folder / "tools")
    for name in TOOLS:
        (binaries / name).symlink_to(shutil.which(name))
    return folder, binaries


def python(binaries: Path, name: str, version: str, venv: bool) -> None:
    """A Python that answers the bootstrap's questions and does nothing else."""
    fits = 0 if version in ("3.11", "3.12") else 1
    (binaries / name).write_text(
        f"""#!/bin/sh
case "$*" in
  --version) echo "Python {version}.1" ;;
  *"3, 11"*) exit {fits} ;;
  *ensurepip*) exit {0 if venv else 1} ;;
  *version_info*) echo {version} ;;
  *) echo "$0 $*" >&2; exit 9 ;;
esac
"""
    )
    (binaries / name).chmod(0o755)


def bootstrap(machine) -> subprocess.CompletedProcess[str]:
    folder, binaries = machine
    return subprocess.run(
        [str(binaries / "sh"), str(folder / "tools" / "bootstrap.sh")], env={"PATH": str(binaries), "HOME": os.devnull},
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip


def refusal(machine) -> str:
    done = bootstrap(machine)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert " / " in done.stderr
    assert sorted(p.name for p in machine[0].iterdir()) == ["tools"], "nothing is half made"
    return done.stderr


def test_no_python_at_all(machine):
    assert "3.11" in refusal(machine)


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_only_a_python_that_does_not_fit(machine, version):
    python(machine[1], "python3", version, venv=True)
    assert f"Python {version}.1" in refusal(machine)


def test_python_without_its_venv_module(machine):
    python(machine[1], "python3", "3.11", venv=False)
    assert "apt install python3.11-venv" in refusal(machine)


def test_a_fitting_python_is_found_beside_one_that_is_too_old(machine):
    python(machine[1], "python3", "3.9", venv=True)
    python(machine[1], "python3.12", "3.12", venv=True)
    assert f"{machine[1]}/python3.12 -m venv .tools" in bootstrap(machine).stderr
