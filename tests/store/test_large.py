"""A record of one file of 2 GB, and one of many files, through our own steps within 300 MiB each.

The full measure, 20 GB and 100,000 files, is ``python -m bench.large``; here 2 GB and 6,000, which go the same ways (parts,
ZIP64 sizes beyond 2 GiB aside, documents by way of the disk) in about a minute.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_large_records_are_packaged_deposited_verified_and_restored_within_300_mib(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.large", "--size", "2G", "--files", "6000", "--work", str(tmp_path / "w")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.findall(r"^  (\w+) .* MiB$", done.stdout, re.M) == [
        "receive", "package", "deposit", "verify", "restore",
    ] * 2  # fmt: skip
