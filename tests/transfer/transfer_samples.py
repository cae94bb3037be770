"""Small archived packages as the pipeline makes them, and transfer packages made of them or by other hands."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sip import canonical, xml
from sip.package import PackagePlan, PackageResult, PayloadFile, write_package
from sip.transfer import texts
from sip.transfer.plan import Item, TransferPlan
from sip.transfer.source import look
from sip.transfer.texts import CatalogueLine

AS_OF = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
UNIT = "南粤市政务服务和数据管理局（测试）"
SENDER = {"name": UNIT, "uscc": "11440100FAKE00021A", "fonds_no": "T001", "fonds_name": "南粤市政务全宗"}
OPENING = {"decision": "delayed", "reasons": ["条款2.1规定为限制"], "opinion": "同意延期", "reviewer": "测试甲"}


def code_of(number: int, class2: str = "XK") -> str:
    return f"T001-ZY·{class2}·2026·D30-{number:05}"


def record_of(number: int, version: int, class2: str, contents: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "case": {
            "case_no": f"11440100FAKE00021A344011600100020260306{number:04}", "version": version, "region_code": "440100",
            "case_title": f"关于测试餐饮第{number}号的办件", "closed_at": "2026-03-13T16:30:00+08:00",
            "matter": {"implementation_code": "11440100FAKE00021A3440116001000", "version": "5", "name": "食品经营许可（测试）"},
        },
        "record": {
            "electronic_record_code": f"440100-T001-11440100FAKE00021A3440116001000-2026-D30-{number:06}",
            "archival_code": code_of(number, class2), "fonds_no": "T001", "fonds_name": "南粤市政务全宗", "fonds_unit": UNIT,
            "unit_uscc": SENDER["uscc"], "category_code": "ZY", "class2": class2, "year": 2026, "retention_code": "D30",
            "retention": "定期30年", "title": f"测试餐饮第{number}号食品经营许可", "security_classification": "公开",
            "filed_at": "2026-03-20T02:00:00+08:00",
        },
        "files": [
            {"seq": n, "group": p.split("/")[0], "path": p, "size": len(d), "file_code": "A", "material_name": "材料",
             "format": {"name": "PDF"}, "archived": {"path": p, "size": len(d), "format": {"pages": 2}}}
            for n, (p, d) in enumerate(contents.items(), 1)
        ],
    }  # fmt: skip


def archived(folder: Path, number: int, version: int = 1, class2: str = "XK") -> tuple[Path, PackageResult]:
    """One archived package in ``folder``, made by the writer the pipeline uses."""
    contents = {
        "申报文件/01_申请书.pdf": f"%PDF apply {number} v{version}".encode() * 20,
        "结果文件/01_决定书.pdf": f"%PDF decide {number}".encode() * 20,
    }
    record = record_of(number, version, class2, contents)
    payload = []
    for n, (path, data) in enumerate(contents.items()):
        staged = folder / f"{number}-{version}-{n}"
        staged.write_bytes(data)
        sha256, sm3 = (hashlib.new(a, data).hexdigest() for a in ("sha256", "sm3"))
        payload.append(PayloadFile(path, staged, len(data), sha256, sm3, zlib.crc32(data)))
    target = folder / f"{number}-v{version}.zip"
    plan = PackagePlan(
        record["record"]["electronic_record_code"], version, AS_OF, payload,
        {"record.json": canonical.dumps(record), "base_info.xml": xml.base_info(record),
         "process_info.xml": xml.process_info(record), "premis.xml": b"<premis/>", "evidence/root.cer": b"CERT"},
        [("Source-Organization", UNIT)],
    )  # fmt: skip
    return target, write_package(target, plan)


def item_of(package: Path, result: PackageResult, version: int = 1, earlier: bool = False) -> Item:
    with package.open("rb") as file:
        source = look(file, package.name)
    return Item(source, opener(package), result.size, result.sha256, version, OPENING, earlier)


def opener(package: Path, piece: int = 1000) -> Callable[[], Any]:
    def chunks() -> Any:
        with package.open("rb") as file:
            while data := file.read(piece):
                yield data

    return chunks


def plan_of(folder: Path, count: int = 3) -> TransferPlan:
    """A transfer of ``count`` records; the first has an earlier version."""
    items = [item_of(*archived(folder, n)) for n in range(2, count + 1)]
    items += [item_of(*archived(folder, 1), earlier=True), item_of(*archived(folder, 1, version=2), version=2)]
    return TransferPlan("T001-2026-001", AS_OF, SENDER, "2026年度定期30年政务服务档案", "PDF、OFD；任意阅读器", items)


def bare(lines: int = 2, **changes: bytes | None) -> dict[str, bytes]:
    """The files of a tree of another maker, without a bag: what ``changes`` name is put in its place (None: left out)."""
    rows = [
        CatalogueLine(n, code_of(n), UNIT, f"题名{n}", "20260313", "定期30年", "公开", 2) for n in range(1, lines + 1)
    ]
    note = {"移交单位": UNIT, "内容描述": "测试", "起止档号": f"{code_of(1)}～{code_of(lines)}", "档案数量": str(lines),
            "软硬件环境": "任意"}  # fmt: skip
    files: dict[str, bytes | None] = {
        "说明文件.TXT": texts.note(note),
        "目录文件.XML": "".join(texts.catalogue_pieces(rows)).encode(),
    }
    for row in rows:
        files[f"T001/ZY/XK/{row.archival_code}/元数据.xml"] = b"<metadata/>"
        files[f"T001/ZY/XK/{row.archival_code}/正文.pdf"] = b"%PDF-1.7"
    files |= changes
    return {k: v for k, v in files.items() if v is not None}


def zipped(path: Path, files: Mapping[str, bytes], top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as z:
        for name, data in files.items():
            z.writestr(top + name, data)
    return path


def remade(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The package made again with other content, as somebody without the unit's tools would."""
    with zipfile.ZipFile(path) as z:
        files = {n: z.read(n) for n in z.namelist()}
    change(files)
    return zipped(path, files)


def claims_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as z:
        name = next(n for n in z.namelist() if n.endswith("metadata/transfer.json"))
        found: dict[str, Any] = json.loads(z.read(name))
        return found
