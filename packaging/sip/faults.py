"""What verification has to say: codes from one table, with the file each is about."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One finding: ``path`` is the file (below the bag's folder) it is about, None for the package as a whole."""

    code: str
    path: str | None = None
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def severity(self) -> str:
        """``error`` makes a package invalid, ``warning`` does not."""
        return str(_table()[self.code]["severity"])

    def text(self, lang: str = "zh") -> str:
        """The finding in words (``zh`` or ``en``)."""
        return str(_table()[self.code][lang]).format_map(self.params)

    def as_json(self) -> dict[str, Any]:
        """A flat object; a lone surrogate (an undecodable name on disk) is written as a backslash escape."""
        shown = {k: plain(v) for k, v in {"path": self.path, **self.params}.items()}
        return {
            "code": self.code, "severity": self.severity, "path": shown.pop("path"), "params": shown,
            "zh": plain(self.text("zh")), "en": plain(self.text("en")),
        }  # fmt: skip


def fault(code: str, path: str | None = None, **params: Any) -> Fault:
    """A `Fault` with its parameters as keywords."""
    return Fault(code, path, params)


def plain(value: Any) -> Any:
    """A text that can be written anywhere: lone surrogates (undecodable names) become backslash escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


@cache
def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for sheet in sorted(Path(__file__).parent.rglob("faults.json")):
        found = json.loads(sheet.read_text("utf-8"))
        if both := table.keys() & found.keys():
            raise ValueError(f"{min(both)} stands twice; the second time in {sheet}")
        table |= found
    return table
