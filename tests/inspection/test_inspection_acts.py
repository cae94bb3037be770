"""From an inspector's finding to its closing: who may do what when, and what the chain tells of it."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from inspected_home import InspectedHome
from openpyxl import load_workbook

from ingest.cli import main
from ingest.inspection import book, evidence
from ingest.inspection.acts import Plan, Proof, Raised, Who, close, done, measure, raise_finding, reopen
from ingest.inspection.form import ledger_form
from ingest.inspection.model import Level, Outcome, Refused, Stale, Status
from ingest.ledger import chain
from ingest.model import CST
from sip.forms import to_xlsx

DUE = dt.date(2026, 12, 1)
FOUND = Raised(
    "=未建立灾难恢复预案", "省档案局", "测试局", "一个月内建立预案并演练", DUE, 2026, "GB/T 18894", Level.HIGH
)
JIA, YI = Who("甲", "desk:甲"), Who("乙", "desk:乙")


@pytest.fixture
def number(inspected: InspectedHome) -> int:
    return raise_finding(inspected.ledger, FOUND, Who("检查员", "desk:检查员"))


def one(inspected: InspectedHome) -> tuple[Status, int]:
    (item,) = inspected.items()
    return item.status, item.step


def to_verify(inspected: InspectedHome, number: int) -> None:
    measure(inspected.ledger, number, Plan("制定预案", "张三", "档案科"), JIA)
    done(inspected.ledger, number, "预案已印发", [Proof("测编〔2026〕1号")], JIA)


def test_a_finding_walks_from_raised_to_closed_with_every_step_chained(inspected: InspectedHome, number: int) -> None:
    assert one(inspected)[0] is Status.OPEN
    measure(inspected.ledger, number, Plan("制定预案", "张三", "档案科", dt.date(2026, 11, 30)), JIA)
    assert one(inspected)[0] is Status.FIXING
    done(inspected.ledger, number, "预案已印发", [Proof("测编〔2026〕1号")], JIA)
    assert one(inspected)[0] is Status.TO_VERIFY
    close(inspected.ledger, number, "查看预案与演练报告，属实", YI)
    (item,) = inspected.items()
    assert (item.status, item.outcome, item.closed_by, item.due) == (Status.CLOSED, Outcome.MENDED, "乙", "2026-11-30")
    assert inspected.kinds() == ["inspection_raised", "inspection_measure", "inspection_done", "inspection_closed"]
    with inspected.ledger.read() as conn:
        assert list(chain.verify(conn)) == []
        steps = book.history(conn, number)
    assert [s.detail["by"] for s in steps] == ["检查员", "甲", "甲", "乙"]
    assert steps[2].detail["evidence"][0]["text"] == "测编〔2026〕1号"


@pytest.mark.parametrize("who", [JIA, Who("　甲 ", "desk:x"), Who("丙", "desk:甲")])
def test_who_mended_it_does_not_verify_it(inspected: InspectedHome, number: int, who: Who) -> None:
    to_verify(inspected, number)
    with pytest.raises(Refused, match="另一人"):
        close(inspected.ledger, number, "看过", who)
    assert one(inspected)[0] is Status.TO_VERIFY


def test_nothing_is_done_without_evidence_or_said_without_words(inspected: InspectedHome, number: int) -> None:
    measure(inspected.ledger, number, Plan("制定预案", "张三"), JIA)
    with pytest.raises(Refused, match="佐证"):
        done(inspected.ledger, number, "好了", [Proof("  ")], JIA)
    with pytest.raises(Refused, match="完成情况"):
        done(inspected.ledger, number, " ", [Proof("有")], JIA)
    with pytest.raises(Refused, match="整改措施"):
        measure(inspected.ledger, number, Plan("", "张三"), JIA)
    with pytest.raises(Refused, match="姓名"):
        measure(inspected.ledger, number, Plan("措施", "张三"), Who(" "))
    assert one(inspected)[0] is Status.FIXING


def test_an_act_on_an_older_page_is_told_so_and_does_nothing(inspected: InspectedHome, number: int) -> None:
    _, seen = one(inspected)
    measure(inspected.ledger, number, Plan("制定预案", "张三"), JIA, seen)
    with pytest.raises(Stale, match="新的处理"):  # the same form sent twice
        measure(inspected.ledger, number, Plan("制定预案", "张三"), JIA, seen)
    assert inspected.kinds() == ["inspection_raised", "inspection_measure"]


def test_only_what_fits_its_state_can_be_done(inspected: InspectedHome, number: int) -> None:
    with pytest.raises(Refused, match="未整改"):
        close(inspected.ledger, number, "看过", YI)
    with pytest.raises(Refused, match="未整改"):
        reopen(inspected.ledger, number, "再查", YI)
    with pytest.raises(Refused, match="没有第 99 号"):
        reopen(inspected.ledger, 99, "再查", YI)


def test_reopened_it_begins_a_new_round(inspected: InspectedHome, number: int) -> None:
    to_verify(inspected, number)
    reopen(inspected.ledger, number, "预案没有演练", YI)
    (item,) = inspected.items()
    assert (item.status, item.reopened, item.closed_by) == (Status.OPEN, 1, "")
    measure(inspected.ledger, number, Plan("演练", "李四"), YI)
    done(inspected.ledger, number, "已演练", [Proof("报告")], YI)
    close(inspected.ledger, number, "属实", JIA)  # who mended the round before may verify this one
    assert len(inspected.items()[0].evidence) == 2


def test_an_evidence_file_is_kept_under_its_digest(inspected: InspectedHome) -> None:
    proof = evidence.keep(inspected.home, "..\\演练/报告.pdf", io.BytesIO(b"report"))
    assert (proof.name, proof.size) == ("报告.pdf", 6)
    kept = evidence.place(inspected.home, proof.sha256)
    assert kept is not None and kept.read_bytes() == b"report"
    assert evidence.keep(inspected.home, "b", io.BytesIO(b"report")).sha256 == proof.sha256
    assert [p.name for p in kept.parent.iterdir()] == [proof.sha256]
    assert evidence.place(inspected.home, "../../config/agencies.json") is None
    with pytest.raises(Refused, match="空"):
        evidence.keep(inspected.home, "x", io.BytesIO(b""))


def test_the_register_has_the_inspectors_columns_and_no_formula(inspected: InspectedHome, number: int) -> None:
    to_verify(inspected, number)
    made_at = dt.datetime(2026, 12, 2, tzinfo=CST)
    book_ = load_workbook(io.BytesIO(to_xlsx(ledger_form(inspected.items(), made_at))))
    rows = [[cell.value for cell in row] for row in book_.worksheets[0].iter_rows()]
    assert rows[0][0] == "监督检查整改台账" and rows[1][0] == "截至 2026-12-02，共 1 项，逾期 1 项"
    assert rows[2] == ["序号", "检查年度", "检查单位", "被检查单位", "问题描述", "依据条款", "整改要求", "责任部门", "责任人", "整改措施",
                       "完成时限", "完成情况", "佐证材料", "销账状态", "验收人", "销账日期"]  # fmt: skip
    assert rows[3][4] == f"=未建立灾难恢复预案（高，第 {number} 号）" and rows[3][13] == "待验收"
    assert book_.worksheets[0].cell(4, 5).data_type == "s"


def test_the_command_line_walks_it_too_with_the_account_behind_the_name(
    inspected: InspectedHome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ["--home", str(inspected.home.root)]
    raised = [
        "raise",
        "--problem",
        "无预案",
        "--inspector",
        "省局",
        "--inspected",
        "测试局",
        "--demand",
        "建立",
        "--due",
        "2020-01-01",
    ]
    assert main(["inspection", *raised, *at]) == 0
    number = str(inspected.items()[0].id)
    assert main(["inspection", "list", "--overdue", *at]) == 1
    assert "（逾期）" in capsys.readouterr().out
    assert main(["inspection", "measure", number, "--measure", "写", "--responsible", "张三", "--by", "甲", *at]) == 0
    assert main(["inspection", "done", number, "--progress", "写了", "--evidence", "文", "--by", "甲", *at]) == 0
    assert main(["inspection", "close", number, "--remark", "属实", "--by", "乙", *at]) == 1  # one account, two names
    assert "另一人" in capsys.readouterr().err
    monkeypatch.setattr("ingest.people.account", lambda: "somebody-else")
    assert main(["inspection", "close", number, "--remark", "属实", "--by", "乙", *at]) == 0
    assert main(["inspection", "reopen", number, "--reason", "复发", *at]) == 0
    capsys.readouterr()
    assert main(["inspection", "show", number, "--json", *at]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["finding"]["status"], told["steps"][-1]["detail"]["reason"]) == ("open", "复发")
    assert main(["inspection", "export", "-o", str(inspected.home.root / "台账.xlsx"), *at]) == 0
    assert (inspected.home.root / "台账.xlsx").read_bytes()[:2] == b"PK"
