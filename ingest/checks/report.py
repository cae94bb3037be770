"""四性检测报告 of one record as a page of HTML: the form that archivists sign (head, items, what did not pass, conclusion).

One file without scripts, styles from elsewhere or pictures, so that it reads alike in thirty years. Everything that came
from outside is escaped. Items judged by the machine and by people stand apart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ingest.checks.engine import CheckReport
from ingest.checks.items import Item, catalogue
from ingest.findings import Finding, Severity, gravest
from ingest.metadata.parts import rows, section, text, whole
from ingest.model import CST

_NATURES = {"authenticity": "真实性", "integrity": "完整性", "usability": "可用性", "safety": "安全性"}
_RESULTS = {"pass": "通过", "fail": "不通过", "warn": "有提示", "manual": "待人工", "not_applicable": "不适用"}
_SEVERITIES = {"reject": "退回", "hold": "待人工决定", "remark": "提示", "info": "说明"}
_CONCLUSIONS = {
    Severity.REJECT: "不通过，退回报送单位",
    Severity.HOLD: "待人工决定",
    Severity.REMARK: "通过（有提示）",
    Severity.INFO: "通过",
    None: "通过",
}
_STYLE = """
body{font-family:"Noto Serif CJK SC","Source Han Serif SC",SimSun,serif;max-width:60em;margin:2em auto;color:#111}
h1{text-align:center;font-size:1.5em}h2{font-size:1.1em;margin-top:1.6em}
table{border-collapse:collapse;width:100%;font-size:.9em}th,td{border:1px solid #555;padding:.3em .5em;vertical-align:top}
th{background:#eee;font-weight:600;text-align:left}.fail{background:#fbdcdc}.manual{background:#fdf3d0}.warn{background:#fdf9e3}
.note{color:#555;font-size:.85em}@media print{body{margin:0}tr{break-inside:avoid}}
"""


def render(report: CheckReport, as_of: dt.datetime) -> str:
    """The report as an HTML document; same input, same text. ``as_of`` is the time of the check."""
    record = report.record
    shown = {item.code: item for item in catalogue()}
    machine = [row for row in report.items if shown[row["code"]].mode in ("automatic", "scanner")]
    others = [row for row in report.items if shown[row["code"]].mode not in ("automatic", "scanner")]
    body = [
        "<h1>四性检测报告</h1>",
        _table(None, _head(record, report, as_of)),
        "<h2>结论</h2>",
        f"<p><b>{_CONCLUSIONS[gravest(report.findings)]}</b></p>",
        _counts(report.items),
        "<h2>未通过、待人工与提示</h2>",
        _findings(report.findings),
        "<h2>检测项目（系统检测）</h2>",
        _items(machine, shown),
        "<h2>检测项目（人工、后续环节与不适用）</h2>",
        _items(others, shown),
        "<h2>签署</h2>",
        _table(None, [("检测人", ""), ("审核人", ""), ("单位（印章）", ""), ("日期", "")]),
        '<p class="note">PDF/A 为文件自身的声明，未作符合性验证；图像逐段核对，未解码像素；人工项目未由系统判定。</p>',
    ]
    title = escape(f"四性检测报告 {_case_no(record)}")
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _case_no(record: dict[str, Any]) -> str:
    return text(section(record, "case"), "case_no") or ""


def _head(record: dict[str, Any], report: CheckReport, as_of: dt.datetime) -> list[tuple[str, str]]:
    about = section(record, "record")
    files = [file for _, file in rows(record, "files")]
    size = sum(whole(section(file, "archived"), "size") or 0 for file in files)
    return [
        ("检测环节", "归档"),
        ("办件编号", _case_no(record)),
        ("题名", text(about, "title") or ""),
        ("全宗", " ".join(part for part in (text(about, "fonds_no"), text(about, "fonds_unit")) if part)),
        ("依据标准", "DA/T 70-2018"),
        ("检测时间", as_of.astimezone(CST).strftime("%Y-%m-%d %H:%M:%S")),
        ("件数、文件数、字节数", f"1 件，登记 {len(files)} 个文件，实收 {len(report.formats)} 个，{size} 字节"),
    ]


def _counts(items: Sequence[dict[str, Any]]) -> str:
    lines = []
    for nature, name in _NATURES.items():
        own = [row["result"] for row in items if row["nature"] == nature]
        lines.append((name, *(str(own.count(result)) for result in _RESULTS)))
    return _table(("性质", *_RESULTS.values()), lines)


def _findings(findings: Iterable[Finding]) -> str:
    order = [Severity.REJECT, Severity.HOLD, Severity.REMARK]
    told = sorted((f for f in findings if f.weight in order), key=lambda f: order.index(f.weight))
    if not told:
        return "<p>无。</p>"
    lines = [(_SEVERITIES[f.weight], f.code, f.path or "", f.field or "", f.text("zh")) for f in told]
    return _table(("处理", "代码", "文件", "元数据项", "说明"), lines)


def _items(items: Iterable[dict[str, Any]], shown: dict[str, Item]) -> str:
    out = ["<table><tr>" + "".join(f"<th>{h}</th>" for h in _COLUMNS) + "</tr>"]
    for row in items:
        item = shown[row["code"]]
        note = row.get("note", {}).get("zh", "")
        remark = "；".join(part for part in (note, "、".join(row["findings"])) if part)
        cells = (
            item.code, item.zh, _NATURES[item.nature], item.object, f"{item.method}（{item.basis}）",
            _RESULTS[row["result"]], remark,
        )  # fmt: skip
        out.append(f'<tr class="{row["result"]}">' + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>")
    return "\n".join([*out, "</table>"])


_COLUMNS = ("编号", "检测项目", "类别", "检测对象", "检测方法和依据", "结果", "说明")


def _table(header: tuple[str, ...] | None, lines: Iterable[tuple[str, ...]]) -> str:
    """A table; without a header the first cell of each line is one."""
    out = ["<table>"]
    if header:
        out.append("<tr>" + "".join(f"<th>{escape(h)}</th>" for h in header) + "</tr>")
    for line in lines:
        first = f"<th>{escape(line[0])}</th>" if header is None else f"<td>{escape(line[0])}</td>"
        out.append("<tr>" + first + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:]) + "</tr>")
    return "\n".join([*out, "</table>"])
