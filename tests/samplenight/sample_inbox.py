"""A made night as the tests look at it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import samplenight

GOOD = 6  # cases without a fault


@dataclasses.dataclass(frozen=True)
class Laid:
    """A delivery as it lies in the inbox, with its line of expectations.json."""

    folder: Path
    expected: dict[str, Any]

    @property
    def meta(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "case.json").read_text("utf-8"))
        return data

    def file(self, role: str) -> Path:
        return self.folder / next(f["path"] for f in self.meta["files"] if f["role"] == role)


@dataclasses.dataclass(frozen=True)
class Night:
    home: Path
    summary: samplenight.Summary
    laid: tuple[Laid, ...]

    @property
    def good(self) -> list[Laid]:
        return [one for one in self.laid if one.expected["fault"] is None]

    def faulty(self, name: str) -> Laid:
        """The (first) delivery with this fault."""
        return next(one for one in self.laid if one.expected["fault"] == name)
