"""Good deliveries of each form, all of the same good case; faults are put into the copy.

``Files`` are the members of a delivery by name: `laid` puts them into a folder, `zipped` into a ZIP.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import datetime as dt
import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

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


@dataclasses.dataclass(frozen=True)
class Sent:
    """A case and the bytes of its files by path: what all these forms are made of."""

    case: dict[str, Any]
    contents: Files

    @classmethod
    def of(cls, folder: Path) -> Sent:
        """A delivery of our own form, as another archive would send it on."""
        given = json.loads((folder / "case.json").read_text("utf-8"))
        number = str(int(hashlib.sha256(given["case"]["case_no"].encode()).hexdigest()[:4], 16) + 1)
        given["record"] |= {"electronic_record_code": CODE[:-6] + f"{number:0>6}", "retention_code": "D30",
                            "filed_at": "2024-03-20T02:00:00+08:00"}  # fmt: skip
        given["case"]["receive_department"] = given["record"]["fonds_unit"]
        return cls(given, {f["path"]: (folder / f["path"]).read_bytes() for f in given["files"]})


def case(number: int = 1) -> dict[str, Any]:
    """A good case as another archive would send it on: with its number, retention and time of filing."""
    out = good_case(GOOD)
    out["case"]["case_no"] = CASES[number - 1]
    out["case"]["receive_department"] = UNIT
    out["record"] |= {"electronic_record_code": CODE[:-1] + str(number), "retention_code": "D30",
                      "filed_at": "2024-03-20T02:00:00+08:00"}  # fmt: skip
    return out


def sent(number: int = 1) -> Sent:
    return Sent(case(number), CONTENTS)


def base_info(given: Sent | None = None) -> str:
    """基本信息元数据.xml as a producer writes it who knows nothing of us."""
    text = xml.base_info((given or sent()).case).decode()
    return text.replace("<retention_period>D30<", "<retention_period>30年<")


def deployed_files(given: Sent | None = None) -> Files:
    """The members of a producer's deployed package."""
    given = given or sent()
    return {BASE_INFO: base_info(given).encode(), PROCESS_INFO: xml.process_info(given.case), **given.contents}


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


def exported_eep(given: Sent | None = None) -> bytes:
    """An EEP as our own export writes it."""
    given = given or sent()
    return b"".join(eep.pieces(given.case, [[given.contents[f["path"]]] for f in given.case["files"]], MOMENT))


def foreign_eep(given: Sent | None = None) -> bytes:
    """An EEP of another maker: without our extension, but with a 基本信息元数据.xml among its documents."""
    text = exported_eep(given).decode()
    start = text.rindex("<文档>")
    end = text.index("</文件数据>")
    attached = base64.b64encode(base_info(given).encode()).decode()
    document = re.sub(r"(<编码数据 [^>]*>)[^<]*", lambda m: m[1] + attached, text[start:end])
    return (text[:start] + document.replace("扩展元数据.json", BASE_INFO) + text[end:]).encode()


def exported_zip(given: Sent | None = None) -> bytes:
    """A deployed ZIP as our own export writes it."""
    given = given or sent()
    out = io.BytesIO()
    contents = [(len(d), zlib.crc32(d), [d]) for d in (given.contents[f["path"]] for f in given.case["files"])]
    export.write_deployed(out, given.case, contents, MOMENT)
    return out.getvalue()


def two() -> list[Sent]:
    return [sent(1), sent(2)]


def dat93_files(given: Sequence[Sent] | None = None) -> Files:
    """A transfer package of these items."""
    items = {f"{s.case['record']['fonds_no']}{ARCHIVAL[4:]}{n}": s for n, s in enumerate(given or two(), 1)}
    codes = list(items)
    lines = "".join(
        f"<文件><顺序号>{n}</顺序号><档号>{code}</档号><责任者>{s.case['record']['author']}</责任者>"
        f"<题名>{escape(s.case['case']['case_title'])}</题名><日期>{s.case['record']['date'].replace('-', '')}</日期>"
        f"<保管期限>D30</保管期限><密级>公开</密级><备注/><页数>{s.case['record']['total_pages']}</页数></文件>"
        for n, (code, s) in enumerate(items.items(), 1)
    )
    head = f"移交单位：{UNIT}\r\n内容描述: 政务服务办件\r\n起止档号={codes[0]}～{codes[-1]}\r\n"
    note = head + f"档案数量：{len(codes)}\r\n软硬件环境：Linux\r\n"
    out = {
        "说明文件.TXT": note.encode("gb18030"),
        "目录文件.XML": f'<?xml version="1.0" encoding="GB18030"?><文件目录>{lines}</文件目录>'.encode("gb18030"),
    }
    for code, s in items.items():
        out |= {f"{code[:4]}/ZY·XK/{code}/{name}": data for name, data in deployed_files(s).items()}
    return out


_TABLE_OF = {"accept": "SL", "review": "SPCL", "audit": "SPCL", "approve": "SPCL", "deliver": "LQDJ"}
_STAGE_OF = {"audit": "1", "review": "2", "approve": "3"}


def gdbs_tables(given: Sequence[Sent] | None = None) -> dict[str, list[dict[str, str]]]:
    """Exchange rows of these cases."""
    tables: dict[str, list[dict[str, str]]] = {}
    for n, s in enumerate(given or two(), 1):
        c, matter, who = s.case["case"], s.case["case"]["matter"], s.case["case"]["applicant"]
        names = {a["agent_id"]: a for a in s.case["agents"]}

        def add(table: str, row: dict[str, Any], key: str = c["case_no"]) -> None:
            tables.setdefault(f"EX_GDBS_{table}", []).append({"SBLSH": key, **row})

        add("SB", {"SBLSH_SHORT": f"SP{n}", "SXBM": matter["implementation_code"], "SXBM_SHORT": "XK1", "SXMC": matter["name"],
                   "SXQXBM": "QX1", "SQRLX": who["kind"]["code"], "SQRMC": who["name"], "SQRZJLX": who["id_type"]["code"],
                   "SQRZJHM": who["id_no"], "LXRXM": "测试乙", "LXRSJ": "10000000000", "SBXMMC": c["case_title"], "TJFS": "0",
                   "WSSBQD": "0", "SBHZH": f"HZ{n}", "SBSJ": _plain(c["applied_at"]), "XZQHDM": c["region_code"] + "000000",
                   "D_ZZJGDM": "FAKE00021", "VERSION": "1"})  # fmt: skip
        add("BJ", {"BJJGDM": c["result"]["code"], "ZJBH": "JY14401000000001", "BJSJ": _plain(c["closed_at"])})
        for e in s.case["events"]:
            agent = names.get(e["agent_id"], {})
            row = {"SL": {"SLSJ": _plain(e["at"]), "SLJG": "1", "SLBMMC": s.case["record"]["fonds_unit"], "SLRXM": agent.get("name"),
                          "SLBH": c.get("accept_no")},
                   "SPCL": {"SPHJDM": _STAGE_OF.get(e["action"], ""), "SPHJMC": e["action_text"], "SPRXM": agent.get("name"),
                            "ZWMC": agent.get("position"), "SPYJ": e.get("opinion"), "SPSJ": _plain(e["at"])},
                   "LQDJ": {"LQSJ": _plain(e["at"]), "LQRXM": "测试乙"}}  # fmt: skip
            if table := _TABLE_OF.get(e["action"]):
                add(table, row[table])
        for path, data in s.contents.items():
            name = path.rpartition("/")[2]
            row = {"ATTACH_NAME": name, "ATTACH_PATH": f"附件/{n}/{path.partition('/')[0]}/{name}", "CLMC": name.partition(".")[0],
                   "ATTACH_SIGN": hashlib.md5(data).hexdigest().upper()}  # fmt: skip
            add("SPJG" if path.startswith("结果文件") else "SBCL", row)
    return tables


def _plain(at: str) -> str:
    return at[:19].replace("T", " ")


def gdbs_files(
    kind: str = "json",
    encoding: str = "utf-8",
    tables: Mapping[str, Any] | None = None,
    given: Sequence[Sent] | None = None,
) -> Files:
    """The rows as JSON (one file), CSV or XML (a file a table), with the attachments."""
    tables = gdbs_tables(given) if tables is None else tables
    out = {f"附件/{n}/{path}": d for n, s in enumerate(given or two(), 1) for path, d in s.contents.items()}
    if kind == "json":
        return {"EX_GDBS_ALL.json": json.dumps(tables, ensure_ascii=False).encode()} | out
    for table, rows in tables.items():
        text = io.StringIO()
        if kind == "csv":
            writer = csv.DictWriter(text, list(rows[0]), restval="")
            writer.writeheader()
            writer.writerows(rows)
        else:
            inner = "".join(
                "<row>" + "".join(f"<{k}>{escape(v or '')}</{k}>" for k, v in row.items()) + "</row>" for row in rows
            )
            text.write(f'<?xml version="1.0" encoding="{encoding}"?><{table}>{inner}</{table}>')
        out[f"{table}.{kind}"] = text.getvalue().encode(encoding)
    return out


def batch_files(given: Sequence[Sent] | None = None) -> Files:
    """A batch of deployed ZIPs by transfer_info."""
    packages = {
        s.case["record"]["electronic_record_code"]: zipped(deployed_files(s), "gb18030") for s in given or two()
    }
    entries = "".join(
        f"<directory><fonds_identifier>T001</fonds_identifier><unique_identifier>{code}</unique_identifier><size>{len(data)}</size>"
        f"<digital_summary>{hashlib.new('sm3', data).hexdigest()}</digital_summary>"
        f"<digital_summarization_algorithm>SM3</digital_summarization_algorithm></directory>"
        for code, data in packages.items()
    )
    head = f"<system_code>SP10</system_code><batch_name>T001-20240320</batch_name><send_number>{len(packages)}</send_number>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><transfer_info>{head}<directories>{entries}</directories></transfer_info>'
    return {"transfer_info.xml": text.encode()} | {f"{code}.zip": data for code, data in packages.items()}


def laid(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The members in ``folder``."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
