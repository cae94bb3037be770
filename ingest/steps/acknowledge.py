"""Tell the producer what became of a delivery (回执), and empty staging."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from typing import Any

from ingest.findings import receipt_code
from ingest.model import State
from ingest.settings import Home
from ingest.sources import open_source
from ingest.steps import house
from ingest.steps.package import local_package
from ingest.steps.receive import findings_of, staged
from sip import canonical

_TEXT = {
    State.ACKNOWLEDGED: ("已归档", "archived"),
    State.DUPLICATE: ("此前已归档，未重复归档", "archived before; not archived twice"),
    State.REJECTED: ("退回：请按下列问题整改后重新报送", "rejected: mend what is listed and send again"),
}


def receipt(row: Mapping[str, Any], outcome: State) -> dict[str, Any]:
    """The receipt of one record; ``outcome`` is acknowledged, duplicate or rejected. The same record, the same receipt.

    An acknowledged ``row`` tells in ``copies`` how many proved copies were asked for before this was said.
    """
    findings = findings_of(row["findings"])
    zh, en = _TEXT[outcome]
    out: dict[str, Any] = {
        "schema": "guidang.receipt/1.0",
        "agency": row["agency"],
        "delivery": row["delivery"],
        "case_no": row["case_no"],
        "version": row["version"],
        "state": outcome.value,
        "receipt_code": receipt_code(findings) if outcome is State.REJECTED else 1,
        "receipt_description": {"zh": zh, "en": en},
        "as_of": row["as_of"],
        "findings": [f.as_json() for f in findings],
    }
    if outcome is State.ACKNOWLEDGED:
        out["archive"] = {
            "electronic_record_code": row["electronic_record_code"],
            "archival_code": row["archival_code"],
            "package_sha256": row["package_sha256"],
            "package_bytes": row["package_size"],
            "copies": row["copies"],
        }
    return out


def send(home: Home, row: Mapping[str, Any], outcome: State) -> int:
    """Hand the receipt to the source and return its code; safe to repeat. Raises SourceAway."""
    body = receipt(row, outcome)
    source = open_source(home, house.agencies(home)[row["agency"]], row["source"])
    source.acknowledge(row["delivery"], canonical.dumps(body))
    return int(body["receipt_code"])


def sweep(home: Home, batch_id: str, record_ids: set[str]) -> None:
    """Remove what killed attempts at these records left behind, and the batch's folders once they are empty."""
    for folder in (home.staging / batch_id, home.packages / batch_id):
        if not folder.is_dir():
            continue
        for attempt in folder.glob(".*-*"):
            if attempt.name[1:].partition("-")[0] not in record_ids:
                continue
            if attempt.is_dir():
                shutil.rmtree(attempt, ignore_errors=True)
            else:
                attempt.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: something in it is held
            folder.rmdir()


def clean(home: Home, row: Mapping[str, Any]) -> None:
    """Empty staging of a record that needs it no more."""
    shutil.rmtree(staged(home, row["batch_id"], row["id"]), ignore_errors=True)
    local_package(home, row["batch_id"], row["id"]).unlink(missing_ok=True)
