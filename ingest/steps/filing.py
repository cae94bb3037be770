"""File one record: the schedule decides its class and retention, the ledger's sequences give its numbers, once for ever."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from ingest.findings import Finding
from ingest.ledger import Transaction
from ingest.model import State
from ingest.schedule import Match, NoMatch, ScheduleSet, assign, terms
from ingest.settings import Agency, Home
from ingest.steps import check
from ingest.steps.receive import findings_of, staged


def load(home: Home, row: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical record as the check stage left it in staging. Raises OSError when staging has lost it."""
    data: dict[str, Any] = json.loads((staged(home, row["batch_id"], row["id"]) / check.RECORD).read_bytes())
    return data


def match(schedules: ScheduleSet, record: Mapping[str, Any], agency: Agency, as_of: dt.datetime) -> Match | NoMatch:
    """The entry that files a record of this agency on a night of this logical time."""
    return schedules.match(record, agency.fonds_no, as_of=as_of, scheme=agency.raw.get("matter_type_scheme"))


def file_record(
    tx: Transaction, schedules: ScheduleSet, row: Mapping[str, Any], record: dict[str, Any], agency: Agency
) -> State:
    """File ``record`` within ``tx``; a case that has its numbers keeps them in every later version."""
    if tx.state_of(row["id"]) is not State.CHECKED:
        return tx.state_of(row["id"])  # another run was faster: no number may be drawn for nothing
    findings = findings_of(row["findings"])
    filing = tx.number_of(row["agency"], row["case_no"])
    if filing is None:
        answer = match(schedules, record, agency, dt.datetime.fromisoformat(row["as_of"]))
        findings += answer.findings
        if isinstance(answer, NoMatch):
            return _settle(tx, row, State.HELD, findings)
        filing = assign(answer, record, tx.next_serial).as_json()
        tx.give_number(row["agency"], row["case_no"], filing)
    return _settle(tx, row, State.FILED, findings, filing=filing, **_columns(filing, agency))


def _columns(filing: Mapping[str, Any], agency: Agency) -> dict[str, Any]:
    """What lists of records ask for, apart from the filing's JSON."""
    days = terms.days(filing["year"], filing["retention_code"], agency.raw.get("transfer_level"))
    names = ("fonds_no", "category", "year", "retention_code", "electronic_record_code", "archival_code")
    return {name: filing[name] for name in names} | {
        name: days[name] for name in ("retention_end", "open_due", "transfer_due")
    }


def _settle(tx: Transaction, row: Mapping[str, Any], after: State, findings: list[Finding], **columns: Any) -> State:
    detail = {"codes": sorted({f.code for f in findings})}
    if "filing" in columns:
        detail["filing"] = columns["filing"]
    tx.move(row["id"], [State.CHECKED], after, "filed", detail, findings=[f.as_json() for f in findings], **columns)
    return after
