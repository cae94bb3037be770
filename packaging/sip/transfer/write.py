"""Writing a transfer package: the tree of DA/T 93 from archived packages, in one pass, as one deterministic BagIt bag."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sip import canonical
from sip.baginfo import TRANSFER_PROFILE_ID
from sip.package import PackagePlan, PackageResult, PayloadFile, write_package
from sip.transfer import texts, tree
from sip.transfer.archived import SCHEMA
from sip.transfer.source import Source, SourceStream
from sip.transfer.texts import CatalogueLine
from sip.xmltext import DECLARATION, element, moment


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
        sum(pages) if pages and all(isinstance(p, int) for p in pages) else None,
        "" if item.version == 1 else f"第{item.version}版",
    )  # fmt: skip


def write_transfer(dest: BinaryIO | Path, plan: TransferPlan) -> PackageResult:
    """Write the transfer package; same plan, same bytes. ValueError: no sound plan (no items, two of one 档号). Raises
    `sip.transfer.source.SourceAltered` and `sip.package.FixityError` where an archived package is not what it was."""
    lines = catalogue(plan)
    if not lines:
        raise ValueError("a transfer without items")
    payload = [f for item in plan.items for f in _files(item)]
    content = _Totals(len(payload), sum(f.size for f in payload))
    payload += [
        _made(tree.NOTE, texts.note(_note(plan, lines))),
        _made(tree.CATALOGUE, "".join(texts.catalogue_pieces(lines)).encode()),
        _made(tree.HANDOVER, "".join(handover_pieces(plan, lines, content)).encode()),
        _made(tree.OPENING, "".join(opening_pieces(plan)).encode()),
    ]
    return write_package(
        dest,
        PackagePlan(
            identifier=plan.identifier,
            version=1,
            as_of=plan.as_of,
            payload=payload,
            tags={tree.CLAIMS.removeprefix("metadata/"): canonical.dumps(claims(plan, content))},
            bag_info=[
                ("Source-Organization", plan.sender["name"]),
                ("Bag-Group-Identifier", plan.sender["fonds_no"]),
                ("External-Description", plan.description),
            ],
            profile=TRANSFER_PROFILE_ID,
        ),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Totals:
    files: int
    bytes: int


def claims(plan: TransferPlan, content: _Totals) -> dict[str, Any]:
    """metadata/transfer.json: what the transfer says of itself; each item with the digest of the package it was archived as."""
    return {
        "schema": SCHEMA,
        "transfer": plan.identifier,
        "as_of": plan.as_of.isoformat(),
        "sender": dict(plan.sender),
        "records": len(plan.listed),
        "files": content.files,
        "bytes": content.bytes,
        "items": [
            {
                "archival_code": i.archival_code,
                "electronic_record_code": str(i.record["electronic_record_code"]),
                "folder": i.folder,
                "version": i.version,
                "earlier": i.earlier,
                "package_sha256": i.sha256,
                "package_bytes": i.size,
                "opening": dict(i.opening),
            }
            for i in sorted(plan.items, key=lambda i: (i.archival_code, i.version))
        ],
    }


def _files(item: Item) -> Iterator[PayloadFile]:
    stream = SourceStream(item.source, item.open, item.size, item.sha256)
    for part in item.source.parts:
        path = f"{item.folder}/{part.path if item.earlier else tree.in_item(part.path)}"
        yield PayloadFile(path, lambda p=part: stream.content(p), part.size, part.sha256, part.sm3, part.crc32)  # type: ignore[misc]


def _made(path: str, data: bytes) -> PayloadFile:
    sha256, sm3 = (hashlib.new(a, data).hexdigest() for a in ("sha256", "sm3"))
    return PayloadFile(path, lambda: (data,), len(data), sha256, sm3, zlib.crc32(data))


def _note(plan: TransferPlan, lines: Sequence[CatalogueLine]) -> dict[str, str]:
    return {
        "移交单位": plan.sender["name"],
        "内容描述": plan.description,
        "起止档号": f"{lines[0].archival_code}～{lines[-1].archival_code}",
        "档案数量": str(len(lines)),
        "软硬件环境": plan.environment,
        "移交编号": plan.identifier,
        "制作日期": f"{moment(plan.as_of):%Y-%m-%d}",
    }


def handover_pieces(plan: TransferPlan, lines: Sequence[CatalogueLine], content: _Totals) -> Iterator[str]:
    """交接单据 in the deployed form (``transfer_info``): one ``directory`` an item with the digest of its archived package."""
    at = moment(plan.as_of)
    yield f"{DECLARATION}<transfer_info>\n"
    for name, value in (
        ("system_code", "guidang"), ("batch_name", plan.identifier), ("send_time", f"{at:%Y-%m-%d %H:%M:%S}"),
        ("send_number", len(lines)), ("send_size", content.bytes), ("transactor", plan.sender["name"]),
        ("File_Number", content.files), ("standard", "DA/T 93-2022; RFC 8493"),
    ):  # fmt: skip
        yield f"  {element(name, value)}\n"
    yield "  <directories>\n"
    for item in plan.listed:
        record, case = item.record, item.source.record.get("case", {})
        matter = case.get("matter", {})
        filed = moment(record.get("filed_at"))
        cells = (
            ("fonds_identifier", record["fonds_no"]), ("fonds_constituting_unit_name", record["fonds_unit"]),
            ("region_code", case.get("region_code")), ("social_code", record.get("unit_uscc")),
            ("category_code", record["category_code"]), ("year", record["year"]),
            ("unique_identifier", record["electronic_record_code"]), ("task_code", matter.get("implementation_code")),
            ("task_version", matter.get("version")), ("project_name", case.get("case_title")),
            ("archive_time", filed and f"{filed:%Y-%m-%d %H:%M:%S}"), ("size", item.size),
            ("software_environment", item.folder), ("digital_summary", item.sha256),
            ("digital_summarization_algorithm", "SHA-256"), ("archival_code", item.archival_code),
            ("title", record.get("title") or case.get("case_title")),
        )  # fmt: skip
        yield f"    <directory>{''.join(element(k, v) for k, v in cells)}</directory>\n"
    yield "  </directories>\n</transfer_info>\n"


def opening_pieces(plan: TransferPlan) -> Iterator[str]:
    """开放审核意见 (档案法 art. 30): the unit's opinion on each item, with the reasons it started from."""
    yield f"{DECLARATION}<开放审核意见>\n"
    for item in plan.listed:
        o = item.opening
        cells = (
            ("档号", item.archival_code), ("题名", item.record.get("title")), ("形成年度", item.record["year"]),
            ("满25年", int(item.record["year"]) + 25), ("结论", o["decision"]), ("依据", "；".join(o["reasons"])),
            ("单位意见", o["opinion"]), ("审核人", o["reviewer"]),
        )  # fmt: skip
        yield f"  <档案>{''.join(element(k, v) for k, v in cells)}</档案>\n"
    yield "</开放审核意见>\n"
