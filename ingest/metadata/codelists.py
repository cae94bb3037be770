"""Code lists: {scheme, code, text} against the tables of schemas/codelists.

The same code means different things in different schemes (20 is 公共服务 nationally and 其他行政权力 in Guangdong), so a
value is looked up by scheme, never by code alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from ingest.findings import Finding
from ingest.paths import SCHEMAS


@dataclasses.dataclass(frozen=True, slots=True)
class CodeList:
    """One list. ``open``: a code that is not listed is a remark, since only the codes seen so far are in the table."""

    zh: str
    default_scheme: str | None
    schemes: Mapping[str, Mapping[str, str]]
    open: bool
    raw: Mapping[str, Any]

    def text(self, scheme: str, code: str) -> str | None:
        return self.schemes.get(scheme, {}).get(code)


@cache
def load(name: str) -> CodeList:
    """The list ``schemas/codelists/<name>.json``."""
    raw = json.loads((SCHEMAS / "codelists" / f"{name}.json").read_text("utf-8"))
    return CodeList(raw["zh"], raw["default_scheme"], raw["schemes"], raw.get("open", False), raw)


def scheme_of(value: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """The scheme of a coded value: its own, else ``default``, else the list's."""
    given = value.get("scheme")
    return given if isinstance(given, str) and given else default or load(name).default_scheme


def check(value: Any, name: str, field: str, default_scheme: str | None = None) -> list[Finding]:
    """Findings on one coded value ``{scheme?, code, text?}`` at JSON pointer ``field``; none if it is not of that shape."""
    if not isinstance(value, Mapping) or not isinstance(code := value.get("code"), str) or not code:
        return []
    codes = load(name)
    scheme = scheme_of(value, name, default_scheme)
    about = {"list": codes.zh, "scheme": str(scheme), "code": code[:20]}
    if scheme is None or scheme not in codes.schemes:
        return [Finding("MET-SCHEME-UNKNOWN", field=field, params=about)]
    expected = codes.text(scheme, code)
    if expected is None:
        return [Finding("MET-CODE-UNLISTED" if codes.open else "MET-CODE-LIST", field=field, params=about)]
    text = value.get("text")
    if isinstance(text, str) and text and text != expected:
        return [Finding("MET-CODE-TEXT", field=field, params=about | {"text": text[:40], "expected": expected})]
    return []


def check_plain(code: Any, name: str, field: str) -> list[Finding]:
    """Findings on a code that stands alone, read in its list's default scheme."""
    return check({"code": code}, name, field)
