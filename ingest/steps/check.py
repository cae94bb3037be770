"""Check one record: metadata, signatures, formats, package shape; all that can be checked, reported together.

Reads only staging and configuration; writes what it found beside the staged files. Runs in a worker process that may be
killed: the parsers in here meet hostile files.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.checks import CheckContext, StagingAltered
from ingest.checks import run as run_checks
from ingest.checks.engine import SignedWhole
from ingest.checks.items import sheet
from ingest.metadata import applicant, strictjson
from ingest.metadata.parts import section
from ingest.model import DIGITISED, StagedFile
from ingest.schedule import closing_date
from ingest.schedule.codes import MatterCodes
from ingest.settings import Home
from ingest.signatures import evidence
from ingest.sources.base import METADATA
from ingest.steps import house
from ingest.steps.receive import FORM, GIVEN, findings_of, origin, staged
from sip import canonical

RECORD, CHECKS, SIGNATURES, EVIDENCE = "record.json", "checks.json", "signatures.json", "evidence"


def lacks(base: Path) -> frozenset[str]:
    """What the form of a staged delivery cannot carry, as receive left it; nothing for our own case.json."""
    form = base / FORM
    return frozenset(strictjson.loads(form.read_bytes())["lacks"]) if form.exists() else frozenset()


def scans(base: Path) -> bool:
    """Whether a staged delivery is the scans of a traditional archive, as its profile said."""
    return origin(base) == DIGITISED


def whole(base: Path) -> SignedWhole | None:
    """The delivery itself, kept whole where it carries its own signature, as receive left it."""
    form = base / FORM
    said = strictjson.loads(form.read_bytes()).get("signed") if form.exists() else None
    if said is None:
        return None
    kept = base / GIVEN / said["path"].rpartition("/")[2]
    return SignedWhole(said["name"], said["path"], kept, said["size"], said["sha256"])


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side of the check stage; ``job`` is the record's ledger row."""
    base = staged(home, job["batch_id"], job["id"])
    files = [StagedFile.from_json(f) for f in job["files"]]
    context = CheckContext(
        as_of=dt.datetime.fromisoformat(job["as_of"]),
        agency=house.agencies(home)[job["agency"]].raw,
        trust=house.trust(home),
        prior=findings_of(job["findings"]),
        scanner=house.scanner(),
        decisions=[d for d in job["decisions"] or () if d["content"] == job["content_digest"]],
        lacks=lacks(base),
        whole=whole(base),
        scans=scans(base),
    )
    try:
        report = run_checks(strictjson.loads((base / METADATA).read_bytes()), files, base, context)
    except (StagingAltered, FileNotFoundError) as e:
        return {"staging_lost": str(e)}
    findings = [f.as_json() for f in report.findings]
    scheme = sheet()
    # written in place: until the ledger says "checked" nobody reads them, and whoever checks again writes them all again
    (base / RECORD).write_bytes(canonical.dumps(report.record))
    (base / CHECKS).write_bytes(
        canonical.dumps({"schema": "guidang.checks/1.0", "as_of": job["as_of"], "stage": "归档", "standard": scheme["standard"],
                         "scheme_version": scheme["version"], "scanner": report.circumstances.engine,
                         "items": report.items, "findings": findings}),
    )  # fmt: skip
    (base / SIGNATURES).write_bytes(
        canonical.dumps(evidence.summary(report.signatures, context.trust, job["as_of"])),
    )  # fmt: skip
    shutil.rmtree(base / EVIDENCE, ignore_errors=True)  # of an earlier check, perhaps against other trust
    (base / EVIDENCE).mkdir()
    for name, data in report.evidence.items():
        (base / EVIDENCE / name).write_bytes(data)
    about = _about(report.record) | applicant.columns(report.record, house.applicant_key(home))
    return {"findings": findings, "about": about}


def _about(record: Mapping[str, Any]) -> dict[str, Any]:
    """What lists tell of a record that may never be filed: its title, its 实施编码 and the day on which the case was closed."""
    title, closed = record.get("record", {}).get("title"), closing_date(record)
    codes = MatterCodes.of(section(section(record, "case"), "matter"))
    return {
        "title": title if isinstance(title, str) else None,
        "matter_code": codes.implementation if codes.well_formed else None,
        "closed_on": closed.isoformat() if closed else None,
    }
