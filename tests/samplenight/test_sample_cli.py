"""`guidang sample` and its parser."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from samplenight import cli, night


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["sample", *arguments])


def test_command_makes_a_night_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUIDANG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        night, "ALL_FAULTS", ("no-files", "delivered-twice")
    )  # the whole table is made by the other tests
    args = parsed("--count", "1", "--jobs", "1")
    assert args.func(args) == 0
    records = json.loads((tmp_path / "home" / "expectations.json").read_text("utf-8"))["records"]
    assert f"{len(records)} 次报送" in capsys.readouterr().out


def test_too_large_a_night_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = parsed("--home", str(tmp_path), "--count", "10000")
    assert args.func(args) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_parser_imports_nothing_heavy() -> None:
    code = "import sys; import samplenight.cli; print(sorted({'pyhanko', 'PIL', 'fontTools', 'cryptography'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"
