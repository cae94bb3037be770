"""A written form and the record model, held against each other by a table: which element carries which member.

The tables (``sip/formtables/*.json``) are data and are used both ways: to write a form from a record and to read one. What the table
does not carry is no loss: `sip.extension` keeps the rest.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sip.xmltext import moment

Texts = dict[str, str]  # element (``a/b`` for nested ones) → its text; an empty or absent element is not in it
_FORMS = Path(__file__).parent / "formtables"
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M")
_DAYS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d")


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One element of a form. ``at`` are the members that it is written from, the first that is there; it is read into the first.
    ``kind`` is text, integer, moment (China time), date, yesno, basename, system, or count."""

    element: str
    at: tuple[tuple[str, ...], ...]
    kind: str = "text"
    zh: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """The tables of one form by section."""

    name: str
    version: str
    sections: Mapping[str, Sequence[Row]]

    def __getitem__(self, section: str) -> Sequence[Row]:
        return self.sections[section]


@cache
def load(name: str) -> Form:
    """The form ``sip/formtables/<name>.json``."""
    raw = json.loads((_FORMS / f"{name}.json").read_text("utf-8"))
    sections = {key: tuple(map(row, value)) for key, value in raw.items() if isinstance(value, list)}
    return Form(raw["form"], raw["version"], sections)


def row(raw: Mapping[str, Any]) -> Row:
    """One line of a table as JSON: ``{"element", "at": pointer or [pointers], "as"?, "zh"?}``."""
    at = raw["at"]
    pointers = tuple(steps(p) for p in ([at] if isinstance(at, str) else at))
    return Row(raw["element"], pointers, raw.get("as", "text"), raw.get("zh", ""))


def steps(pointer: str) -> tuple[str, ...]:
    """The steps of a JSON pointer without escapes, as the tables write them."""
    return tuple(pointer.split("/")[1:])


def written(rows: Sequence[Row], data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each element with its text, in the form's order; "" where the record does not know."""
    return [(r.element, value(r, data)) for r in rows]


def value(r: Row, data: Mapping[str, Any]) -> str:
    """The text of one element."""
    if (make := _DERIVED.get(r.kind)) is not None:
        return make(r, data)
    for keys in r.at:
        found = get(data, keys)
        text = plain(found)
        if not text:
            continue
        if r.kind != "moment":
            return text.rpartition("/")[2] if r.kind == "basename" else text
        if at := moment(text):
            return f"{at:%Y-%m-%d %H:%M:%S}"
    return ""


def read(rows: Sequence[Row], texts: Mapping[str, str]) -> dict[str, Any]:
    """What the elements say of the record. A text that is not of its kind stays a text: the checks will say so."""
    out: dict[str, Any] = {}
    for r in rows:
        text = texts.get(r.element)
        if text and r.kind != "basename":
            put(out, (*r.at[0], "name") if r.kind == "system" else r.at[0], parsed(r.kind, text))
    return out


def parsed(kind: str, text: str) -> Any:
    """A text as the value it means: integers, 是/否, times as ISO 8601 with China's offset, and days."""
    if kind in ("integer", "count"):
        return int(text) if _INTEGER.fullmatch(text) else text
    if kind == "yesno":
        return {"是": True, "1": True, "true": True, "否": False, "0": False, "false": False}.get(text.lower(), text)
    if kind == "moment":
        return _iso(text)
    return _day(text) if kind == "date" else text


def _iso(text: str) -> str:
    for shape in _MOMENTS:
        try:
            return f"{dt.datetime.strptime(text.removesuffix('.0'), shape):%Y-%m-%dT%H:%M:%S}+08:00"
        except ValueError:
            continue
    return text


def _day(text: str) -> str:
    for shape in _DAYS:
        try:
            return f"{dt.datetime.strptime(text, shape):%Y-%m-%d}"
        except ValueError:
            continue
    return text


def unique_names(files: Iterable[list[tuple[str, str]]], element: str) -> Iterator[list[tuple[str, str]]]:
    """Each file's elements, with a file name that no other has by case: a second ``a.pdf`` becomes ``a~2.pdf``."""
    taken: set[str] = set()
    for pairs in files:
        yield [(k, _unique(v, taken) if k == element else v) for k, v in pairs]


def _unique(name: str, taken: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".")
    out, n = name, 1
    while out.casefold() in taken:
        n += 1
        out = f"{stem}~{n}.{suffix}" if dot else f"{name}~{n}"
    taken.add(out.casefold())
    return out


def plain(value: Any) -> str:
    """A value as a text; "" for what is none: nothing, objects, arrays."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def get(data: Any, keys: Sequence[str]) -> Any:
    """The member at ``keys``, or None."""
    for key in keys:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def put(data: dict[str, Any], keys: Sequence[str], new: Any) -> None:
    """Set the member at ``keys``, making the objects on the way."""
    for key in keys[:-1]:
        inner = data.setdefault(key, {})
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[keys[-1]] = new


def _system(r: Row, data: Mapping[str, Any]) -> str:
    system = get(data, r.at[0])
    if not isinstance(system, Mapping):
        return ""
    return " ".join(filter(None, (plain(system.get(k)) for k in ("system_no", "name", "version"))))


_DERIVED: Mapping[str, Callable[[Row, Mapping[str, Any]], str]] = {
    "system": _system,
    "yesno": lambda r, data: "是" if get(data, r.at[0]) is True else "否",
    "count": lambda _, data: str(len(data["files"])),
}
