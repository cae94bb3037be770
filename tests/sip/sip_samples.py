"""A record as the pipeline hands it over, small and fake."""

from __future__ import annotations

import datetime as dt
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sip import canonical, premis, xml
from sip.package import PackagePlan, PayloadFile

CODE = "440100-T001-11440100FAKE00021A3440116001000-2024-D30-000001"
AS_OF = dt.datetime(2024, 3, 20, 2, 0, 1, tzinfo=dt.timezone(dt.timedelta(hours=8)))
CONTENTS = {
    "申报文件/01_食品经营许可申请书.ofd": b"apply" * 500,
    "过程文件/01_受理通知书.ofd": b"accept" * 300,
    "结果文件/01_准予行政许可决定书.pdf": b"decide" * 700,
}

MakePlan = Callable[..., PackagePlan]


def staged(folder: Path, contents: dict[str, bytes]) -> list[PayloadFile]:
    out = []
    for n, (path, data) in enumerate(contents.items(), 1):
        source = folder / f"{n:04}"
        source.write_bytes(data)
        sha256, sm3 = (hashlib.new(a, data).hexdigest() for a in ("sha256", "sm3"))
        out.append(PayloadFile(path, source, len(data), sha256, sm3, zlib.crc32(data)))
    return out


def record_of(files: list[PayloadFile]) -> dict[str, Any]:
    return {
        "case": {
            "case_no": "11440100FAKE00021A3440116001000202403060001",
            "accept_no": "SL20240306000001",
            "source_system": {"system_no": "SP10", "name": "一体化政务服务平台（测试）", "version": "3.2"},
            "matter": {
                "implementation_code": "11440100FAKE00021A3440116001000", "name": "食品经营许可证核发（测试）", "version": "5",
                "type": {"scheme": "gd", "code": "01", "text": "行政许可"},
            },
            "case_title": "关于测试餐饮（南粤）有限公司食品经营许可证核发的办件",
            "service_kind": {"code": "2", "text": "承诺件"}, "region_code": "440100",
            "applied_at": "2024-03-06T09:12:31+08:00", "accepted_at": "2024-03-06T07:40:02+00:00",
            "closed_at": "2024-03-13T16:30:00+08:00",
            "result": {"code": "0", "text": "出证办结", "result_no": "JY14401000000001"},
            "applicant": {
                "kind": {"code": "2", "text": "企业"}, "name": "测试餐饮（南粤）有限公司",
                "id_type": {"code": "49", "text": "统一社会信用代码"}, "id_no": "91440101FAKE000488",
                "legal_representative": {"name": "测试甲", "id_type": {"text": "居民身份证"}, "id_no": "440106190001010012"},
            },
            "project": {"is_project": False},
        },
        "record": {
            "electronic_record_code": CODE, "archival_code": "T001-ZY·XK·2024·D30-00001", "fonds_no": "T001",
            "fonds_unit": "南粤市政务服务和数据管理局（测试）", "unit_uscc": "11440100FAKE00021A", "category_code": "ZY",
            "class2": "XK", "year": 2024, "retention_code": "D30", "title": "食品经营许可证核发的办件",
            "security_classification": "公开", "access_control": "内部限制",
            "open_control": {"decision": "delayed", "reason": "个人信息", "open_from": None},
            "filed_at": AS_OF.isoformat(), "total_files": len(files), "total_bytes": sum(f.size for f in files),
        },
        "files": [
            {
                "seq": n, "group": f.path.split("/")[0], "file_code": "A", "material_name": "材料", "path": f.path,
                "size": f.size, "sha256": f.sha256, "sm3": f.sm3, "created_at": "2024-03-06T09:10:00+08:00",
                "format": {"pronom": "fmt/95" if f.path.endswith("pdf") else None, "name": f.path[-3:].upper()},
            }
            for n, f in enumerate(files, 1)
        ],
        "agents": [{"agent_id": "AG1", "type": "单位", "name": "南粤市（测试）", "org_code": "11440100FAKE00021A"}],
        "events": [
            {"event_id": "E1", "action": "apply", "action_text": "申办", "at": "2024-03-06T09:12:31+08:00", "agent_id": None,
             "files": [1]},
            {"event_id": "E2", "action": "accept", "action_text": "受理", "at": "2024-03-06T15:40:02+08:00", "agent_id": "AG1",
             "opinion": "同意", "files": [2]},
        ],
    }  # fmt: skip


ARCHIVE = premis.Agent("T001", "南粤市档案馆（测试）", "organization")
SOFTWARE = premis.Agent("guidang", "归档", "software", "1.0")
EVENTS = [
    premis.Event("receive", AS_OF, detail="逐字节读取一次"),
    premis.Event("check", AS_OF, "warning", note="签名状态不能确定", files=[3]),
    premis.Event("file", AS_OF),
    premis.Event("package", AS_OF),
]


def tags_of(record: dict[str, Any]) -> dict[str, bytes]:
    return {
        "record.json": canonical.dumps(record),
        "base_info.xml": xml.base_info(record),
        "process_info.xml": xml.process_info(record),
        "premis.xml": premis.build(record, EVENTS, ARCHIVE, SOFTWARE),
    }
