"""An auditor's laptop: what the base distribution needs is enough to verify packages, signatures and the ledger.

Everything installed that the base dependencies do not lead to is made unimportable, then the real commands are run.
"""

from __future__ import annotations

import importlib.metadata as metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from sip_samples import MakePlan

import samplenight
from sip.package import write_package

ROOT = Path(__file__).resolve().parent.parent.parent
EXTRAS = {"airflow", "openpyxl", "fontTools", "paramiko", "pylopdf_fonts_zh_cn"}

_GUARD = """
import sys
denied = set(sys.argv[1].split(","))
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in denied:
            raise ModuleNotFoundError(f"{name} is not in the base install", name=name)
sys.meta_path.insert(0, Guard())
from ingest.cli import main
sys.exit(main(sys.argv[2:]))
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure() -> set[str]:
    """The distributions that `pip install guidang` brings, by their own word."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found: set[str] = set()
    todo = [Requirement(w) for w in wanted]
    while todo:
        need = todo.pop()
        if normal(need.name) in found or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        found.add(normal(need.name))
        try:
            further = metadata.requires(need.name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        chosen = [Requirement(f) for f in further]
        todo += [r for r in chosen if not r.marker or any(r.marker.evaluate({"extra": e}) for e in ("", *need.extras))]
    return found


@pytest.fixture(scope="module")
def denied() -> str:
    allowed = closure()
    modules = metadata.packages_distributions()
    out = {m for m, dists in modules.items() if not {normal(d) for d in dists} & (allowed | {"guidang"})}
    out.discard("_virtualenv")
    assert out >= EXTRAS
    assert not out & {"lxml", "boto3", "botocore", "sqlalchemy", "pyhanko", "bagit"}
    return ",".join(sorted(out))


def run(denied: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _GUARD, denied, *command], capture_output=True, text=True, check=False, timeout=120
    )


def test_packages_are_verified_with_the_base_install(denied: str, make_plan: MakePlan, tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    write_package(package, make_plan())
    done = run(denied, "verify", "--json", "--bagit", str(package))
    said = json.loads(done.stdout)
    assert (said["valid"], [f["code"] for f in said["findings"]]) == (True, ["EVI-ABSENT"]), done.stderr
    assert done.returncode == 0
    package.write_bytes(package.read_bytes().replace(b"BagIt-Version: 1.0", b"BagIt-Version: 1.1"))
    assert run(denied, "verify", str(package)).returncode == 1


@pytest.mark.slow
def test_signatures_and_the_ledger_are_verified_with_the_base_install(denied: str, tmp_path: Path) -> None:
    samplenight.make(tmp_path, count=1, faults=())
    signed = sorted(p for p in tmp_path.rglob("*") if p.suffix in (".pdf", ".ofd"))[:6]
    done = run(
        denied, "verify-signature", "--json", "--trust", str(tmp_path / "config/trust"), "--at",
        "2026-11-20T01:00:00+08:00", *map(str, signed),
    )  # fmt: skip
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == len(signed), done.stderr
    assert {s["verdict"] for v in verdicts for s in v["signatures"]} == {"VALID"}, done.stdout
    done = run(denied, "ledger", "verify", "--home", str(tmp_path))
    assert "ModuleNotFoundError" not in done.stderr


def test_what_belongs_to_an_extra_is_told_as_such(denied: str, tmp_path: Path) -> None:
    """The guard guards: the sample night needs fonts, which only the extra `forms` brings."""
    done = run(denied, "sample", "--home", str(tmp_path / "home"))
    assert done.returncode != 0
    assert "not in the base install" in done.stderr
