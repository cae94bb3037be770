"""Writing a transfer package: the tree of DA/T 93 from archived packages, in one pass, as one deterministic BagIt bag."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sip import canonical
from sip.baginfo import TRANSFER_PROFILE_ID
from sip.package import PackagePlan, PackageResult, PayloadFile, write_package
from sip.transfer import handover, texts, tree
from sip.transfer.archived import SCHEMA
from sip.transfer.plan import Item, Totals, TransferPlan, catalogue, totals
from sip.transfer.source import SourceStream
from sip.transfer.texts import CatalogueLine
from sip.xmltext import moment


def write_transfer(dest: BinaryIO | Path, plan: TransferPlan) -> PackageResult:
    """Write the transfer package; same plan, same bytes. ValueError: no sound plan (no items, two of one 档号). Raises
    `sip.transfer.source.SourceAltered` and `sip.package.FixityError` where an archived package is not what it was."""
    lines = catalogue(plan)
    if not lines:
        raise ValueError("a transfer without items")
    payload = [f for item in plan.items for f in _files(item)]
    content = totals(plan)
    payload += [
        _made(tree.NOTE, texts.note(_note(plan, lines))),
        _made(tree.CATALOGUE, "".join(texts.catalogue_pieces(lines)).encode()),
        _made(tree.HANDOVER, "".join(handover.pieces(plan, lines, content)).encode()),
        _made(tree.OPENING, "".join(handover.opening_pieces(plan)).encode()),
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


def claims(plan: TransferPlan, content: Totals) -> dict[str, Any]:
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
