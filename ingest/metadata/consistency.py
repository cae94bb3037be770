"""A case against itself and against its producer: sums, numbering, references, and whose record it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata import codes
from ingest.metadata.parts import rows, section, text, whole

GROUPS = ("申报文件", "过程文件", "结果文件", "数字化副本")
_FILE_REFERENCE = re.compile(r"file:([0-9]{1,9})")


def check(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings on sums, files, agents, references, and on the agency in whose name the record stands."""
    yield from _check_totals(case)
    yield from _check_files(case)
    yield from _check_agents(case)
    yield from _check_references(case)
    yield from _check_agency(case, agency)


def _check_totals(case: Any) -> Iterator[Finding]:
    record = section(case, "record")
    files = [file for _, file in rows(case, "files")]
    sums: dict[str, int | None] = {
        "total_files": len(files),
        "total_pages": _sum(files, "pages"),
        "total_bytes": _sum(files, "size"),
    }
    for name, code in (
        ("total_files", "MET-TOTAL-FILES"), ("total_pages", "MET-TOTAL-PAGES"), ("total_bytes", "MET-TOTAL-BYTES")
    ):  # fmt: skip
        stated, actual = whole(record, name), sums[name]
        if stated is not None and actual is not None and stated != actual:
            yield Finding(code, field=f"/record/{name}", params={"stated": str(stated), "sum": str(actual)})


def _sum(files: list[Mapping[str, Any]], key: str) -> int | None:
    """The sum, or None where a file does not say: then nothing can be compared."""
    values = [whole(file, key) for file in files]
    return None if None in values else sum(value for value in values if value is not None)


def _check_files(case: Any) -> Iterator[Finding]:
    numbers: set[int] = set()
    paths: set[str] = set()
    for index, file in rows(case, "files"):
        number, path, group = whole(file, "seq"), text(file, "path"), text(file, "group")
        if number is not None:
            if number in numbers:
                yield Finding("MET-FILE-SEQ-TWICE", path=path, field=f"/files/{index}/seq")
            numbers.add(number)
        if path is None:
            continue
        digest = file.get("digest")
        if isinstance(digest, Mapping) and not any(digest.values()):
            yield Finding("MET-NO-DIGEST", path=path, field=f"/files/{index}/digest")
        if path in paths:
            yield Finding("MET-FILE-PATH-TWICE", path=path, field=f"/files/{index}/path")
        paths.add(path)
        folder, slash, _ = path.partition("/")
        if not slash or folder not in GROUPS or (group in GROUPS and folder != group):
            yield Finding("MET-FILE-FOLDER", path=path, field=f"/files/{index}/path", params={"group": str(group)})
    if numbers and numbers != set(range(1, len(numbers) + 1)):
        yield Finding("MET-FILE-SEQ-GAP", field="/files")


def _check_agents(case: Any) -> Iterator[Finding]:
    known: set[str] = set()
    for index, agent in rows(case, "agents"):
        name = text(agent, "agent_id")
        if name in known:
            yield Finding("MET-AGENT-TWICE", field=f"/agents/{index}/agent_id")
        if name is not None:
            known.add(name)
    for index, agent in rows(case, "agents"):
        if (owner := text(agent, "belongs_to")) and owner not in known:
            yield Finding("MET-AGENT-REF", field=f"/agents/{index}/belongs_to")
    for index, event in rows(case, "events"):
        if (actor := text(event, "agent_id")) and actor not in known:
            yield Finding("MET-AGENT-REF", field=f"/events/{index}/agent_id")


def _check_references(case: Any) -> Iterator[Finding]:
    known = {number for _, file in rows(case, "files") if (number := whole(file, "seq")) is not None}
    for index, event in rows(case, "events"):
        named = event.get("files")
        for step, number in enumerate(named if isinstance(named, list) else []):
            if isinstance(number, int) and number not in known:
                yield Finding("MET-FILE-REF", field=f"/events/{index}/files/{step}", params={"seq": str(number)})
    for index, relation in rows(case, "relations"):
        for end in ("from", "to"):
            match = _FILE_REFERENCE.fullmatch(text(relation, end) or "")
            if match and int(match[1]) not in known:
                yield Finding("MET-FILE-REF", field=f"/relations/{index}/{end}", params={"seq": match[1]})


def _check_agency(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    """The record belongs to the agency that delivered it (GD-1-1 of the second level: a registered, trusted source)."""
    record, body = section(case, "record"), section(case, "case")
    unit, fonds = codes.normalise(text(record, "unit_uscc") or ""), text(record, "fonds_no")
    if unit and unit != agency.get("uscc"):
        yield Finding("MET-AGENCY-MISMATCH", field="/record/unit_uscc", params={"agency": str(agency.get("id"))})
    if fonds and fonds != agency.get("fonds_no"):
        yield Finding("MET-FONDS-MISMATCH", field="/record/fonds_no", params={"agency": str(agency.get("id"))})
    implementation = codes.normalise(text(section(body, "matter"), "implementation_code") or "")
    if len(implementation) == 31 and implementation[:18] != agency.get("uscc"):
        yield Finding("MET-IMPLEMENTER", field="/case/matter/implementation_code")
    region = codes.normalise(text(body, "region_code") or "")[:6]
    home = str(agency.get("region_code", ""))[:6]
    if len(region) == 6 and home and not region.startswith(_significant(home)):
        yield Finding("MET-REGION", field="/case/region_code", params={"region": home})


def _significant(region: str) -> str:
    """The part of a region code that its districts share: 440000 → 44, 440100 → 4401."""
    if region.endswith("0000"):
        return region[:2]
    return region[:4] if region.endswith("00") else region
