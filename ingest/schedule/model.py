"""The 三合一 schedule as data: 分类方案 (categories) and 归档范围和保管期限表 (entries) of one fonds in one version."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ingest.schedule.codes import canonical_matter_type, code_lists

SCHEMA_ID = "guidang.schedule/1.0"


def retention_years(code: str) -> float:
    """Years of a retention code: ``Y`` (永久) is infinite, ``D30`` is 30. Raises ValueError for any other text."""
    if code == "Y":
        return math.inf
    if code[:1] == "D" and code[1:].isascii() and code[1:].isdigit():
        return float(code[1:])
    raise ValueError(f"not a retention code: {code!r}")


def retention_words(code: str | None) -> str:
    """``Y`` → ``永久``, ``D30`` → ``定期30年``, None (decided by the main matter) → ``按主事项就高``."""
    if code is None:
        return "按主事项就高"
    known = code_lists()["retentions"].get(code)
    return str(known) if known else f"定期{code[1:]}年"


def entry_key(entry_no: str) -> tuple[int, ...]:
    """The order of 条款号: ``2.10`` stands after ``2.9``."""
    return tuple(int(part) for part in entry_no.split("."))


@dataclasses.dataclass(frozen=True, slots=True)
class Category:
    """One class of the 分类方案 and how its 档号 is made: DA/T 13-2022 or DA/T 22-2015, never both in one 门类."""

    code: str
    name: str
    template: str
    number_width: int
    class2: str | None = None
    class3: str | None = None
    with_org: bool = False

    @property
    def path(self) -> str:
        """``ZY·XK``: the 类别号 without year, retention and organ."""
        return "·".join(part for part in (self.code, self.class2, self.class3) if part)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One 条款. ``retention_code`` is None where the entry leaves the term to the main matter; such an entry never decides."""

    entry_no: str
    entry_text: str
    category_code: str
    material_kind: str
    retention_code: str | None
    duty_dept: str
    filing_unit: str
    access_control: str
    open_control: str
    archive: bool
    class2: str | None = None
    class3: str | None = None
    matter_type_scheme: str | None = None
    matter_type_code: str | None = None
    matter_codes: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    result_codes: tuple[str, ...] = ()
    category_default: bool = False
    org_code: str | None = None
    remark: str = ""

    @property
    def key(self) -> tuple[int, ...]:
        return entry_key(self.entry_no)

    @property
    def matter_kind(self) -> str | None:
        """The canonical 事项类型, or None."""
        return canonical_matter_type(self.matter_type_scheme, self.matter_type_code)

    @property
    def years(self) -> float:
        """Years of retention; -1 where the entry itself names none, so that it loses against every entry that does."""
        return -1.0 if self.retention_code is None else retention_years(self.retention_code)

    @property
    def category_path(self) -> str:
        return "·".join(part for part in (self.category_code, self.class2, self.class3) if part)

    def as_json(self) -> dict[str, Any]:
        """The entry in the shape of the JSON Schema, with all keys in the order of the printed table."""
        typed = {"scheme": self.matter_type_scheme, "code": self.matter_type_code}
        return {
            "entry_no": self.entry_no,
            "entry_text": self.entry_text,
            "category_code": self.category_code,
            "class2": self.class2,
            "class3": self.class3,
            "matter_type": typed if self.matter_type_scheme else None,
            "matter_codes": list(self.matter_codes),
            "material_kind": self.material_kind,
            "keywords": list(self.keywords),
            "result_codes": list(self.result_codes),
            "category_default": self.category_default,
            "retention_code": self.retention_code,
            "org_code": self.org_code,
            "duty_dept": self.duty_dept,
            "filing_unit": self.filing_unit,
            "access_control": self.access_control,
            "open_control": self.open_control,
            "archive": self.archive,
            "remark": self.remark,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Take over one validated entry object."""
        plain = {key: value for key, value in data.items() if key != "matter_type"}
        for name in ("matter_codes", "keywords", "result_codes"):
            plain[name] = tuple(data.get(name, ()))
        typed = data.get("matter_type") or {}
        return cls(matter_type_scheme=typed.get("scheme"), matter_type_code=typed.get("code"), **plain)


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """The 批复 of the archive administration without which no version takes effect (国家档案局令第8号 art. 12)."""

    no: str
    org: str
    date: dt.date


@dataclasses.dataclass(frozen=True)
class Schedule:
    """One version. It holds on days ``effective_from <= day < effective_to`` (None: without end)."""

    schedule_id: str
    version: str
    fonds_no: str
    fonds_name: str
    status: str
    effective_from: dt.date | None
    effective_to: dt.date | None
    approval: Approval | None
    categories: tuple[Category, ...]
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return f"{self.schedule_id} {self.version}"

    def holds_on(self, day: dt.date) -> bool:
        """Whether the version was in force on that day. A superseded one was, until its end; a revoked one never counts."""
        if self.status not in ("in_force", "superseded") or self.effective_from is None:
            return False
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)

    def category_of(self, entry: Entry) -> Category | None:
        """The declared class of an entry; None where the scheme does not declare it."""
        return self._categories.get(entry.category_path)

    @cached_property
    def _categories(self) -> dict[str, Category]:
        return {category.path: category for category in self.categories}

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: the same content gives the same digest whatever the file looked like."""
        text = json.dumps(self.as_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @cached_property
    def text_digest(self) -> str:
        """SHA-256 (hex) of what reviewers read and filing applies: the same from submission until long after its end."""
        return hashlib.sha256(self.text().encode("utf-8")).hexdigest()

    def text(self) -> str:
        """Canonical JSON of identity, classes and entries, without status, days of effect and approval."""
        head = ("status", "effective_from", "effective_to", "approval")
        kept = {key: value for key, value in self.as_json().items() if key not in head}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def as_json(self) -> dict[str, Any]:
        """The version in the shape of ``schemas/schedule-1.0.schema.json``."""
        approval = self.approval
        return {
            "schema": SCHEMA_ID,
            "schedule_id": self.schedule_id,
            "version": self.version,
            "fonds_no": self.fonds_no,
            "fonds_name": self.fonds_name,
            "status": self.status,
            "effective_from": _day_text(self.effective_from),
            "effective_to": _day_text(self.effective_to),
            "approval": {"no": approval.no, "org": approval.org, "date": approval.date.isoformat()}
            if approval
            else None,
            "categories": [_category_json(category) for category in self.categories],
            "entries": [entry.as_json() for entry in self.entries],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schedule:
        """Take over a validated object. Raises ValueError for a day that is in no calendar."""
        approval = data["approval"]
        return cls(
            schedule_id=data["schedule_id"],
            version=data["version"],
            fonds_no=data["fonds_no"],
            fonds_name=data["fonds_name"],
            status=data["status"],
            effective_from=_day(data["effective_from"]),
            effective_to=_day(data["effective_to"]),
            approval=Approval(approval["no"], approval["org"], dt.date.fromisoformat(approval["date"]))
            if approval
            else None,
            categories=tuple(Category(**category) for category in data["categories"]),
            entries=tuple(Entry.from_json(entry) for entry in data["entries"]),
        )


def _category_json(category: Category) -> dict[str, Any]:
    order = ("code", "class2", "class3", "name", "template", "number_width", "with_org")
    return {name: getattr(category, name) for name in order}


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _day_text(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
