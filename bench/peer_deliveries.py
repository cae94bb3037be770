"""The peer's records as deliveries in our form: the same files, byte for byte, with metadata that our checks accept.

rec-000001/metadata.json + files/…   →   inbox/<agency>/<case_no>-v1/case.json + 申报文件/… 过程文件/… 结果文件/…
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

AGENCY = "nanyue-zwfw"
USCC = "11440100FAKE00021A"
MATTER = "11440100FAKE00021A3440116001000"
_PLACES = [  # where each of the peer's seven files goes: (group, role, code, name)
    ("申报文件", "apply_form", "A", "01_申请书"),
    ("过程文件", "accept_notice", "B8", "01_受理通知书"),
    ("过程文件", "approval_form", "B17", "02_业务审批表"),
    ("结果文件", "decision", "C", "01_准予决定书"),
    ("申报文件", "material", "A", "02_扫描件"),
    ("申报文件", "material", "A", "03_扫描件"),
    ("结果文件", "delivery_receipt", "B19", "02_附件"),
]


def convert(source: Path, home: Path) -> int:
    """Make the home's inbox, registry, schedules and trust from the peer's folder; returns the number of records."""
    config = home / "config"
    shutil.copytree(Path(__file__).parent.parent / "schemas/schedules", config / "schedules")
    _trust(source / "pki", config / "trust")
    registry = {
        "schema": "guidang.agencies/1.0",
        "agencies": [
            {
                "id": AGENCY,
                "name": "南粤市政务服务和数据管理局（测试）",
                "uscc": USCC,
                "region_code": "440100",
                "fonds_no": "T001",
                "fonds_name": "南粤市政务服务和数据管理局（测试）全宗",
                "matter_type_scheme": "gd",
                "policy": {
                    "signature_invalid": "reject",
                    "signature_indeterminate": "hold",
                    "signature_unsigned": "accept",
                },
            }
        ],
    }
    (config / "agencies.json").write_text(json.dumps(registry, ensure_ascii=False), "utf-8")
    records = sorted(p for p in source.iterdir() if p.name.startswith("rec-"))
    for number, record in enumerate(records, 1):
        _delivery(record, number, home / "inbox" / AGENCY)
    return len(records)


def _trust(pki: Path, trust: Path) -> None:
    for folder in ("anchors", "intermediates", "crls"):
        (trust / folder).mkdir(parents=True)
    shutil.copy(pki / "root.pem", trust / "anchors")
    shutil.copy(pki / "inter.pem", trust / "intermediates")
    for crl in ("root.crl", "inter.crl"):
        shutil.copy(pki / crl, trust / "crls")


def _delivery(record: Path, number: int, inbox: Path) -> None:
    case_no = f"{MATTER}20240513{number:04d}"
    folder = inbox / f"{case_no}-v1"
    files: list[dict[str, Any]] = []
    theirs = json.loads((record / "metadata.json").read_text("utf-8"))["files"]
    for seq, (given, (group, role, code, name)) in enumerate(zip(theirs, _PLACES, strict=True), 1):
        path = folder / group / f"{name}{Path(given['path']).suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record / given["path"], path)
        data = path.read_bytes()
        files.append(
            {
                "seq": seq,
                "role": role,
                "group": group,
                "file_code": code,
                "material_name": name[3:],
                "path": f"{group}/{path.name}",
                "format": "PDF" if path.suffix == ".pdf" else "JPEG",
                "size": len(data),
                "pages": 4 if path.suffix == ".pdf" else 1,
                "created_at": "2024-05-01T10:20:30+08:00",
                "digest": {"SHA-256": given["sha256"], "MD5": None},  # what the peer checks, no more
            }
        )
    (folder / "case.json").write_text(json.dumps(_case(case_no, files), ensure_ascii=False), "utf-8")


def _case(case_no: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    at = {k: f"2024-05-{d}T10:00:00+08:00" for k, d in
          {"apply": "02", "accept": "06", "review": "07", "approve": "09", "close": "13", "deliver": "14"}.items()}  # fmt: skip
    title = f"关于测试餐饮（南粤）有限公司食品经营许可证核发的办件 {case_no[-4:]}"
    name = "南粤市政务服务和数据管理局（测试）"
    steps = [("apply", "申办", None, [1]), ("accept", "受理", "AG2", [2]), ("review", "审核", "AG2", [3]),
             ("approve", "批准", "AG3", [3, 4]), ("close", "办结", "AG2", [4]), ("deliver", "送达", "AG2", [7])]  # fmt: skip
    return {
        "schema": "gd.govservice.case/1.0",
        "case": {
            "case_no": case_no,
            "accept_no": f"SL20240506{case_no[-4:]}",
            "version": 1,
            "source_system": {"system_no": "SP10", "name": "南粤市一体化政务服务平台（测试）", "version": "3.2"},
            "matter": {
                "implementation_code": MATTER,
                "basic_code": MATTER[-12:],
                "name": "食品经营许可证核发（测试）",
                "version": "5",
                "type": {"scheme": "gd", "code": "01", "text": "行政许可"},
                "exercise_level": "3",
            },
            "case_title": title,
            "service_kind": {"code": "2", "text": "承诺件"},
            "region_code": "440100",
            "channel": {"scheme": "gdbs.wssbqd", "code": "0", "text": "PC"},
            "applied_at": at["apply"],
            "accepted_at": at["accept"],
            "decided_at": at["approve"],
            "closed_at": at["close"],
            "result": {"scheme": "gdbs.bjjgdm", "code": "0", "text": "出证办结"},
            "applicant": {
                "kind": {"scheme": "gdbs.sqrlx", "code": "2", "text": "企业"},
                "name": "测试餐饮（南粤）有限公司",
                "id_type": {"code": "49", "text": "统一社会信用代码"},
                "id_no": "91440101FAKE000488",
            },
            "project": {"is_project": False},
            "receive_department": name,
        },
        "record": {
            "aggregation_level": "文件",
            "title": title,
            "author": name,
            "date": "2024-05-09",
            "security_classification": "公开",
            "fonds_no": "T001",
            "fonds_unit": name,
            "unit_uscc": USCC,
            "total_files": len(files),
            "total_pages": sum(f["pages"] for f in files),
            "total_bytes": sum(f["size"] for f in files),
            "single_set": True,
        },
        "files": files,
        "agents": [
            {"agent_id": "AG1", "type": "单位", "name": name, "org_code": USCC},
            {"agent_id": "AG2", "type": "个人", "name": "测试丙", "position": "承办人", "belongs_to": "AG1"},
            {"agent_id": "AG3", "type": "个人", "name": "测试丁", "position": "批准人", "belongs_to": "AG1"},
        ],
        "events": [
            {"event_id": f"E{n}", "status": "历史行为", "action": action, "action_text": text, "at": at[action],
             "agent_id": agent, "files": seqs}
            for n, (action, text, agent, seqs) in enumerate(steps, 1)
        ],
    }  # fmt: skip
