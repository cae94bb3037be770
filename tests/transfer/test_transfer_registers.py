"""The registers have the columns that the forms ask for, say what the package says, and stay readable at five hundred records."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from transfer_samples import UNIT, code_of, plan_of

from sip.forms import Fields, Signatures, Table, to_pdf, to_xlsx
from sip.transfer import handover, registers
from sip.transfer.plan import catalogue, totals
from sip.transfer.verify import verify
from sip.transfer.write import write_transfer

CHECKS = [
    {"code": "YJ-1-1", "zh": "固化信息有效性检测", "nature": "authenticity", "result": "pass"},
    {"code": "YJ-2-1", "zh": "总件数相符性检测", "nature": "integrity", "result": "pass"},
    {"code": "YJ-3-1", "zh": "可读性检测", "nature": "usability", "result": "warn"},
    {"code": "YJ-4-2", "zh": "病毒感染检测", "nature": "safety", "result": "manual"},
]


def receipt_of(doc: dict[str, Any]) -> dict[str, Any]:
    return {
        "transfer": doc["transfer"], "state": "ACCEPTED", "receipt_code": 1,
        "receipt_description": {"zh": "接收成功", "en": "accepted"}, "sender": UNIT, "receiver": {"name": "南粤市档案馆（测试）"},
        "received_by": "接收员", "package": doc["package"], "records": doc["records"],
        "decision": {"by": "馆员", "at": "2026-11-23T10:00:00+08:00", "note": "核对无误"}, "checks": CHECKS[:3],
        "confirmed": [CHECKS[3] | {"result": "pass", "by": "馆员"}], "findings": [],
    }  # fmt: skip


@pytest.fixture
def doc(tmp_path: Path) -> dict[str, Any]:
    plan = plan_of(tmp_path)
    package = {"file": "t.zip", "bytes": 1234, "sha256": "a" * 64, "sm3": "b" * 64}
    return handover.document(plan, catalogue(plan), totals(plan), package)


def tables(form: Any) -> list[Table]:
    return [b for b in form.blocks if isinstance(b, Table)]


def fields(form: Any) -> dict[str, Any]:
    return {f.label: f.value for b in form.blocks if isinstance(b, Fields) for f in b.fields}


def test_the_catalogue_has_the_columns_of_dat22(doc: dict[str, Any]) -> None:
    form = registers.catalogue(doc)
    (table,) = tables(form)
    assert [c.title for c in table.columns] == [
        "序号",
        "档号",
        "文号",
        "责任者",
        "题名",
        "日期",
        "密级",
        "页数",
        "备注",
    ]
    assert table.rows[0][:2] == [1, code_of(1)] and table.rows[0][8] == "第2版"
    assert {"全宗号", "全宗名称", "年度", "保管期限"} == set(fields(form)) and form.landscape


def test_the_transfer_register_has_the_rows_of_its_annex(doc: dict[str, Any]) -> None:
    form = registers.transfer_register(doc, CHECKS)
    assert {
        "交接工作名称",
        "内容描述",
        "移交电子档案数量",
        "移交数据量",
        "载体起止顺序号",
        "移交载体类型、规格",
    } <= set(fields(form))
    (table,) = tables(form)
    assert [c.title for c in table.columns] == ["检验内容", "移交单位", "接收单位"]
    assert [r[0] for r in table.rows] == ["真实性检验", "完整性检验", "可用性检验", "安全性检验", "载体外观检验"]
    assert [r[1] for r in table.rows][:4] == ["合格", "合格", "合格（有备注）", "待人工"]
    assert [r[2] for r in table.rows] == [""] * 5  # the archives' column is theirs to fill
    (boxes,) = [b for b in form.blocks if isinstance(b, Signatures)]
    assert len(boxes.boxes) == 6


def test_with_a_receipt_both_columns_are_filled_and_say_who_confirmed(doc: dict[str, Any]) -> None:
    form = registers.transfer_register(doc, CHECKS, receipt_of(doc))
    (table,) = tables(form)
    assert [r[2] for r in table.rows][:4] == ["合格", "合格", "合格（有备注）", "合格（含人工确认）"]
    (boxes,) = [b for b in form.blocks if isinstance(b, Signatures)]
    assert {"接收员", "馆员"} <= {b.name for b in boxes.boxes}


def test_the_natures_are_those_of_the_check_items() -> None:
    """A name that the engine does not use would leave a row of the register empty."""
    from ingest.checks.items import Stage, results

    assert all(registers.natures(results([], None, Stage.YJ)).values())


def test_the_handover_form_names_the_digests(doc: dict[str, Any]) -> None:
    form = registers.handover_form(doc)
    assert (fields(form)["信息包 SHA-256"], fields(form)["信息包 SM3"]) == ("a" * 64, "b" * 64)
    (table,) = tables(form)
    assert [r[4] for r in table.rows] == [i["package_sha256"] for i in doc["items"]]


def test_the_opening_form_has_the_units_opinion_and_room_for_the_archives(doc: dict[str, Any]) -> None:
    (table,) = tables(registers.opening_form(doc))
    row = dict(zip([c.title for c in table.columns], table.rows[0], strict=True))
    assert (row["初审意见（单位）"], row["复审意见（档案馆）"], row["结论"], row["满25年"]) == (
        "同意延期",
        "",
        "延期开放",
        "2051年",
    )


def test_a_rejection_says_why_and_that_nothing_was_taken(doc: dict[str, Any]) -> None:
    rejected = receipt_of(doc) | {
        "state": "REJECTED", "receipt_code": 6, "findings": [{"code": "PKG-DIGEST", "path": "data/a", "zh": "摘要不符"}],
    }  # fmt: skip
    form = registers.receipt_form(rejected)
    assert "退回" in str(form.blocks) and "PKG-DIGEST" in str(form.blocks)


@pytest.mark.slow
def test_five_hundred_records_are_written_judged_and_printed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 500)
    out = tmp_path / "t.zip"
    result = write_transfer(out, plan)
    judged = verify(out)
    assert judged.findings == () and len(judged.items) == 500
    package = {"file": out.name, "bytes": result.size, "sha256": result.sha256, "sm3": "b" * 64}
    doc = handover.document(plan, catalogue(plan), totals(plan), package)
    for make in (registers.catalogue, registers.handover_form, registers.opening_form):
        form = make(doc)
        sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(form))).active
        assert sheet is not None
        cells = {str(c.value) for row in sheet.iter_rows() for c in row if c.value is not None}
        assert {code_of(n) for n in range(1, 501)} <= cells
        assert to_xlsx(form) == to_xlsx(make(doc))
    pdf = to_pdf(registers.catalogue(doc))
    assert len(re.findall(rb"/Type ?/Page[^s]", pdf)) > 15
    assert pdf == to_pdf(registers.catalogue(doc))
