"""The commands of an archivist and a reviewer, from a workbook into force; each says what comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_home import ReviewHome, in_force, line, version

from ingest.cli import main
from ingest.people import account
from ingest.schedule.xlsxform import write_xlsx

REF = "T001-SHY/2026-V2"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["schedule", *map(str, words)])
        return code, capsys.readouterr().out

    return call


def table(path: Path, *lines: dict[str, object]) -> Path:
    path.write_bytes(write_xlsx(version("2026-V2", *lines)))
    return path


def test_from_a_workbook_into_force(run, home: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with ReviewHome(home) as installed:
        installed.put(in_force())
    book = table(tmp_path / "表.xlsx", line("1.2"))
    code, told = run("import", book, "--as", "张三")
    assert code == 0 and f"schedule lint {REF}" in told
    code, told = run("lint", REF)
    assert code == 1 and "必改 SCH-ENTRY-GAP" in told
    assert run("submit", REF, "--as", "张三")[0] == 1
    code, told = run("import", table(book, line("1.1")), "--as", "张三")
    assert (code, run("import", book, "--as", "张三")) == (
        0,
        (0, told.replace("草案", "没有变化 / nothing changed", 1)),
    )
    code, told = run("submit", REF, "--as", "张三")
    assert code == 0 and "由另一人" in told
    assert "不得由其" in run("review", REF, "--as", "张三")[1]
    code, told = run("return", REF, "--as", "李四", "--opinion", "缺依据")
    assert code == 0 and "按意见修改" in told
    run("import", table(book, line("1.1", remark="依据新规")), "--as", "张三")
    run("submit", REF, "--as", "张三")
    assert "schedule approve" in run("review", REF, "--as", "李四")[1]
    approve = ("approve", REF, "--as", "王五", "--no", "测档审2号", "--org", "测试档案局", "--date", "2026-05-06")
    assert "schedule enforce" in run(*approve)[1]
    code, told = run("enforce", REF, "--from", "2026-07-01", "--as", "张三")
    assert code == 0 and "办结于施行日期及以后的件按此归档" in told
    assert "施行日期" in run("show")[1] and "测档审2号 测试档案局 2026-05-06" in run("show")[1]
    told = run("history", REF)[1]
    assert "缺依据" in told and "李四" in told and f"os:{account()}" in told
    assert len(json.loads(run("history", REF, "--json")[1])) == 12
    assert json.loads(run("show", REF, "--json")[1])["status"] == "in_force"


def test_versions_of_the_ledger_are_compared_written_and_revoked(run, home: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    old = tmp_path / "old.json"
    old.write_text(json.dumps(in_force("2024-V1", "2024-01-01", line("1.1", "Y")).as_json()), "utf-8")
    code, told = run("adopt", old, "--opinion", "2023 年纸质批复")
    assert code == 0 and "施行" in told
    run("import", table(tmp_path / "表.xlsx", line("1.1", "D30")))
    assert "期限缩短" in run("diff", "T001-SHY/2024-V1", REF)[1]
    code, told = run("lint", REF)
    assert code == 1 and "SCH-SHORTENED" in told  # against the version before, unasked
    assert run("export", REF, "-o", tmp_path / "again.xlsx")[0] == 0
    assert (tmp_path / "again.xlsx").read_bytes() == (tmp_path / "表.xlsx").read_bytes()
    assert "必改" in run("revoke", REF, "--opinion", "错")[1]
    code, told = run("revoke", "T001-SHY/2024-V1", "--opinion", "批复撤销")
    assert code == 0 and "尽快施行新版本" in told
    assert "2026-V2" in run("show")[1] and account() in run("history", REF)[1]


def test_what_is_not_there_is_said(run, home: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for words in (
        ("show", REF),
        ("history", REF),
        ("submit", REF),
        ("lint", REF),
        ("export", REF, "-o", tmp_path / "x.csv"),
    ):
        code, told = run(*words)
        assert code == 1 and "台账中没有" in told
    assert run("lint", "no such thing")[0] == 1
    assert run("adopt", table(tmp_path / "d.xlsx"), "--opinion", "x")[1].startswith("必改 REV-ADOPT")
    run("import", table(tmp_path / "d.xlsx"))
    with ReviewHome(home) as installed:
        installed.declare({"agency": "nobody"})
    assert run("submit", REF)[0] == 2  # a broken list of matters is configuration, not a fault of the draft
