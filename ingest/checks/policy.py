"""The formats that an archive takes, and what opening a file may cost: schemas/checks/formats.json."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

from ingest.paths import SCHEMAS


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """One accepted format. ``reader`` names the function of `ingest.checks.readable` that opens it."""

    id: str
    zh: str
    pronom: tuple[str, ...]
    declared: tuple[str, ...]
    extensions: tuple[str, ...]
    reader: str


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, counts and the ratio of unpacked to packed."""

    zip_entries: int
    zip_member_bytes: int
    zip_total_bytes: int
    zip_ratio: int
    zip_ratio_above_bytes: int
    pages: int
    whole_file_bytes: int


@cache
def formats() -> dict[str, Format]:
    """Accepted formats by id."""
    rows = _sheet()["formats"]
    return {
        row["id"]: Format(
            row["id"], row["zh"], tuple(row["pronom"]), tuple(row["declared"]), tuple(row["extensions"]), row["reader"]
        )
        for row in rows
    }


@cache
def by_pronom() -> dict[str, Format]:
    """Accepted formats by each of their PRONOM identifiers."""
    return {puid: form for form in formats().values() for puid in form.pronom}


def xml_kind(root: str) -> str | None:
    """What an XML document is by its root element (``{namespace}name`` or ``name``), where that is known."""
    space, _, name = root.rpartition("}")
    known = _sheet()["xml_roots"].get(space.removeprefix("{") or name)
    return None if known is None else str(known)


@cache
def limits() -> Limits:
    return Limits(**_sheet()["limits"])


@cache
def _sheet() -> Any:
    return json.loads((SCHEMAS / "checks" / "formats.json").read_text("utf-8"))
