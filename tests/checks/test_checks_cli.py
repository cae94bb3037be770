import argparse
import json
from pathlib import Path

import pytest
from case_samples import AGENCY, good_case
from file_samples import GOOD, ofd, pdf

from ingest.checks.cli import add_parser

AS_OF = "2024-03-21T01:00:00+08:00"


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "home/config").mkdir(parents=True)
    registry = {"schema": "guidang.agencies/1.0", "agencies": [dict(AGENCY)]}
    (tmp_path / "home/config/agencies.json").write_text(json.dumps(registry), "utf-8")
    return tmp_path / "home"


@pytest.fixture
def delivery(tmp_path) -> Path:
    folder = tmp_path / "inbox/nanyue-zwfw/case-1"
    for path, (data, _) in GOOD.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    _write(folder, good_case(GOOD))
    return folder


def _write(folder: Path, case: dict) -> None:
    (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")


def _guidang(*args: object) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(required=True))
    parsed = parser.parse_args(["check", "--as-of", AS_OF, *map(str, args)])
    return parsed.func(parsed)


def test_a_good_delivery_is_accepted(home, delivery, capsys) -> None:
    assert _guidang(delivery, "--home", home, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(delivery), "accepted": True, "findings": []}


def test_a_folder_of_deliveries_is_one_line_each(home, delivery, capsys) -> None:
    case = good_case(GOOD)
    case["record"]["total_files"] = 9
    (delivery.parent / "case-2").mkdir()
    _write(delivery.parent / "case-2", case)
    assert _guidang(delivery.parent, "--home", home, "--json") == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["accepted"]
    assert not second["accepted"]
    totals = next(f for f in second["findings"] if f["code"] == "MET-TOTAL-FILES")
    assert totals == {
        "code": "MET-TOTAL-FILES", "item": "GD-2-1", "result": "fail", "severity": "reject",
        "path": None, "field": "/record/total_files",
    }  # fmt: skip
    assert {f["path"] for f in second["findings"] if f["code"] == "RCV-FILE-MISSING"} == set(GOOD)


def test_a_report_to_sign_is_written_for_each_record(home, tmp_path, delivery) -> None:
    assert _guidang(delivery, "--home", home, "--report", tmp_path / "reports") == 0
    assert "四性检测报告" in (tmp_path / "reports/nanyue-zwfw case-1.html").read_text("utf-8")


def test_what_may_not_enter_is_said_and_not_read(home, delivery, capsys) -> None:
    case = good_case(GOOD)
    case["record"]["security_classification"] = "机密"
    _write(delivery, case)
    assert _guidang(delivery, "--home", home) == 1
    assert "RCV-CLASSIFIED" in capsys.readouterr().out


def test_without_a_registry_the_record_is_taken_at_its_word(tmp_path, delivery, capsys) -> None:
    assert _guidang(delivery / "case.json", "--home", tmp_path / "nowhere") == 0
    assert "accepted" in capsys.readouterr().out


def test_an_agency_that_is_not_known_is_not_guessed(home, tmp_path, delivery, capsys) -> None:
    case = good_case(GOOD)
    case["record"]["unit_uscc"] = "11440300FAKE0003XC"
    _write(delivery, case)
    moved = delivery.rename(tmp_path / "elsewhere")
    assert _guidang(moved, "--home", home) == 2
    assert _guidang(moved, "--home", home, "--agency", "nobody") == 2
    assert _guidang(moved, "--home", home, "--agency", AGENCY["id"]) == 1
    assert "MET-AGENCY-MISMATCH" in capsys.readouterr().out


def test_a_loose_file_is_checked_by_itself(tmp_path, capsys) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf())
    (tmp_path / "b.pdf").write_bytes(ofd())
    assert _guidang(tmp_path / "a.pdf", "--home", tmp_path) == 0
    assert _guidang(tmp_path / "a.pdf", tmp_path / "b.pdf", "--home", tmp_path, "--json") == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert [f["code"] for f in json.loads(last)["findings"]] == ["FMT-EXTENSION-MISMATCH"]


def test_what_is_not_there_cannot_be_judged(tmp_path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert _guidang(tmp_path / "none.pdf", "--home", tmp_path) == 2
    assert _guidang(tmp_path / "empty", "--home", tmp_path) == 2
    assert "case.json" in capsys.readouterr().err
