"""A good case of one agency, made anew for each test; faults are put into the copy."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from ingest.model import CST

AS_OF = dt.datetime(2024, 3, 21, 1, 0, tzinfo=CST)
UNIT = "南粤市政务服务和数据管理局（测试）"
USCC = "11440100FAKE00021A"
IMPLEMENTATION = USCC + "3" + "440116001000"
AGENCY: Mapping[str, Any] = {
    "id": "nanyue-zwfw",
    "name": UNIT,
    "uscc": USCC,
    "region_code": "440100",
    "fonds_no": "T001",
    "fonds_name": UNIT + "全宗",
    "matter_type_scheme": "gd",
    "policy": {
        "signature_invalid": "reject",
        "signature_indeterminate": "hold",
        "signature_unsigned": "accept",
    },
}

_FILES = (
    ("申报文件/01_食品经营许可申请书.pdf", "A", "apply_form"),
    ("申报文件/02_营业执照.jpg", "A", "called_licence"),
    ("过程文件/01_受理通知书.ofd", "B8", "accept_notice"),
    ("过程文件/02_办理过程信息.xml", "B99", "process"),
    ("结果文件/01_准予行政许可决定书.ofd", "C", "decision"),
)


def good_case(contents: Mapping[str, tuple[bytes, int]] | None = None) -> dict[str, Any]:
    """A case without a fault. ``contents`` gives bytes and pages by path; without it each file has its path as content."""
    given = contents or {path: (path.encode(), 1) for path, _, _ in _FILES}
    roles = {path: (code, role) for path, code, role in _FILES}
    files = []
    for seq, (path, (data, pages)) in enumerate(given.items(), start=1):
        group, _, name = path.partition("/")
        code, role = roles.get(path, ({"申报文件": "A", "过程文件": "B99", "结果文件": "C"}[group], "other"))
        files.append(
            {
                "seq": seq,
                "role": role,
                "group": group,
                "file_code": code,
                "material_name": name.partition(".")[0],
                "path": path,
                "format": name.rpartition(".")[2].upper().replace("JPG", "JPEG"),
                "size": len(data),
                "pages": pages,
                "created_at": "2024-03-06T09:10:00+08:00",
                "digest": {"SHA-256": None, "MD5": hashlib.md5(data).hexdigest()},
            }
        )
    return {
        "schema": "gd.govservice.case/1.0",
        "case": _case(),
        "record": {
            "title": "关于测试餐饮（南粤）有限公司食品经营许可证核发的办件",
            "author": UNIT,
            "date": "2024-03-13",
            "document_no": "南粤食许〔2024〕1号",
            "security_classification": "公开",
            "access_control": "内部限制",
            "fonds_no": "T001",
            "fonds_unit": UNIT,
            "unit_uscc": USCC,
            "aggregation_level": "文件",
            "total_files": len(files),
            "total_pages": sum(f["pages"] for f in files),
            "total_bytes": sum(f["size"] for f in files),
            "single_set": True,
        },
        "files": files,
        "agents": [
            {"agent_id": "AG1", "type": "单位", "name": UNIT, "org_code": USCC},
            {"agent_id": "AG2", "type": "个人", "name": "测试丙", "position": "承办人", "belongs_to": "AG1"},
            {"agent_id": "AG3", "type": "个人", "name": "测试丁", "position": "批准人", "belongs_to": "AG1"},
        ],
        "events": [
            _event(1, "apply", "申办", "2024-03-06T09:12:31+08:00", None, [1]),
            _event(2, "accept", "受理", "2024-03-06T15:40:02+08:00", "AG2", []),
            _event(3, "review", "审核", "2024-03-11T11:00:00+08:00", "AG2", []),
            _event(4, "approve", "批准", "2024-03-13T10:05:00+08:00", "AG3", []),
            _event(5, "close", "办结", "2024-03-13T16:30:00+08:00", "AG2", []),
            _event(6, "deliver", "送达", "2024-03-14T09:20:00+08:00", "AG2", []),
        ],
        "relations": [{"type": "entity", "from": "file:1", "relation": "依据", "to": "file:1"}],
    }


def _case() -> dict[str, Any]:
    return {
        "case_no": IMPLEMENTATION + "20240306" + "0001",
        "version": 1,
        "accept_no": "SL20240306000001",
        "source_system": {"system_no": "SP10", "name": "南粤市一体化政务服务平台（测试）", "version": "3.2"},
        "matter": {
            "implementation_code": IMPLEMENTATION,
            "handling_item_code": IMPLEMENTATION + "01",
            "basic_code": "440116001000",
            "name": "食品经营许可证核发（测试）",
            "version": "5",
            "type": {"scheme": "gd", "code": "01", "text": "行政许可"},
            "exercise_level": "3",
        },
        "case_title": "关于测试餐饮（南粤）有限公司食品经营许可证核发的办件",
        "service_kind": {"code": "2", "text": "承诺件"},
        "region_code": "440100",
        "channel": {"scheme": "gdbs.wssbqd", "code": "0", "text": "PC"},
        "applied_at": "2024-03-06T09:12:31+08:00",
        "accepted_at": "2024-03-06T15:40:02+08:00",
        "decided_at": "2024-03-13T10:05:00+08:00",
        "closed_at": "2024-03-13T16:30:00+08:00",
        "result": {
            "scheme": "gdbs.bjjgdm",
            "code": "0",
            "text": "出证办结",
            "result_no": "JY14401000000001",
            "licence_id": "1.2.156.3005.2.11100000FAKE00099G001.11440100FAKE00021A.GZ20240306000001.001.V",
        },
        "applicant": {
            "kind": {"scheme": "gdbs.sqrlx", "code": "2", "text": "企业"},
            "name": "测试餐饮（南粤）有限公司",
            "id_type": {"code": "49", "text": "统一社会信用代码"},
            "id_no": "91440101FAKE000488",
            "legal_representative": _person("测试甲", "440106190001010012"),
            "agent": _person("测试乙", "440106190001010020"),
        },
        "project": {"is_project": False},
    }


def _person(name: str, number: str) -> dict[str, Any]:
    return {"name": name, "id_type": {"code": "10", "text": "居民身份证"}, "id_no": number}


def _event(number: int, action: str, text: str, at: str, agent: str | None, files: list[int]) -> dict[str, Any]:
    return {
        "event_id": f"E{number}",
        "status": "历史行为",
        "action": action,
        "action_text": text,
        "at": at,
        "agent_id": agent,
        "files": files,
    }
