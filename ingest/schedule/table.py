"""The schedule in the column form that archivists use: three sheets of text cells, whatever file carries them.

A file format (CSV, XLSX) only has to give and take ``Sheets``; what a cell means, and the row-precise errors, stand here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingest.findings import Finding
from ingest.schedule.codes import canonical_matter_type, code_lists, matter_type_codes
from ingest.schedule.load import ScheduleError, schedule_from_data
from ingest.schedule.model import SCHEMA_ID, Schedule, retention_words

HEAD, CLASSES, TABLE = "基本信息", "分类方案", "归档范围和保管期限表"
MAX_ROWS = 20_010
MAX_CELL = 4_000


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of cells with its number as the archivist's program shows it (from 1)."""

    number: int
    cells: tuple[str, ...]


Sheets = Mapping[str, Sequence[Row]]

_HEAD = {
    "制度标识": "schedule_id", "版本": "version", "全宗号": "fonds_no", "全宗名称": "fonds_name", "状态": "status",
    "施行日期": "effective_from", "截止日期": "effective_to",
    "批复文号": "approval_no", "批复机关": "approval_org", "批复日期": "approval_date",
}  # fmt: skip
_CLASSES = {
    "门类代码": "code", "二级类别号": "class2", "三级类别号": "class3", "类别名称": "name", "档号结构": "template",
    "件号位数": "number_width", "档号含机构": "with_org",
}  # fmt: skip
_TABLE = {
    "条款号": "entry_no", "条款": "entry_text", "门类代码": "category_code", "二级类别号": "class2", "三级类别号": "class3",
    "事项类型": "matter_type", "事项编码": "matter_codes", "材料类别": "material_kind", "关键词": "keywords",
    "办理结果": "result_codes", "类别默认": "category_default", "保管期限": "retention_code", "机构代码": "org_code",
    "责任部门": "duty_dept", "整理方式": "filing_unit", "利用权限": "access_control", "开放控制": "open_control",
    "是否归档": "archive", "备注": "remark",
}  # fmt: skip
_OPTIONAL = {"class2", "class3", "with_org", "matter_type", "matter_codes", "keywords", "result_codes", "category_default",
             "org_code", "remark"}  # fmt: skip
_TEMPLATES = {"DAT13": "DA/T 13", "DAT22": "DA/T 22"}
_UNITS = {"case": "一事一件", "item": "按件", "volume": "按卷"}
_SCHEMES = {"national": "国家", "gd": "广东"}
_MATTER_TYPE = re.compile(r"(国家|广东)\s*[:：]?\s*([0-9]{2})\s*(.*)")
_RETENTION = re.compile(r"(?:定期)?\s*([1-9][0-9]{0,2})\s*年|D([1-9][0-9]{0,2})")
_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?: 00:00:00)?")


class _CellError(ValueError):
    """A cell that cannot be read; the text is the reason, in Chinese."""


def choices() -> dict[str, list[str]]:
    """By column: the values that an archivist chooses from, as they are written in the sheets."""
    lists = code_lists()
    yes_no = ["是", "否"]
    types = [
        f"{words} {code} {name}"
        for scheme, words in _SCHEMES.items()
        for name, code in sorted(matter_type_codes(scheme).items(), key=lambda each: each[1])
    ]
    return {
        "状态": [lists["statuses"]["draft"]], "档号结构": list(_TEMPLATES.values()), "档号含机构": yes_no,
        "门类代码": list(lists["categories"]), "事项类型": types, "材料类别": list(lists["material_kinds"].values()),
        "类别默认": yes_no, "保管期限": [*lists["retentions"].values(), retention_words(None)],
        "整理方式": list(_UNITS.values()), "利用权限": ["公开", "依申请利用", "内部限制"],
        "开放控制": list(lists["open_controls"].values()), "是否归档": yes_no,
    }  # fmt: skip


def to_sheets(schedule: Schedule) -> dict[str, list[list[str]]]:
    """The three sheets of a version, each with its head row."""
    data = schedule.as_json()
    approval = data["approval"] or {}
    plain = data | {f"approval_{key}": approval.get(key) for key in ("no", "org", "date")}
    plain["status"] = code_lists()["statuses"][data["status"]]
    return {
        HEAD: [["项目", "内容"], *([name, plain[key] or ""] for name, key in _HEAD.items())],
        CLASSES: [
            list(_CLASSES),
            *([_written(key, row[key]) for key in _CLASSES.values()] for row in data["categories"]),
        ],
        TABLE: [list(_TABLE), *([_written(key, row[key]) for key in _TABLE.values()] for row in data["entries"])],
    }


def from_sheets(sheets: Sheets, name: str) -> Schedule:
    """A version from its sheets. Raises ScheduleError; every finding names sheet, row and column as the archivist sees them."""
    wrong: list[Finding] = []
    if missing := [sheet for sheet in (HEAD, CLASSES, TABLE) if not sheets.get(sheet)]:
        raise ScheduleError([Finding("SCH-SHEET", path=name, params={"sheet": "、".join(missing)})])
    head = _head(sheets[HEAD], name, wrong)
    classes, class_rows = _rows(sheets[CLASSES], CLASSES, _CLASSES, name, wrong)
    entries, entry_rows = _rows(sheets[TABLE], TABLE, _TABLE, name, wrong)
    if wrong:
        raise ScheduleError(wrong)
    approval = {key: head.pop(f"approval_{key}", None) for key in ("no", "org", "date")}
    data = {"schema": SCHEMA_ID, **head, "approval": approval if any(approval.values()) else None}
    places = {"categories": (CLASSES, class_rows, _CLASSES), "entries": (TABLE, entry_rows, _TABLE)}
    try:
        return schedule_from_data(data | {"categories": classes, "entries": entries}, name)
    except ScheduleError as error:
        raise ScheduleError([_placed(finding, places) for finding in error.findings]) from error


def _head(rows: Sequence[Row], name: str, wrong: list[Finding]) -> dict[str, Any]:
    out: dict[str, Any] = dict.fromkeys(("effective_from", "effective_to"))
    for row in rows[1:]:
        label, text = (*(cell.strip() for cell in row.cells[:2]), "", "")[:2]
        if not label and not text:
            continue
        key = _HEAD.get(label)
        if key is None:
            wrong.append(_cell(name, HEAD, row.number, "项目", f"不认识的项目“{label[:40]}”"))
            continue
        try:
            out[key] = _read_head(key, text)
        except _CellError as error:
            wrong.append(_cell(name, HEAD, row.number, label, str(error)))
    absent = [
        label
        for label, key in _HEAD.items()
        if key in ("schedule_id", "version", "fonds_no", "fonds_name") and not out.get(key)
    ]
    wrong.extend(_cell(name, HEAD, rows[0].number, label, "缺少该项目或内容为空") for label in absent)
    out.setdefault("status", "draft")
    return out


def _rows(
    rows: Sequence[Row], sheet: str, columns: Mapping[str, str], name: str, wrong: list[Finding]
) -> tuple[list[dict[str, Any]], list[int]]:
    titles = [cell.strip() for cell in rows[0].cells]
    absent = [title for title, key in columns.items() if title not in titles and key not in _OPTIONAL]
    twice = [title for title in columns if titles.count(title) > 1]
    wrong.extend(_cell(name, sheet, rows[0].number, title, "缺少该列") for title in absent)
    wrong.extend(_cell(name, sheet, rows[0].number, title, "该列出现两次") for title in twice)
    if absent or twice:
        return [], []
    if len(rows) > MAX_ROWS:
        wrong.append(_cell(name, sheet, rows[MAX_ROWS].number, "", f"超过 {MAX_ROWS} 行"))
        return [], []
    out, numbers = [], []
    for row in rows[1:]:
        if not any(cell.strip() for cell in row.cells):
            continue
        made: dict[str, Any] = {}
        for title, cell in zip(titles, row.cells, strict=False):
            if title in columns:
                try:
                    made[columns[title]] = _read(columns[title], cell.strip())
                except _CellError as error:
                    wrong.append(_cell(name, sheet, row.number, title, str(error)))
        out.append(made)
        numbers.append(row.number)
    return out, numbers


def _placed(finding: Finding, places: Mapping[str, tuple[str, list[int], Mapping[str, str]]]) -> Finding:
    """Turn a JSON pointer into sheet, row and column."""
    parts = (finding.field or "").split("/")[1:]
    if len(parts) < 2 or parts[0] not in places or not parts[1].isdigit():
        return finding
    sheet, numbers, columns = places[parts[0]]
    column = next((title for title, key in columns.items() if len(parts) > 2 and key == parts[2]), "")
    reason = finding.params.get("reason") if finding.code == "SCH-SHAPE" else finding.text()
    where = _cell(finding.path or "", sheet, numbers[int(parts[1])], column, _in_chinese(reason or ""))
    return where if finding.code == "SCH-SHAPE" else dataclasses.replace(finding, field=where.field)


def _in_chinese(reason: str) -> str:
    """The validator speaks English; an archivist is told the same in the few forms that a cell can bring about."""
    for english, chinese in (
        (r"'(\w+)' is a required property", r"缺少必填列"),
        (r"(.+) does not match .*", r"\1 不符合规定的写法"),
        (r"(.+) is not one of .*", r"\1 不在可选值之内"),
        (r"(.+) is too long", r"内容过长"),
        (r"(.+) is too short|(.+) should be non-empty", r"内容为空或过短"),
        (r"(.+) is not valid under any of the given schemas", r"\1 不符合规定的写法"),
        (r"(.+) has non-unique elements", r"有重复值"),
        (r"(.+) is (?:less|greater) than the (?:minimum|maximum) of (.+)", r"\1 超出允许范围（\2）"),
        (r"(.+) was expected", r"应为 \1"),
    ):
        if found := re.fullmatch(english, reason, re.DOTALL):
            return found.expand(chinese)
    return reason


def _cell(name: str, sheet: str, row: int, column: str, reason: str) -> Finding:
    params = {"sheet": sheet, "row": str(row), "column": column, "reason": reason}
    return Finding("SCH-CELL", path=name, field=f"{sheet}!{row}" + (f"/{column}" if column else ""), params=params)


def _written(key: str, value: Any) -> str:
    lists = code_lists()
    if key in ("material_kind", "open_control"):
        return str(lists[f"{key}s"][value])
    if key == "retention_code":
        return retention_words(value)
    if key == "template":
        return _TEMPLATES[value]
    if key == "filing_unit":
        return _UNITS[value]
    if key == "matter_type" and value:
        name = canonical_matter_type(value["scheme"], value["code"]) or ""
        return f"{_SCHEMES[value['scheme']]} {value['code']} {name}".rstrip()
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "；".join(value)
    return "" if value is None else str(value)


def _read_head(key: str, text: str) -> str | None:
    _bounded(text)
    if key == "status":
        return _choice({**code_lists()["statuses"]}, text or "草案")
    if not text:
        return None
    if key in ("effective_from", "effective_to", "approval_date"):
        found = _DAY.fullmatch(text)
        if found is None:
            raise _CellError(f"“{text[:40]}”不是日期，应写作 2024-01-01")
        return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}"
    return text


def _read(key: str, text: str) -> Any:
    _bounded(text)
    readers: dict[str, Callable[[str], Any]] = {
        "material_kind": lambda t: _choice(code_lists()["material_kinds"], t),
        "open_control": lambda t: _choice(code_lists()["open_controls"], t),
        "filing_unit": lambda t: _choice(_UNITS, t),
        "template": lambda t: _choice(_TEMPLATES, t.removesuffix("-2022").removesuffix("-2015")),
        "retention_code": _retention,
        "matter_type": _matter_type,
        "matter_codes": lambda t: [part for part in re.split(r"[；;、,，\s]+", t) if part],
        "result_codes": lambda t: [part for part in re.split(r"[；;、,，\s]+", t) if part],
        "keywords": lambda t: [part.strip() for part in re.split(r"[；;\n]+", t) if part.strip()],
        "category_default": _yes,
        "archive": _yes,
        "with_org": _yes,
        "number_width": _whole,
        "remark": str,
    }
    reader = readers.get(key)
    return reader(text) if reader else text or None


def _bounded(text: str) -> None:
    if len(text) > MAX_CELL:
        raise _CellError(f"内容超过 {MAX_CELL} 字")


def _choice(options: Mapping[str, str], text: str) -> str:
    for code, words in options.items():
        if text in (code, words, words.removesuffix("材料")):
            return code
    raise _CellError(f"“{text[:40]}”不在可选值之内：{'、'.join(options.values())}")


def _yes(text: str) -> bool:
    if text in ("是", "归档", "true", "TRUE", "1"):
        return True
    if text in ("否", "不归档", "false", "FALSE", "0", ""):
        return False
    raise _CellError(f"“{text[:40]}”应为“是”或“否”")


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 4:
        return int(text)
    raise _CellError(f"“{text[:40]}”不是整数")


def _retention(text: str) -> str | None:
    if text in ("永久", "Y"):
        return "Y"
    if text == retention_words(None):
        return None
    found = _RETENTION.fullmatch(text)
    if found is None:
        raise _CellError(f"“{text[:40]}”不是保管期限，应为永久、定期30年、定期10年或按主事项就高")
    return f"D{found[1] or found[2]}"


def _matter_type(text: str) -> dict[str, str] | None:
    if not text:
        return None
    found = _MATTER_TYPE.fullmatch(text)
    if found is None:
        scheme, code = "national", matter_type_codes("national").get(text)
        if code is None:
            raise _CellError(f"“{text[:40]}”不是事项类型，应写作“国家 01 行政许可”或“广东 21 公共服务”")
        return {"scheme": scheme, "code": code}
    scheme = next(key for key, words in _SCHEMES.items() if words == found[1])
    name = canonical_matter_type(scheme, found[2])
    if name is None or (found[3] and found[3] != name):
        raise _CellError(f"“{text[:40]}”与代码表不符：{found[1]} {found[2]} 为{name or '无此代码'}")
    return {"scheme": scheme, "code": found[2]}
