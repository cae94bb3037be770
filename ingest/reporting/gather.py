"""Reading a batch from the ledger for its reports: who came in, what was found, what became of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingest.checks.items import Circumstances, Stage
from ingest.checks.packages import is_archival_code
from ingest.checks.report import Part, Report, of_parts
from ingest.checks.reportform import Registration, check_report, registration
from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.ledger.tables import batch, event, record
from ingest.model import State
from ingest.settings import Agency
from sip.forms import Form

_ARCHIVED = {State.FILED, State.PACKAGED, State.DEPOSITED, State.ACKNOWLEDGED}
_WORDS = {State.ACKNOWLEDGED: "归档", State.REJECTED: "退回", State.HELD: "待人工决定", State.DUPLICATE: "重复"}


@dataclasses.dataclass(frozen=True, slots=True)
class BatchSheets:
    """The reports of one batch: the check report, and a 归档登记表 for each unit of which something was archived."""

    batch_id: str
    report: Report
    registrations: tuple[Registration, ...]

    def check_form(self) -> Form:
        return check_report(self.report)

    def registration_forms(self) -> list[Form]:
        return [registration(data) for data in self.registrations]

    def as_json(self) -> dict[str, Any]:
        """Everything that the forms show."""
        return {
            "schema": "guidang.batch-report/1.0",
            "batch": self.batch_id,
            "check_report": self.report.as_json(),
            "registrations": [
                {
                    "unit": r.unit, "category": list(r.category), "records": r.report.records, "files": r.report.files,
                    "bytes": r.report.bytes, "refused": r.refused, "held": r.held, "first_code": r.first_code,
                    "last_code": r.last_code, "by_nature": r.report.by_nature(),
                }
                for r in self.registrations
            ],
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """One record of the batch as the reports take it."""

    agency: str
    state: State
    category: str | None
    archival_code: str | None
    part: Part


def gather(ledger: Ledger, agencies: Mapping[str, Agency], batch_id: str) -> BatchSheets | None:
    """The sheets of a batch, or None where there is no such batch or nothing but duplicates came in it."""
    with ledger.read() as conn:
        as_of = conn.execute(sa.select(batch.c.as_of).where(batch.c.id == batch_id)).scalar_one_or_none()
        found = conn.execute(sa.select(record).where(record.c.batch_id == batch_id).order_by(record.c.position)).all()
        checked = set(
            conn.execute(
                sa.select(event.c.record_id)
                .join(record, record.c.id == event.c.record_id)
                .where(record.c.batch_id == batch_id, event.c.kind == "checked")
            ).scalars()
        )
    rows = [_row(dict(row._mapping), row.id in checked) for row in found]
    taken = [row for row in rows if row.state is not State.DUPLICATE]
    if as_of is None or not taken:
        return None
    at = dt.datetime.fromisoformat(as_of)
    counts = {words: sum(row.state is state for row in rows) for state, words in _WORDS.items()}
    units = sorted({row.agency for row in taken})
    head = {
        "报送单位": "、".join(_name(agencies, unit) for unit in units),
        "全宗": "、".join(dict.fromkeys(agencies[unit].fonds_no for unit in units if unit in agencies)),
        "处理结果": "，".join(f"{words} {count} 件" for words, count in counts.items() if count) or "处理中",
    }
    report = of_parts(Stage.GD, f"批次 {batch_id}", head, at, [row.part for row in taken])
    forms = [_registration(report, unit, _name(agencies, unit), rows) for unit in units]
    return BatchSheets(batch_id, report, tuple(form for form in forms if form is not None))


def _name(agencies: Mapping[str, Agency], agency: str) -> str:
    return agencies[agency].name if agency in agencies else agency


def _registration(whole: Report, agency: str, unit: str, rows: Sequence[_Row]) -> Registration | None:
    own = [row for row in rows if row.agency == agency]
    archived = [row for row in own if row.state in _ARCHIVED]
    if not archived:
        return None
    codes = sorted(row.archival_code for row in archived if row.archival_code)
    parts = [row.part for row in archived]
    report = of_parts(Stage.GD, whole.subject, {"单位名称": unit}, whole.checked_at, parts)
    return Registration(
        unit,
        sorted({row.category for row in archived if row.category}),
        report,
        whole.number,
        sum(row.state is State.REJECTED for row in own),
        sum(row.state is State.HELD for row in own),
        codes[0] if codes else "",
        codes[-1] if codes else "",
    )


def _row(row: Mapping[str, Any], checked: bool) -> _Row:
    findings = [Finding.from_json(found) for found in row["findings"]]
    code = row["archival_code"]
    if code is not None and not is_archival_code(code):
        findings.append(Finding("PAK-ARCHIVAL-CODE", params={"code": code}))
    engine = next((found.params["engine"] for found in findings if found.code == "VIR-SCANNED"), None)
    files = row["files"] or []
    part = Part(
        code or row["case_no"] or row["delivery"],
        row["title"] or "",
        len(files),
        sum(int(file["size"]) for file in files),
        findings,
        Circumstances(engine, filed=code is not None),
        checked,
    )
    return _Row(row["agency"], State(row["state"]), row["category"], code, part)
