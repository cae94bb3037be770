"""What a transfer is made of: its items, and the catalogue that follows from their records."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sip.transfer import tree
from sip.transfer.source import Source
from sip.transfer.texts import CatalogueLine
from sip.xmltext import moment


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One archived package of the transfer: its facts in the ledger, what `source.look` found, and what opens its bytes.

    ``earlier`` marks a version that another item of the same 档号 supersedes; ``opening`` is the unit's opinion on opening it:
    ``{"decision", "reasons": […], "opinion", "reviewer"}``.
    """

    source: Source
    open: Callable[[], Iterable[bytes]]
    size: int
    sha256: str
    version: int
    opening: Mapping[str, Any]
    earlier: bool = False

    @property
    def record(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.source.record["record"]
        return found

    @property
    def archival_code(self) -> str:
        return str(self.record["archival_code"])

    @property
    def folder(self) -> str:
        if self.earlier:
            return tree.earlier_folder(self.archival_code, self.version)
        category = "·".join(c for c in (self.record["category_code"], self.record.get("class2")) if c)
        return tree.item_folder(str(self.record["fonds_no"]), category, self.archival_code)


@dataclasses.dataclass(frozen=True, slots=True)
class TransferPlan:
    """All that a transfer package is made of. ``as_of`` is the transfer's own date (aware); ``sender`` {"name", "uscc", "fonds_no",
    "fonds_name"}; ``environment`` is the note's 软硬件环境."""

    identifier: str
    as_of: dt.datetime
    sender: Mapping[str, str]
    description: str
    environment: str
    items: Sequence[Item]

    @property
    def listed(self) -> list[Item]:
        """The items of the catalogue, in the order of their 档号."""
        return sorted((i for i in self.items if not i.earlier), key=lambda i: i.archival_code)


def catalogue(plan: TransferPlan) -> list[CatalogueLine]:
    """The catalogue's lines, from the records themselves."""
    return [_line(n, item) for n, item in enumerate(plan.listed, 1)]


def _line(number: int, item: Item) -> CatalogueLine:
    record, case = item.record, item.source.record.get("case", {})
    pages = [f.get("archived", {}).get("format", {}).get("pages") for f in item.source.record.get("files", ())]
    closed = moment(case.get("closed_at"))
    return CatalogueLine(
        number, item.archival_code, str(record["fonds_unit"]), str(record.get("title") or case.get("case_title") or "无题名"),
        f"{closed:%Y%m%d}" if closed else f"{record['year']}0101", str(record["retention"]),
        str(record.get("security_classification") or "公开"),
        sum(known) if (known := [p for p in pages if isinstance(p, int)]) else None,
        "" if item.version == 1 else f"第{item.version}版",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """How much a transfer holds."""

    files: int
    bytes: int


def totals(plan: TransferPlan) -> Totals:
    """Content files and bytes of the items listed: what a register counts, without metadata and earlier versions."""
    parts = [p for i in plan.listed for p in i.source.parts if p.path.startswith("data/")]
    return Totals(len(parts), sum(p.size for p in parts))
