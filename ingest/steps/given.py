"""Filing of what has its 档号 already: scans of traditional archives keep the number, class and term that their archives gave them.

Nothing is renumbered (docs/decisions/0023). The number must be nobody else's, our own sequences step over it, and class and term
are held against the schedule in force, where the fonds has one. Only the 电子文件号 is new.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.findings import Finding, Severity
from ingest.ledger import Transaction
from ingest.metadata import codes
from ingest.metadata.parts import section, text
from ingest.model import CST, Filing
from ingest.schedule import Schedule, ScheduleSet, numbers
from ingest.schedule.codes import region
from ingest.schedule.model import retention_words
from ingest.schedule.opening import stricter, unit_opinion
from ingest.settings import Agency

MATCHED_BY = "given"


def file_given(
    tx: Transaction, schedules: ScheduleSet, terms: Sequence[str], row: Mapping[str, Any], record: Mapping[str, Any],
    agency: Agency, taken: Mapping[str, tuple[str, str]],
) -> tuple[Filing | None, list[Finding]]:  # fmt: skip
    """The filing of a digitised record under its own numbers, or None where a finding holds it.

    ``taken`` are the 档号 given in this transaction and not yet in the ledger, each with its (agency, case number). Draws the
    电子文件号 from its sequence and lifts that of the 档号, so that it is never given to another.
    """
    about = section(record, "record")
    code = text(about, "archival_code") or ""
    findings: list[Finding] = []
    owner = taken.get(code) or tx.owner_of(code)
    if owner is not None and owner != (row["agency"], row["case_no"]):
        findings.append(Finding("FIL-CODE-TAKEN", params={"agency": owner[0], "case_no": owner[1]}))
    category, retention, year = _class(about), str(about["retention_code"]), int(about["year"])
    fonds_no, org = str(about["fonds_no"]), text(about, "org_code")
    day = dt.datetime.fromisoformat(row["as_of"]).astimezone(CST).date()
    schedule = schedules.in_force(fonds_no, day)
    findings += _against(schedule, fonds_no, category, retention)
    place = region(text(section(record, "case"), "region_code"))
    if place is None:
        findings.append(Finding("FIL-REGION", field="/case/region_code", params={"code": agency.region_code}))
    accepted = _accepted(findings, row)
    if place is None or any(f.weight is Severity.HOLD for f in accepted):
        return None, accepted
    opening = stricter("open", ("传统载体档案的开放由开放审核决定",), record, terms)
    electronic = (place, fonds_no, numbers.class_part(category), year, retention)
    serial = tx.next_serial(numbers.electronic_scope(*electronic))
    filing = Filing(
        schedule_id=schedule.schedule_id if schedule else "",
        schedule_version=schedule.version if schedule else "",
        entry_no="",
        fonds_no=fonds_no,
        category=category,
        year=year,
        retention_code=retention,
        org_code=org,
        matched_by=MATCHED_BY,
        why="档号、类别与保管期限为传统载体档案原有，照用",
        open_control=opening.decision,
        access_control=text(about, "access_control") or "",
        electronic_record_code=numbers.electronic_record_code(*electronic, serial),
        archival_code=code,
        fonds_name=schedule.fonds_name if schedule else agency.fonds_name,
        schedule_digest=schedule.digest if schedule else "",
        open_reasons=opening.reasons,
        unit_opinion=unit_opinion(record),
    )
    for scope, item in numbers.scopes_of(filing.electronic_record_code, code)[1:]:
        tx.lift(scope, item)
    return filing, accepted


def _class(about: Mapping[str, Any]) -> str:
    return codes.normalise_archival(str(about["category_code"]))


def _against(schedule: Schedule | None, fonds_no: str, category: str, retention: str) -> list[Finding]:
    """Class and term against the version in force: a class that it does not know is remarked, another term is for a person."""
    if schedule is None:
        return [Finding("FIL-GIVEN-NO-SCHEDULE", params={"fonds": fonds_no})]
    told = {"schedule": schedule.name, "category": category}
    if category not in {c.path for c in schedule.categories}:
        return [Finding("FIL-GIVEN-CLASS", params=told)]
    known = sorted({e.retention_code for e in schedule.entries if e.category_path == category and e.retention_code})
    if known and retention not in known:
        words = "、".join(map(retention_words, known))
        return [Finding("FIL-GIVEN-RETENTION", params=told | {"retention": retention_words(retention), "known": words})]
    return []


def _accepted(findings: list[Finding], row: Mapping[str, Any]) -> list[Finding]:
    from ingest.checks.accepted import soften

    return soften(findings, [d for d in row["decisions"] or () if d["content"] == row["content_digest"]])
