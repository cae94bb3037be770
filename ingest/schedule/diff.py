"""What changed between two versions, as rows that a reviewer can read."""

from __future__ import annotations

import dataclasses
from typing import Any

from ingest.schedule.model import Category, Entry, Schedule, entry_key, retention_words

FIELD_NAMES = {
    "entry_no": "条款号", "entry_text": "条款", "category_code": "门类代码", "class2": "二级类别号", "class3": "三级类别号",
    "matter_type_scheme": "事项类型代码表", "matter_type_code": "事项类型", "matter_codes": "事项编码", "material_kind": "材料类别",
    "keywords": "关键词", "result_codes": "办理结果", "category_default": "类别默认", "retention_code": "保管期限",
    "org_code": "机构代码", "duty_dept": "责任部门", "filing_unit": "整理方式", "access_control": "利用权限",
    "open_control": "开放控制", "archive": "是否归档", "remark": "备注",
    "name": "类别名称", "template": "档号结构", "number_width": "件号位数", "with_org": "档号含机构",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One row: ``kind`` is added, removed, renumbered or changed; ``fields`` maps a field to its text before and after.

    ``retention`` is ``shorter`` or ``longer`` where the term changed, else None.
    """

    kind: str
    before: Entry | None
    after: Entry | None
    fields: dict[str, tuple[str, str]]
    retention: str | None = None

    @property
    def entry_no(self) -> str:
        entry = self.after or self.before
        assert entry is not None
        return entry.entry_no


@dataclasses.dataclass(frozen=True, slots=True)
class Diff:
    """All changes from one version to another, in the order of 条款号; ``categories`` are lines about the 分类方案."""

    before: str
    after: str
    entries: tuple[Change, ...]
    categories: tuple[str, ...]

    def rows(self) -> list[list[str]]:
        """The table with its head: 变化, 条款号, 条款, 内容."""
        return [["变化", "条款号", "条款", "内容"], *(_row(change) for change in self.entries)]

    def as_json(self) -> dict[str, Any]:
        changes = [
            {
                "kind": change.kind,
                "entry_no": change.entry_no,
                "retention": change.retention,
                "fields": {name: {"before": old, "after": new} for name, (old, new) in change.fields.items()},
            }
            for change in self.entries
        ]
        return {"before": self.before, "after": self.after, "entries": changes, "categories": list(self.categories)}


def diff(before: Schedule, after: Schedule) -> Diff:
    """Compare two versions.

    Entries are paired by number and text, then by text alone (renumbered), then by number alone (rewritten); what is left was
    added or removed. So a shortened term is seen also where the entry moved.
    """
    changes = [_change(old, new) for old, new in pair(before, after)]
    kept = [change for change in changes if change is not None]
    kept.sort(key=lambda change: entry_key(change.entry_no))
    return Diff(before.name, after.name, tuple(kept), tuple(_category_lines(before, after)))


def pair(before: Schedule, after: Schedule) -> list[tuple[Entry | None, Entry | None]]:
    """Old and new entries that are the same entry; None on the side where there is none."""
    pairs: list[tuple[Entry | None, Entry | None]] = []
    old, new = list(before.entries), list(after.entries)
    for key in (lambda e: (e.entry_no, e.entry_text), lambda e: e.entry_text, lambda e: e.entry_no):
        waiting: dict[object, list[Entry]] = {}
        for entry in new:
            waiting.setdefault(key(entry), []).append(entry)
        left = []
        for entry in old:
            same = waiting.get(key(entry))
            if same:
                pairs.append((entry, same.pop(0)))
            else:
                left.append(entry)
        old, new = left, [entry for entries in waiting.values() for entry in entries]
    return pairs + [(entry, None) for entry in old] + [(None, entry) for entry in new]


def _change(old: Entry | None, new: Entry | None) -> Change | None:
    if old is None or new is None:
        return Change("removed" if new is None else "added", old, new, {})
    fields = {
        field.name: (_shown(field.name, one), _shown(field.name, two))
        for field in dataclasses.fields(Entry)
        if (one := getattr(old, field.name)) != (two := getattr(new, field.name))
    }
    if not fields:
        return None
    retention = None if old.years == new.years else "shorter" if new.years < old.years else "longer"
    return Change("renumbered" if set(fields) == {"entry_no"} else "changed", old, new, fields, retention)


def _row(change: Change) -> list[str]:
    words = {"added": "新增", "removed": "删除", "renumbered": "改号", "changed": "修改"}[change.kind]
    if change.retention:
        words = "期限缩短" if change.retention == "shorter" else "期限延长"
    entry = change.after or change.before
    assert entry is not None
    if change.fields:
        told = "；".join(f"{FIELD_NAMES[name]}：{old} → {new}" for name, (old, new) in change.fields.items())
    else:
        told = f"{entry.category_path}，{retention_words(entry.retention_code)}"
    return [words, entry.entry_no, entry.entry_text, told]


def _category_lines(before: Schedule, after: Schedule) -> list[str]:
    old = {category.path: category for category in before.categories}
    new = {category.path: category for category in after.categories}
    out = [f"新增类别 {path}（{new[path].name}）" for path in new if path not in old]
    out += [f"删除类别 {path}（{old[path].name}）" for path in old if path not in new]
    for path in old:
        if path in new and old[path] != new[path]:
            told = "；".join(_category_fields(old[path], new[path]))
            out.append(f"修改类别 {path}：{told}")
    return out


def _category_fields(old: Category, new: Category) -> list[str]:
    return [
        f"{FIELD_NAMES[field.name]}：{one} → {two}"
        for field in dataclasses.fields(Category)
        if (one := getattr(old, field.name)) != (two := getattr(new, field.name))
    ]


def _shown(name: str, value: object) -> str:
    if name == "retention_code":
        return retention_words(value if isinstance(value, str) else None)
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, tuple):
        return "、".join(map(str, value)) or "（空）"
    return str(value) if value not in (None, "") else "（空）"
