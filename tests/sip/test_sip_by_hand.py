"""What docs/audit.md tells an auditor who has only public tools: the very commands, on a package of ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sip_samples import CODE, MakePlan

from sip.package import write_package


def run(where: Path, *command: str) -> str:
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=True).stdout


def test_unzip_sha256sum_and_openssl_prove_a_package(make_plan: MakePlan, tmp_path: Path) -> None:
    write_package(tmp_path / "v1.zip", make_plan())
    run(tmp_path, "unzip", "-q", "v1.zip")
    bag = tmp_path / CODE
    assert run(bag, "sha256sum", "-c", "manifest-sha256.txt").count(": OK") == 3
    assert run(bag, "sha256sum", "-c", "tagmanifest-sha256.txt").count(": OK") >= 8
    for line in (bag / "manifest-sm3.txt").read_text("utf-8").splitlines():
        digest, path = line.split("  ", 1)
        assert run(bag, "openssl", "dgst", "-sm3", "-r", path).split()[0] == digest
    sizes = [int(s) for s in run(bag, "find", "data", "-type", "f", "-printf", r"%s\n").split()]
    assert f"Payload-Oxum: {sum(sizes)}.{len(sizes)}" in (bag / "bag-info.txt").read_text("utf-8")
