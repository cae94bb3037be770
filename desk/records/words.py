"""Words of the record page: kinds of events, results, labels of the metadata, each in Chinese and English."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sip import formmap

Say = Callable[[str, str], str]  # `Page.t`
_ROW = re.compile(r"/(?P<part>events|files|agents|relations)/(?P<n>[0-9]{1,6})(?P<inner>/.*)?")
_SECTIONS = {"events": "event", "files": "file", "agents": "agent"}  # part of a record → section of the deployed form
_SHEET = Path(__file__).with_name("words.json")


@cache
def _sheet() -> dict[str, dict[str, list[str]]]:
    sheet: dict[str, dict[str, list[str]]] = json.loads(_SHEET.read_text("utf-8"))
    return sheet


def word(t: Say, sheet: str, key: str) -> str:
    """The text of one key; the key itself where the sheet has none."""
    entry = _sheet()[sheet].get(key)
    return t(entry[0], entry[1]) if entry else key


def tone(sheet: str, key: str) -> str:
    """``good``, ``bad``, ``wait`` or nothing: how it is to be taken."""
    entry = _sheet()[sheet].get(key, [])
    return entry[2] if len(entry) > 2 else ""


@cache
def mend(code: str) -> tuple[str, str]:
    """What to do about a finding that rejects a record, by the longest beginning of its code that the sheet has."""
    sheet = _sheet()["mend"]
    zh, en = sheet[max((key for key in sheet if code.startswith(key)), key=len)]
    return zh, en


def kind_of_signature(t: Say, kind: str) -> str:
    """``ofd-seal-v4`` → OFD 电子印章 (v4)."""
    known = next((k for k in _sheet()["kinds"] if kind.startswith(k)), None)
    return f"{word(t, 'kinds', known)}（{kind}）" if known else kind


@cache
def known(pointer: str) -> bool:
    """Whether a member of the metadata is one of the model's own, about which it is known whether it names people."""
    return pointer in _sheet()["labels"] or pointer in _deployed()


def label(t: Say, pointer: str) -> str:
    """What a member of the metadata is called: by our sheet, else by the table of the deployed form, else its own name."""
    entry = _sheet()["labels"].get(pointer)
    if entry:
        return t(entry[0], entry[1])
    if row := _ROW.fullmatch(pointer):
        part, inner = _sheet()["parts"][row["part"]], row["inner"] or ""
        called = _deployed(_SECTIONS.get(row["part"], "")).get(inner, inner.removeprefix("/"))
        return f"{t(part[0], part[1]).format(n=int(row['n']) + 1)} {called}".strip()
    return _deployed().get(pointer, pointer.rpartition("/")[2])


def order(pointer: str) -> int:
    """Where a member stands among those that our sheet knows; behind them all for others."""
    return _order().get(pointer, len(_order()))


@cache
def _order() -> dict[str, int]:
    return {pointer: n for n, pointer in enumerate(_sheet()["labels"])}


@cache
def _deployed(section: str = "record") -> dict[str, str]:
    rows = formmap.load("deployed").sections.get(section, ())
    return {"/" + "/".join(at): row.zh for row in rows for at in row.at}
