"""Wrap one filed record in its BagIt package: the same record gives the same bytes, whenever and wherever it is done."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.model import CST, DIGITISED, Filing, StagedFile
from ingest.schedule import terms
from ingest.settings import Agency, Home
from ingest.steps import check, house
from ingest.steps.receive import FORM, GIVEN, findings_of, staged
from sip import canonical, jsonstream, premis, xml, xmltext
from sip.archived import measured
from sip.jsonstream import Rows
from sip.package import FixityError, PackagePlan, PayloadFile, publish, write_package

# The written form of a package, not the release: after an upgrade in the middle of a night the same record must still give
# the same bytes. Raised only when the form itself changes.
PACKAGE_FORM = "1.0"


def local_package(home: Home, batch_id: str, record_id: str) -> Path:
    """Where a record's package waits for its deposit."""
    return home.packages / batch_id / f"{record_id}.zip"


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side of the package stage; ``job`` is the record's ledger row (its ``files`` are used up)."""
    base = staged(home, job["batch_id"], job["id"])
    final = local_package(home, job["batch_id"], job["id"])
    final.parent.mkdir(parents=True, exist_ok=True)
    attempt = final.with_name(f".{job['id']}-{os.getpid()}.attempt")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{job['id']}-", dir=final.parent) as scratch:
            result = write_package(attempt, plan(job, base, house.agencies(home)[job["agency"]], Path(scratch)))
        publish(attempt, final)
    except (FixityError, FileNotFoundError, jsonstream.BadJson) as e:
        return {"staging_lost": str(e)}
    finally:
        attempt.unlink(missing_ok=True)
    return {"sha256": result.sha256, "size": result.size, "payload_bytes": result.payload_bytes,
            "key": object_key(Filing.from_json(job["filing"]), job["version"])}  # fmt: skip


def plan(job: Mapping[str, Any], base: Path, agency: Agency, scratch: Path) -> PackagePlan:
    """What goes into the package of a record whose staging folder is ``base``.

    A record of very many files is never held whole: its documents are written to ``scratch`` file by file, with the same
    bytes as they would have from memory. Uses up ``job["files"]``.
    """
    filing = Filing.from_json(job["filing"])
    as_of = dt.datetime.fromisoformat(job["as_of"])
    large = (base / check.RECORD).stat().st_size > _IN_MEMORY
    rest, files = _record(base / check.RECORD, large)
    rest = archived_record(rest, filing, agency, as_of)
    described = {**rest, "files": files.each(measured) if isinstance(files, Rows) else [measured(f) for f in files]}
    agents = (
        premis.Agent(agency.uscc, agency.name, "organization"),
        premis.Agent("guidang", "Guidang 归档", "software", PACKAGE_FORM),
    )
    documents = {
        "base_info.xml": xml.base_info_pieces(described),
        "process_info.xml": xml.process_info_pieces(described),
        "premis.xml": premis.pieces(described, [*_origin(job, rest), *_history(job, filing, as_of)], *agents),
    }
    tags: dict[str, bytes | Path] = {
        "filing.json": canonical.dumps({"schema": "guidang.filing/1.0", **filing.as_json()}),
        "checks.json": _small_or_path(base / check.CHECKS),
        "signatures.json": _small_or_path(base / check.SIGNATURES),
    }
    if large:
        tags |= {name: xmltext.render_to(scratch / name, pieces) for name, pieces in documents.items()}
        with (scratch / "record.json").open("wb") as out:
            out.writelines(canonical.pieces(rest, "files", files))
        tags["record.json"] = scratch / "record.json"
    else:
        tags |= {name: xmltext.render(pieces) for name, pieces in documents.items()}
        tags["record.json"] = canonical.dumps({**rest, "files": files})
    for item in sorted((base / check.EVIDENCE).iterdir()):
        tags[f"{check.EVIDENCE}/{item.name}"] = item.read_bytes()
    if (base / GIVEN).is_dir():  # delivered in another form than case.json: its metadata as given
        _as_received(base)
        for item in sorted((base / GIVEN).iterdir()):
            tags[f"as_given/{item.name}"] = _small_or_path(item)
        tags["as_given/form.json"] = (base / FORM).read_bytes()
    return PackagePlan(
        identifier=filing.electronic_record_code,
        version=job["version"],
        as_of=as_of,
        payload=_payload(job["files"], base),
        tags=tags,
        bag_info=[
            ("Source-Organization", agency.name),
            ("Bag-Group-Identifier", f"{filing.fonds_no}/{filing.category}/{filing.year}"),
            ("Internal-Sender-Identifier", job["case_no"]),
            ("External-Description", str(rest["record"].get("title", ""))),
        ],
    )


_IN_MEMORY = 4 << 20  # bytes of a document; beyond, it goes by way of the disk


def _record(path: Path, large: bool) -> tuple[dict[str, Any], list[Any] | Rows]:
    """The record as the check stage left it, and its files."""
    if large:
        return jsonstream.load(path, "files")
    rest = json.loads(path.read_bytes())
    return rest, rest.pop("files")


def _small_or_path(path: Path) -> bytes | Path:
    return path if path.stat().st_size > _IN_MEMORY else path.read_bytes()


def _as_received(base: Path) -> None:
    """Raises FixityError where a delivery kept whole for its signature is not the one that was received: it could never be
    verified again."""
    if (whole := check.whole(base)) is not None:
        with whole.file.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != whole.sha256:
                raise FixityError(whole.path, "SHA-256")


def _payload(files: list[dict[str, Any]], base: Path) -> list[PayloadFile]:
    """The plan's payload; takes the rows one by one out of ``files``, so that a hundred thousand are not there twice."""
    out = []
    while files:
        f = StagedFile.from_json(files.pop())
        out.append(PayloadFile(f.path, f"{base}/{f.staged}", f.size, f.sha256, f.sm3, f.crc32))
    return out


def _origin(job: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[premis.Event]:
    """Where the content came from, of what was never born digital: by whom and when it was scanned, as the catalogue says."""
    if job.get("origin") == DIGITISED:
        about = record["record"]
        day = dt.date.fromisoformat(about["digitised_on"])
        yield premis.Event("digitised", dt.datetime.combine(day, dt.time(), CST), detail="传统载体档案数字化（扫描）",
                           note=str(about.get("digitised_by") or ""))  # fmt: skip


def _history(job: Mapping[str, Any], filing: Filing, as_of: dt.datetime) -> list[premis.Event]:
    """What the archive did to the record, for PREMIS; all at the night's logical time, so that bytes repeat."""
    remarks = sorted({f.code for f in findings_of(job["findings"])})
    received = dt.datetime.fromisoformat(job["received_as_of"] or job["as_of"])
    return [
        premis.Event("receive", received, detail="逐字节接收，计算 SHA-256 与 SM3", note=job["content_digest"]),
        premis.Event(
            "check", as_of, "warning" if remarks else "success", "DA/T 70-2018 归档环节四性检测", " ".join(remarks)
        ),
        *_decisions(job),
        premis.Event("file", as_of, detail=filing.why, note=filing.archival_code),
        premis.Event("package", as_of, detail="BagIt 1.0 (RFC 8493)"),
    ]


def _terms(filing: Filing, agency: Agency) -> dict[str, str | None]:
    return terms.days(filing.year, filing.retention_code, agency.raw.get("transfer_level"))


def _decisions(job: Mapping[str, Any]) -> Iterator[premis.Event]:
    """What people decided while the record was held; the record then went on, so each decision is part of its story."""
    for decision in job["decisions"] or ():
        people = "、".join(name for name in (decision["decided_by"], decision["confirmed_by"]) if name)
        yield premis.Event(
            "decision", dt.datetime.fromisoformat(decision["decided_at"]), detail=f"待定件核定：{decision['action']}",
            note=f"{people}：{decision['reason']}",
        )  # fmt: skip


def archived_record(record: dict[str, Any], filing: Filing, agency: Agency, as_of: dt.datetime) -> dict[str, Any]:
    """The canonical record with what archiving adds: its numbers, class, retention and the schedule's entry."""
    category, _, class2 = filing.category.partition("·")
    given = record.get("record", {})
    ours = {
        "aggregation_level": "文件",
        "electronic_record_code": filing.electronic_record_code,
        "archival_code": filing.archival_code,
        "fonds_no": filing.fonds_no,
        "fonds_name": agency.fonds_name if filing.fonds_no == agency.fonds_no else filing.fonds_name,
        "fonds_unit": agency.name,
        "unit_uscc": agency.uscc,
        "category_code": category,
        "class2": class2,
        "year": filing.year,
        "retention_code": filing.retention_code,
        "retention": retention_text(filing.retention_code),
        "org_code": filing.org_code,
        "schedule": {
            "schedule_id": filing.schedule_id,
            "version": filing.schedule_version,
            "entry_no": filing.entry_no,
            "matched_by": filing.matched_by,
        },
        "open_control": _opening(filing),
        "filed_at": as_of.isoformat(),
    }
    # what the producer said of these itself (its own 档号, another retention) is kept beside what now holds
    before = {key: given[key] for key in ours if key in given and given[key] != ours[key]}
    record["record"] = given | ours | ({"as_delivered": before} if before else {})
    return record


def _opening(filing: Filing) -> dict[str, Any]:
    """The proposal for the 开放审核 at transfer, with what it rests on and what the unit itself said."""
    out: dict[str, Any] = {"decision": filing.open_control, "open_due": terms.open_due(filing.year).isoformat()}
    if filing.open_reasons:
        out["reason"] = "；".join(filing.open_reasons)
    if filing.unit_opinion:
        out["unit_opinion"] = dict(filing.unit_opinion)
    return out


def retention_text(code: str) -> str:
    """``Y`` → 永久, ``D30`` → 定期30年."""
    return "永久" if code == "Y" else f"定期{code[1:]}年"


def object_key(filing: Filing, version: int) -> str:
    """``<fonds>/<category>/<year>/<电子文件号>/v<n>.zip``; ASCII only, so that every tool can name it."""
    category = filing.category.replace("·", "-")
    return f"{filing.fonds_no}/{category}/{filing.year}/{filing.electronic_record_code}/v{version}.zip"
