"""Findings: what a check has to say about a record, as data.

Each code stands once in ``schemas/findings/*.json`` with its severity, its 四性 nature, the receipt code that the producer is
told (1–6, domain: 回执) and its text in Chinese and English. Code raises findings by code only; text is looked up when shown.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ingest.paths import SCHEMAS


class Severity(enum.StrEnum):
    """What a finding does to its record; the gravest one decides."""

    REJECT = "reject"  # bad content: the producer must mend and send again
    HOLD = "hold"  # a person must decide
    REMARK = "remark"  # accepted, and said so in the package
    INFO = "info"  # worth knowing


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One result of one check.

    ``path`` is the file as the producer named it, ``field`` a JSON pointer into the metadata; ``params`` fill the text's
    ``{placeholders}``. ``severity`` overrides the table's where an agency's policy says so.
    """

    code: str
    path: str | None = None
    field: str | None = None
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    severity: Severity | None = None

    @property
    def weight(self) -> Severity:
        return self.severity or Severity(_entry(self.code)["severity"])

    def text(self, lang: str = "zh") -> str:
        """The finding in words; unknown placeholders are left as they stand rather than failing a report."""
        return str(_entry(self.code)[lang]).format_map(_Lenient(self.params))

    def as_json(self) -> dict[str, Any]:
        entry = _entry(self.code)
        out: dict[str, Any] = {"code": self.code, "severity": self.weight.value, "nature": entry["nature"]}
        if self.path is not None:
            out["path"] = self.path
        if self.field is not None:
            out["field"] = self.field
        if self.params:
            out["params"] = dict(self.params)
        return out | {"zh": self.text("zh"), "en": self.text("en")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        default = Severity(_entry(data["code"])["severity"])
        given = Severity(data["severity"])
        return cls(
            data["code"], data.get("path"), data.get("field"), dict(data.get("params", {})),
            None if given == default else given,
        )  # fmt: skip


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def table() -> dict[str, dict[str, Any]]:
    """All findings by code. A code in two sheets is a programming error and raises ValueError."""
    out: dict[str, dict[str, Any]] = {}
    for sheet in sorted((SCHEMAS / "findings").glob("*.json")):
        for code, entry in json.loads(sheet.read_text("utf-8")).items():
            if code in out:
                raise ValueError(f"finding {code} stands twice; the second time in {sheet.name}")
            out[code] = entry
    return out


def _entry(code: str) -> dict[str, Any]:
    return table()[code]


_GRAVITY = [Severity.INFO, Severity.REMARK, Severity.HOLD, Severity.REJECT]


def gravest(findings: Iterable[Finding]) -> Severity | None:
    """The severity that decides a record's state, or None without findings."""
    return max((f.weight for f in findings), key=_GRAVITY.index, default=None)


def receipt_code(findings: Iterable[Finding]) -> int:
    """The 回执 code (1 success … 6 digest check failed) for a record with these findings: the first rejecting one speaks."""
    for f in findings:
        if f.weight is Severity.REJECT:
            return int(_entry(f.code).get("receipt", 5))
    return 1
