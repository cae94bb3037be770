"""A profile: how one form, or one agency's dialect of it, is read. All of it is data (``schemas/profiles``, ``config/profiles``).

The form's own table (`sip.formmap`) says which element carries which member; the profile adds what the archive asks of each
element, what its words mean, and what this form can never carry.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ingest.paths import SCHEMAS
from ingest.settings import ConfigError
from sip import formmap

Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One element: where it goes (``row``), the names that dialects give it, and what is asked of its text.

    ``obligation`` is M, C or O; ``longest`` counts characters; ``provisional`` marks what no text of the standard confirmed.
    """

    row: formmap.Row
    aliases: tuple[str, ...] = ()
    obligation: str = "O"
    longest: int | None = None
    pattern: re.Pattern[str] | None = None
    values: frozenset[str] | None = None
    forbidden: re.Pattern[str] | None = None
    provisional: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """One profile. ``lacks`` are members of the record model (JSON pointers, ``*`` for any index) that the form does not carry."""

    id: str
    version: str
    form: str
    default: bool
    rules: Mapping[str, Sequence[Rule]]
    lacks: frozenset[str]
    raw: Json

    def rows(self, section: str) -> list[formmap.Row]:
        return [rule.row for rule in self.rules.get(section, ())]

    def names(self, section: str) -> dict[str, str]:
        """Every spelling of an element → the form's own name."""
        return {n: r.row.element for r in self.rules.get(section, ()) for n in (r.row.element, *r.aliases)}

    def part(self, key: str) -> Any:
        """A free part of the profile, e.g. ``constants``; an empty object where it has none."""
        return self.raw.get(key, {})


@dataclasses.dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles that an installation knows: the house's own, and those of ``config/profiles``."""

    by_id: Mapping[str, Profile]

    @classmethod
    def load(cls, own: Path | None = None) -> Profiles:
        """Read them; ``own`` is the installation's folder. Raises ConfigError naming the file and what to mend."""
        raw = {}
        for folder in (SCHEMAS / "profiles", *([own] if own and own.is_dir() else ())):
            for file in sorted(folder.glob("*.json")):
                data = _sheet(file)
                if data["id"] in raw:
                    raise ConfigError(f"配置文件 {file}：标识 {data['id']} 已被占用 / the profile id is taken")
                raw[data["id"]] = (file, data)
        return cls({name: _profile(file, _extended(name, raw)) for name, (file, _) in raw.items()})

    def default(self, form: str) -> Profile:
        """The profile by which a form is read where the agency names none."""
        return next(p for p in self.by_id.values() if p.form == form and p.default)

    def named(self, name: str) -> Profile:
        """The profile of this id. Raises ConfigError where there is none."""
        if (found := self.by_id.get(name)) is None:
            known = "、".join(sorted(self.by_id))
            raise ConfigError(f"没有名为 {name} 的元数据配置（现有：{known}）/ no such profile: {name}")
        return found


def _sheet(file: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise ConfigError(f"元数据配置 {file} 不能读取 / the profile cannot be read: {e}") from e
    errors = sorted(_schema().iter_errors(data), key=lambda e: list(e.absolute_path))
    if errors:
        place = "/".join(map(str, errors[0].absolute_path))
        raise ConfigError(f"元数据配置 {file} 有误 / the profile is broken: /{place}: {errors[0].message[:200]}")
    return data


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / "profile-1.0.schema.json").read_text("utf-8")))


def _extended(
    name: str, sheets: Mapping[str, tuple[Path, dict[str, Any]]], seen: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The sheet with what it extends: objects are merged, elements by their name, everything else is replaced."""
    file, own = sheets[name]
    base = own.get("extends")
    if not base:
        return own
    if base not in sheets or base in (*seen, name):
        raise ConfigError(f"元数据配置 {file}：extends 的 {base} 不存在或循环 / extends an unknown or circular profile")
    merged: dict[str, Any] = _merged(_extended(base, sheets, (*seen, name)), own)
    return merged | {"default": False}


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
    if (
        isinstance(old, list)
        and isinstance(new, list)
        and all(isinstance(r, dict) and "element" in r for r in old + new)
    ):
        by_name = {r["element"]: r for r in old}
        for r in new:
            by_name[r["element"]] = by_name.get(r["element"], {}) | r
        return list(by_name.values())
    return new


def _profile(file: Path, raw: dict[str, Any]) -> Profile:
    form = raw["form"]
    known = formmap.load(form).sections if form in ("deployed", "eep") else {}
    sections: dict[str, dict[str, Any]] = {s: {r.element: {} for r in rows} for s, rows in known.items()}
    for section, rules in raw.get("elements", {}).items():
        for rule in rules:
            sections.setdefault(section, {}).setdefault(rule["element"], {}).update(rule)
    rows = {(s, r.element): r for s, found in known.items() for r in found}
    try:
        rules = {
            section: tuple(_rule(name, rule, rows.get((section, name))) for name, rule in found.items())
            for section, found in sections.items()
        }
    except (KeyError, re.error) as e:
        raise ConfigError(f"元数据配置 {file} 有误 / the profile is broken: {e}") from e
    return Profile(
        raw["id"], raw["version"], form, raw.get("default", False), rules, frozenset(raw.get("lacks", ())), raw
    )  # fmt: skip


def _rule(name: str, raw: Json, row: formmap.Row | None) -> Rule:
    if row is None or "at" in raw:
        row = formmap.row({"element": name} | dict(raw))
    return Rule(
        row,
        tuple(raw.get("aliases", ())),
        raw.get("obligation", "O"),
        raw.get("max"),
        re.compile(raw["pattern"]) if "pattern" in raw else None,
        frozenset(raw["values"]) if "values" in raw else None,
        re.compile(f"[{raw['forbidden']}]") if "forbidden" in raw else None,
        raw.get("provisional", False),
    )
