"""Small makers for schedules and cases, so that each test shows only what it is about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ingest.model import CST
from ingest.schedule import Schedule
from ingest.schedule.load import schedule_from_data

AGENCY = "11440100FAKE00021A"
AS_OF = dt.datetime(2024, 4, 1, 2, 0, tzinfo=CST)


def category(code: str = "ZY", class2: str | None = "XK", **more: Any) -> dict[str, Any]:
    return {"code": code, "class2": class2, "name": "类", "template": "DAT13", "number_width": 5} | more


def entry(entry_no: str, retention: str | None = "D30", **more: Any) -> dict[str, Any]:
    return {
        "entry_no": entry_no, "entry_text": f"条款{entry_no}", "category_code": "ZY", "class2": "XK",
        "matter_type": {"scheme": "national", "code": "01"}, "material_kind": "all", "retention_code": retention,
        "duty_dept": "审批科", "filing_unit": "case", "access_control": "公开", "open_control": "open", "archive": True,
    } | more  # fmt: skip


def schedule_data(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": "guidang.schedule/1.0", "schedule_id": "T001-SHY", "version": "2024-V1", "fonds_no": "T001",
        "fonds_name": "测试全宗", "status": "in_force", "effective_from": "2024-01-01", "effective_to": None,
        "approval": {"no": "测档审1号", "org": "测试档案局", "date": "2023-12-20"},
        "categories": [category()], "entries": list(entries),
    } | more  # fmt: skip


def schedule(*entries: dict[str, Any], **more: Any) -> Schedule:
    return schedule_from_data(schedule_data(*entries, **more), "test.json")


def case(
    groups: tuple[str, ...] = ("申报文件", "过程文件", "结果文件"),
    *,
    title: str = "关于测试公司食品经营许可的办件",
    closed_at: str | None = "2024-03-13T16:30:00+08:00",
    basic: str = "440116001000",
    scheme: str = "gd",
    kind: str = "01",
    result: str = "0",
) -> dict[str, Any]:
    return {
        "case": {
            "matter": {
                "implementation_code": f"{AGENCY}3{basic}", "handling_item_code": f"{AGENCY}3{basic}01",
                "basic_code": basic, "name": "测试事项", "type": {"scheme": scheme, "code": kind},
            },
            "case_title": title, "region_code": "440100", "closed_at": closed_at,
            "result": {"scheme": "gdbs.bjjgdm", "code": result},
        },
        "record": {"title": title},
        "files": [{"seq": at, "group": group} for at, group in enumerate(groups, 1)],
    }  # fmt: skip
