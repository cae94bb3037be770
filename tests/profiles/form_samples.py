"""Good deliveries of each form, all of the same good case; faults are put into the copy.

``Files`` are the members of a delivery by name: `laid` puts them into a folder, `zipped` into a ZIP.
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from case_samples import IMPLEMENTATION, UNIT, good_case
from file_samples import GOOD

from ingest.model import CST
from sip import eep, export, xml
from sip.deployed import BASE_INFO, PROCESS_INFO

Files = dict[str, bytes]
CODE = "440100-T001-11440100FAKE00021A3440116001000-2024-D30-000001"
ARCHIVAL = "T001-ZY·XK·2024·D30-0000"
MOMENT = dt.datetime(2024, 3, 20, 2, 0, tzinfo=CST)
CONTENTS: Files = {path: data for path, (data, _) in GOOD.items()}
CASES = (IMPLEMENTATION + "20240306" + "0001", IMPLEMENTATION + "20240306" + "0002")


def case(number: int = 1) -> dict[str, Any]:
    """A good case as another archive would send it on: with its number, retention and time of filing."""
    out = good_case(GOOD)
    out["case"]["case_no"] = CASES[number - 1]
    out["case"]["receive_department"] = UNIT
    out["record"] |= {"electronic_record_code": CODE[:-1] + str(number), "retention_code": "D30",
                      "filed_at": "2024-03-20T02:00:00+08:00"}  # fmt: skip
    return out


def base_info(number: int = 1) -> str:
    """基本信息元数据.xml as a producer writes it who knows nothing of us."""
    text = xml.base_info(case(number)).decode()
    return text.replace("<retention_period>D30<", "<retention_period>30年<")


def deployed_files(number: int = 1) -> Files:
    """The members of a producer's deployed package."""
    return {BASE_INFO: base_info(number).encode(), PROCESS_INFO: xml.process_info(case(number)), **CONTENTS}


def encoded(text: str, encoding: str) -> bytes:
    """An XML text in another encoding, and declared so."""
    return text.replace('encoding="UTF-8"', f'encoding="{encoding}"').encode(encoding)


def zipped(files: Mapping[str, bytes], names: str | None = None) -> bytes:
    """A ZIP; ``names`` writes the members' names in that encoding and without the UTF-8 flag."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            z.writestr(_Info(name, names) if names else zipfile.ZipInfo(name), data)
    return out.getvalue()


class _Info(zipfile.ZipInfo):
    def __init__(self, name: str, encoding: str) -> None:
        super().__init__(name)
        self._names = encoding

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode(self._names), self.flag_bits & ~0x800


def exported_eep(record: dict[str, Any] | None = None) -> bytes:
    """An EEP as our own export writes it."""
    record = record or case()
    return b"".join(eep.pieces(record, [[CONTENTS[f["path"]]] for f in record["files"]], MOMENT))


def foreign_eep() -> bytes:
    """An EEP of another maker: without our extension, but with a 基本信息元数据.xml among its documents."""
    text = exported_eep().decode()
    start = text.rindex("<文档>")
    end = text.index("</文件数据>")
    attached = base64.b64encode(base_info().encode()).decode()
    document = re.sub(r"(<编码数据 [^>]*>)[^<]*", lambda m: m[1] + attached, text[start:end])
    return (text[:start] + document.replace("扩展元数据.json", BASE_INFO) + text[end:]).encode()


def exported_zip(record: dict[str, Any] | None = None) -> bytes:
    """A deployed ZIP as our own export writes it."""
    record = record or case()
    out = io.BytesIO()
    contents = [(len(d), zipfile.crc32(d), [d]) for d in (CONTENTS[f["path"]] for f in record["files"])]
    export.write_deployed(out, record, contents, MOMENT)
    return out.getvalue()


def dat93_files() -> Files:
    """A transfer package of two items."""
    codes = [f"{ARCHIVAL}{n}" for n in (1, 2)]
    lines = "".join(
        f"<文件><顺序号>{n}</顺序号><档号>{code}</档号><责任者>{UNIT}</责任者><题名>{case(n)['case']['case_title']}</题名>"
        f"<日期>20240313</日期><保管期限>D30</保管期限><密级>公开</密级><备注/><页数>7</页数></文件>"
        for n, code in enumerate(codes, 1)
    )
    note = f"移交单位：{UNIT}\r\n内容描述: 政务服务办件\r\n起止档号={codes[0]}～{codes[1]}\r\n档案数量：2\r\n软硬件环境：Linux\r\n"
    out = {
        "说明文件.TXT": note.encode("gb18030"),
        "目录文件.XML": f'<?xml version="1.0" encoding="GB18030"?><文件目录>{lines}</文件目录>'.encode("gb18030"),
    }
    for n, code in enumerate(codes, 1):
        out |= {f"T001/ZY·XK/{code}/{name}": data for name, data in deployed_files(n).items()}
    return out


def gdbs_tables() -> dict[str, list[dict[str, str]]]:
    """Exchange rows of two cases."""
    tables: dict[str, list[dict[str, str]]] = {}
    for n, sblsh in enumerate(CASES, 1):
        rows = {
            "SB": {"SBLSH_SHORT": f"SP{n}", "SXBM": IMPLEMENTATION, "SXBM_SHORT": "XK1", "SXMC": "食品经营许可证核发（测试）",
                   "SXQXBM": "QX1", "SQRLX": "2", "SQRMC": "测试餐饮（南粤）有限公司", "SQRZJLX": "49",
                   "SQRZJHM": "91440101FAKE000488", "LXRXM": "测试乙", "LXRSJ": "10000000000",
                   "SBXMMC": case()["case"]["case_title"], "TJFS": "0", "WSSBQD": "0", "SBHZH": f"HZ{n}",
                   "SBSJ": "2024-03-06 09:12:31", "XZQHDM": "440100000000", "D_ZZJGDM": "FAKE00021", "VERSION": "1"},
            "SL": {"SLSJ": "2024-03-06 15:40:02", "SLJG": "1", "SLBMMC": UNIT, "SLRXM": "测试丙", "SLBH": f"SL2024030600000{n}"},
            "SPCL": {"SPHJDM": "2", "SPHJMC": "审核", "SPRXM": "测试丙", "ZWMC": "承办人", "SPYJ": "符合条件",
                     "SPSJ": "2024-03-11 11:00:00"},
            "BJ": {"BJJGDM": "0", "ZJBH": "JY14401000000001", "BJSJ": "2024-03-13 16:30:00", "BJRXM": "测试丙"},
            "LQDJ": {"LQSJ": "2024-03-14 09:20:00", "LQRXM": "测试乙"},
        }  # fmt: skip
        for table, row in rows.items():
            tables.setdefault(f"EX_GDBS_{table}", []).append({"SBLSH": sblsh, **row})
        for path, data in CONTENTS.items():
            table = "EX_GDBS_SPJG" if path.startswith("结果文件") else "EX_GDBS_SBCL"
            name = path.rpartition("/")[2]
            row = {"SBLSH": sblsh, "ATTACH_NAME": name, "ATTACH_PATH": f"附件/{n}/{name}", "CLMC": name.partition(".")[0],
                   "ATTACH_SIGN": hashlib.md5(data).hexdigest().upper()}  # fmt: skip
            tables.setdefault(table, []).append(row)
    return tables


def gdbs_files(kind: str = "json", encoding: str = "utf-8", tables: Mapping[str, Any] | None = None) -> Files:
    """The rows as JSON (one file), CSV or XML (a file a table), with the attachments."""
    tables = gdbs_tables() if tables is None else tables
    out = {f"附件/{n}/{path.rpartition('/')[2]}": d for n in (1, 2) for path, d in CONTENTS.items()}
    if kind == "json":
        return {"EX_GDBS_ALL.json": json.dumps(tables, ensure_ascii=False).encode()} | out
    for table, rows in tables.items():
        text = io.StringIO()
        if kind == "csv":
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            inner = "".join("<row>" + "".join(f"<{k}>{v}</{k}>" for k, v in row.items()) + "</row>" for row in rows)
            text.write(f'<?xml version="1.0" encoding="{encoding}"?><{table}>{inner}</{table}>')
        out[f"{table}.{kind}"] = text.getvalue().encode(encoding)
    return out


def batch_files() -> Files:
    """A batch of two deployed ZIPs by transfer_info."""
    packages = {f"{CODE[:-1]}{n}": zipped(deployed_files(n), "gb18030") for n in (1, 2)}
    entries = "".join(
        f"<directory><fonds_identifier>T001</fonds_identifier><unique_identifier>{code}</unique_identifier><size>{len(data)}</size>"
        f"<digital_summary>{hashlib.new('sm3', data).hexdigest()}</digital_summary>"
        f"<digital_summarization_algorithm>SM3</digital_summarization_algorithm></directory>"
        for code, data in packages.items()
    )
    head = "<system_code>SP10</system_code><batch_name>T001-20240320</batch_name><send_number>2</send_number>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><transfer_info>{head}<directories>{entries}</directories></transfer_info>'
    return {"transfer_info.xml": text.encode()} | {f"{code}.zip": data for code, data in packages.items()}


def laid(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The members in ``folder``."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
