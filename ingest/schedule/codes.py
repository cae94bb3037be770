"""Code lists of the schedule and the codes of a service matter (GB/T 39554.1-2020; Guangdong's own type list beside it)."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ingest.metadata import codelists
from ingest.paths import SCHEMAS

BASIC_LENGTH = 12
IMPLEMENTATION_LENGTH = 31
HANDLING_ITEM_LENGTH = 33
_IMPLEMENTATION = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[1-6]\d{2}[0-9A-Z]{10}", re.ASCII)
_REGION = re.compile(r"(\d{6})(0{6})?", re.ASCII)


@cache
def code_lists() -> dict[str, Any]:
    """The sheet ``schemas/schedule-codes-1.0.json``."""
    lists: dict[str, Any] = json.loads((SCHEMAS / "schedule-codes-1.0.json").read_text("utf-8"))
    return lists


def canonical_matter_type(scheme: str | None, code: str | None) -> str | None:
    """The 事项类型 in words (``行政许可``), by which types of different schemes are compared; None if the scheme has no such code.

    The scheme is never guessed: ``20`` is 公共服务 in the national list and 其他行政权力 in Guangdong's.
    """
    return codelists.load("matter_type").text(scheme or "", code or "")


def matter_type_name(canonical: str | None) -> str:
    """The words for a message: ``不明`` for None."""
    return canonical or "不明"


def matter_type_codes(scheme: str) -> dict[str, str]:
    """Words → code of one scheme."""
    return {words: code for code, words in codelists.load("matter_type").schemes[scheme].items()}


def material_kind(group: str | None) -> str | None:
    """The 材料类别 (basis, process, result) of a file's group, or None for a group that the list does not know."""
    kind = code_lists()["material_groups"].get(group)
    return str(kind) if kind is not None else None


def region(code: str | None) -> str | None:
    """A GB/T 2260 region as six digits; platforms send twelve, which is cut only where the tail is zeros. None if neither."""
    found = _REGION.fullmatch(code or "")
    return found[1] if found else None


@dataclasses.dataclass(frozen=True, slots=True)
class MatterCodes:
    """The codes that a record gives for its matter, each None when absent; ``kind`` is the canonical 事项类型."""

    handling_item: str | None
    implementation: str | None
    basic: str | None
    kind: str | None

    @classmethod
    def of(cls, matter: Mapping[str, Any], default_scheme: str | None = None) -> MatterCodes:
        """Read ``case.matter`` of a record; a missing 基本编码 is taken from the last 12 characters of the 实施编码.

        ``default_scheme`` (the agency's) reads a 事项类型 that names no scheme.
        """
        implementation = _text(matter.get("implementation_code"))
        basic = _text(matter.get("basic_code"))
        if basic is None and implementation is not None and _IMPLEMENTATION.fullmatch(implementation):
            basic = implementation[-BASIC_LENGTH:]
        given = matter.get("type")
        typed: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        return cls(
            handling_item=_text(matter.get("handling_item_code")),
            implementation=implementation,
            basic=basic,
            kind=canonical_matter_type(_text(typed.get("scheme")) or default_scheme, _text(typed.get("code"))),
        )

    @property
    def well_formed(self) -> bool:
        """Whether the 实施编码 has the shape from which an 电子文件号 can be made."""
        return self.implementation is not None and _IMPLEMENTATION.fullmatch(self.implementation) is not None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
