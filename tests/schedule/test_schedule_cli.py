"""The commands as an archivist uses them, over real files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from schedule_samples import case, entry, schedule_data

from ingest.paths import SCHEMAS
from ingest.schedule.cli import add_parser

T001 = SCHEMAS / "schedules" / "T001-2024-V1.json"


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["schedule", *map(str, words)])
    return int(args.func(args))


def written(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text(json.dumps(schedule_data(*entries)), "utf-8")
    return path


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_from_form_to_form_and_back_is_the_same_version(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, again = tmp_path / f"t.{form}", tmp_path / "t.json"
    assert run("export", T001, "-o", table) == 0
    assert run("export", table, "-o", again) == 0
    assert "《T001-SHY 2024-V1》40 条" in capsys.readouterr().out
    assert run("diff", T001, again, "--json") == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []


def test_an_existing_file_is_not_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "t.csv"
    there.write_bytes(b"mine")
    assert run("export", T001, "-o", there) == 2
    assert there.read_bytes() == b"mine"
    assert run("export", T001, "-o", there, "--force") == 0
    assert there.read_bytes() != b"mine"


def test_lint_prints_findings_and_fails_on_those_to_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", T001) == 0
    bad = written(tmp_path / "b.json", entry("1.1", "D10", category_default=True))
    assert run("lint", bad) == 1
    assert "必改 SCH-DEFAULT-SHORT [/entries/0]" in capsys.readouterr().out
    matters = tmp_path / "m.json"
    matters.write_text('[{"name": "裁决", "type": {"scheme": "gd", "code": "09"}}]', "utf-8")
    last = written(tmp_path / "l.json", entry("1.1", "Y", category_default=True))
    assert run("lint", bad, "--previous", last, "--superior", last, "--matters", matters, "--json") == 1
    codes = {row["code"] for row in json.loads(capsys.readouterr().out)}
    assert {"SCH-SHORTENED", "SCH-SUPERIOR-SHORTER", "SCH-MATTER-UNREACHED"} <= codes


def test_a_form_that_is_not_known_or_not_installed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("export", T001, "-o", tmp_path / "t.doc") == 1
    assert "文件名应以" in capsys.readouterr().out
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run("export", T001, "-o", tmp_path / "t.xlsx") == 1
    assert "guidang[forms]" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_faulty_table_tells_rows_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "t.json"
    run("export", T001, "-o", table)
    table.write_bytes(table.read_bytes().replace("永久".encode(), "长期".encode(), 1))
    capsys.readouterr()
    assert run("export", table, "-o", out) == 1
    assert "行“保管期限”：“长期”不是保管期限" in capsys.readouterr().out
    assert not out.exists()


def test_diff_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = written(tmp_path / "1.json", entry("1.1", "Y")), written(tmp_path / "2.json", entry("1.1", "D10"))
    assert run("diff", one, two) == 0
    assert "期限缩短  1.1     条款1.1  保管期限：永久 → 定期10年" in capsys.readouterr().out
    assert run("diff", one, two, "-o", tmp_path / "d.xlsx") == 0
    assert "1 处" in capsys.readouterr().out and (tmp_path / "d.xlsx").read_bytes().startswith(b"PK")


def test_match_says_why_or_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record, folder = tmp_path / "case.json", SCHEMAS / "schedules"
    record.write_text(json.dumps(case()), "utf-8")
    assert run("match", record, "--schedules", folder, "--fonds", "T001", "--as-of", "2024-04-01") == 0
    shown = capsys.readouterr().out
    assert "条款 2.2.1 食品经营许可" in shown and "理由 办结于2024-03-13" in shown and "开放 控制" in shown
    record.write_text(json.dumps(case(basic="440904001000", kind="09") | {"record": {"fonds_no": "T003"}}), "utf-8")
    assert run("match", record, "--schedules", folder) == 1
    assert "须说明 FIL-UNSCHEDULED" in capsys.readouterr().out


def test_a_missing_or_broken_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", tmp_path / "none.json") == 2
    (tmp_path / "x.json").write_bytes(b"[]")
    assert run("match", tmp_path / "x.json", "--schedules", tmp_path) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_ruling_releases_the_matter_once_and_a_wrong_one_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "T001.json", entry("1.1", "Y", keywords=["裁决"]))
    record = tmp_path / "cases" / "case.json"
    record.parent.mkdir()
    record.write_text(json.dumps(case()), "utf-8")
    match = ("match", record, "--schedules", tmp_path, "--fonds", "T001")
    assert run(*match) == 1
    code = case()["case"]["matter"]["implementation_code"]
    rule = ("rule", code, "--fonds", "T001", "--version", "T001-SHY/2024-V1", "--by", "档案员", "--schedules", tmp_path)
    assert run(*rule, "--entry", "7.7", "--reason", "比照") == 1
    assert not (tmp_path / "rulings").exists()
    assert run(*rule, "--entry", "1.1", "--reason", "比照") == 0
    capsys.readouterr()
    assert run(*match) == 0
    assert "提示 FIL-BY-RULING" in capsys.readouterr().out
    assert run(*rule, "--entry", "1.1", "--reason", "再裁一次") == 1
    assert "两条裁定" in capsys.readouterr().out
    other = ("rule", f"{code}01", *rule[2:])
    assert run(*other, "--entry", "1.1", "--reason", "另一办理项") == 0
    assert len(json.loads((tmp_path / "rulings" / "T001.json").read_text("utf-8"))["rulings"]) == 2
