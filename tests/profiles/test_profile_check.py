"""`guidang check` on every form: one object a record, the exit code of the worst."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from case_samples import AGENCY
from form_samples import (
    ARCHIVAL,
    CASES,
    Files,
    batch_files,
    dat93_files,
    deployed_files,
    foreign_eep,
    gdbs_files,
    laid,
    zipped,
)  # fmt: skip
from profile_faults import with_info

from ingest.cli import main


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    laid(tmp_path / "home/config", {"agencies.json": json.dumps({"agencies": [dict(AGENCY)]}).encode()})

    def run(*paths: Path) -> tuple[int, list[dict[str, Any]]]:
        args = ["--home", str(tmp_path / "home"), "--as-of", "2024-03-21T01:00:00+08:00", "--json"]
        code = main(["check", *map(str, paths), *args])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (deployed_files(), [""]),
        (dat93_files(), [f"#{ARCHIVAL}{n}" for n in (1, 2)]),
        (gdbs_files(), [f"#{c}" for c in CASES]),
        (batch_files(), [f"#{name.removesuffix('.zip')}" for name in batch_files() if name.endswith(".zip")]),
    ],
    ids=["deployed", "dat93", "gdbs", "batch"],
)  # fmt: skip
def test_a_folder_of_each_form(tmp_path: Path, check: Any, files: Files, parts: list[str]) -> None:
    place = laid(tmp_path / "nanyue-zwfw/d", files)
    code, rows = check(place)
    assert (code, [r["path"] for r in rows]) == (0, [f"{place}{p}" for p in parts])
    assert all(r["accepted"] and not any(f["severity"] == "reject" for f in r["findings"]) for r in rows)


def test_files_and_folders_of_deliveries_together(tmp_path: Path, check: Any) -> None:
    inbox = laid(
        tmp_path / "nanyue-zwfw",
        {"a/x.xml": foreign_eep(), "a/_DONE": b"", "b.zip": zipped(deployed_files()), "b.zip_DONE": b""},
    )
    code, rows = check(inbox)
    assert (code, [Path(r["path"]).name for r in rows]) == (0, ["a", "b.zip"])


def test_what_is_bad_is_told_with_its_item(tmp_path: Path, check: Any) -> None:
    laid(
        tmp_path / "nanyue-zwfw",
        {"bad.zip": with_info({"../x": b"x"} | deployed_files()), "good.zip": zipped(deployed_files())},
    )
    code, rows = check(tmp_path / "nanyue-zwfw/bad.zip", tmp_path / "nanyue-zwfw/good.zip")
    assert (code, [r["accepted"] for r in rows]) == (1, [False, True])
    assert rows[0]["findings"] == [
        {"code": "FMT-ZIP-UNSAFE-PATH", "item": "GD-3-8", "result": "fail", "severity": "reject", "path": "bad.zip", "field": None}
    ]  # fmt: skip


def test_a_folder_that_is_no_delivery_cannot_be_judged(tmp_path: Path, check: Any) -> None:
    laid(tmp_path / "d", {"读我.txt": b"x", "b.txt": b"y"})
    assert check(tmp_path / "d") == (2, [])
