"""监督检查整改台账 as a form that inspectors use: sixteen columns, A4 landscape, as XLSX or PDF (`sip.forms`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ingest.inspection.model import Evidence, Item
from ingest.model import CST
from sip.forms import Align, Column, Form, Notes, Signature, Signatures, Table

TITLE = "监督检查整改台账"
_COLUMNS = (
    Column("序号", 3, Align.CENTER), Column("检查年度", 4, Align.CENTER), Column("检查单位", 6), Column("被检查单位", 6),
    Column("问题描述", 16), Column("依据条款", 9), Column("整改要求", 11), Column("责任部门", 5), Column("责任人", 5),
    Column("整改措施", 11), Column("完成时限", 6, Align.CENTER), Column("完成情况", 11), Column("佐证材料", 10),
    Column("销账状态", 5, Align.CENTER), Column("验收人", 5), Column("销账日期", 6, Align.CENTER),
)  # fmt: skip
_NOTES = (
    "销账状态：未整改、整改中、待验收、已销账；参与整改的人不得验收。逾期未销账的行加底纹。",
    "佐证材料后为文件 SHA-256 的前 12 位，可据以核对；每一步的经办人与时间见台账事件链。",
)


def ledger_form(items: Sequence[Item], made_at: dt.datetime) -> Form:
    """The findings as one form; those over their day stand out. ``made_at`` (aware) is when it is made."""
    day = made_at.astimezone(CST).date().isoformat()
    rows = [_row(number, item) for number, item in enumerate(items, 1)]
    late = frozenset(at for at, item in enumerate(items) if item.late(day))
    return Form(
        TITLE,
        [Table(_COLUMNS, rows, shaded=late), Signatures([Signature("填表人"), Signature("审核人")], 2), Notes(_NOTES)],
        subtitle=f"截至 {day}，共 {len(items)} 项，逾期 {len(late)} 项",
        landscape=True,
        made_at=made_at,
    )


def _row(number: int, item: Item) -> list[str | int | None]:
    closed = f"（{item.outcome.words()}）" if item.outcome else ""
    return [
        number, item.year, item.inspector, item.inspected, f"{item.problem}（{item.level.words()}，第 {item.id} 号）",
        item.basis, item.demand, item.department, item.responsible, item.measure, item.due, item.progress,
        "；".join(map(_told, item.evidence)), item.status.words() + closed, item.closed_by, _day(item.closed_at),
    ]  # fmt: skip


def _told(one: Evidence) -> str:
    file = f"{one.name} {one.sha256[:12]}" if one.sha256 else ""
    return "，".join(filter(None, (one.text, file)))


def _day(moment: str) -> str:
    """The day of a ledger time in China."""
    return dt.datetime.fromisoformat(moment).astimezone(CST).date().isoformat() if moment else ""
