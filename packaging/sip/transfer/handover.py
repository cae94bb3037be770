"""交接单据: what is handed over, for machines in the deployed XML form and as one neutral document from which the registers are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sip.transfer.plan import Totals, TransferPlan
from sip.transfer.texts import CatalogueLine
from sip.xmltext import DECLARATION, element, moment

SCHEMA = "guidang.transfer-handover/1.0"


def document(
    plan: TransferPlan, lines: Sequence[CatalogueLine], content: Totals, package: Mapping[str, Any]
) -> dict[str, Any]:
    """The handover as data, beside the package because it names its digests. ``package``: {"file", "bytes", "sha256", "sm3"}."""
    return {
        "schema": SCHEMA,
        "transfer": plan.identifier,
        "as_of": plan.as_of.isoformat(),
        "sender": dict(plan.sender),
        "description": plan.description,
        "environment": plan.environment,
        "package": dict(package),
        "records": len(lines),
        "files": content.files,
        "bytes": content.bytes,
        "earlier_versions": sum(i.earlier for i in plan.items),
        "items": [
            {
                "number": line.number, "archival_code": line.archival_code,
                "electronic_record_code": str(item.record["electronic_record_code"]),
                "document_no": (item.source.record.get("case", {}).get("result") or {}).get("result_no") or "",
                "author": line.author, "title": line.title, "date": line.date, "retention": line.retention,
                "security": line.security, "pages": line.pages, "remark": line.remark, "folder": item.folder,
                "package_sha256": item.sha256, "package_bytes": item.size, "opening": dict(item.opening),
                "year": item.record["year"],
            }
            for line, item in zip(lines, plan.listed, strict=True)
        ],
    }  # fmt: skip


def pieces(plan: TransferPlan, lines: Sequence[CatalogueLine], content: Totals) -> Iterator[str]:
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
