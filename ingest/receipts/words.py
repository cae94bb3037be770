"""What a receipt says: its words stand in ``schemas/receipts``, its facts in the record's row of the ledger."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from ingest.findings import Finding, Severity, receipt_code
from ingest.model import Receipt, State
from ingest.paths import SCHEMAS

Row = Mapping[str, Any]
SCHEMA = "guidang.receipt/1.0"
_SAYS_ACCEPTED = "accepted"
_ACCEPTED = (State.FILED, State.PACKAGED, State.DEPOSITED, State.ACKNOWLEDGED)


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What a receipt tells beyond its record's row: of a delivery that came twice the record of the first, and how many proved
    copies of what is archived were asked for and are there (0: not yet)."""

    copies: int = 0
    original: Row | None = None


def receipt(row: Row, kind: Receipt, beside: Beside = Beside()) -> dict[str, Any] | None:
    """One receipt of a record as it stands, or None where there is nothing to say yet. The same record, the same receipt.

    Codes 1–6 are given once all is decided: 1 archived, 2–6 why not. Before that the code is null: no reader can take
    "received" for "archived".
    """
    if kind is Receipt.RECEIVED:
        return _head(row, kind, "received") | {"received": _amounts(row)}
    outcome = _outcome(row, kind, beside)
    if outcome is None:
        return None
    rejected, last = outcome == State.REJECTED, kind is Receipt.FINAL
    about = beside.original if last and beside.original is not None else row
    findings = [Finding.from_json(f) for f in (about if rejected else row)["findings"]]
    out = _head(row, kind, outcome, beside.copies) | {"findings": [_told(f) for f in findings]}
    if rejected:
        out["receipt_code"] = receipt_code(findings)
    elif last:
        out["receipt_code"] = 1
    if outcome == _SAYS_ACCEPTED or (last and not rejected):
        out["archive"] = _archive(about, beside.copies if last else 0)
    if beside.original is not None:
        out["first_delivery"] = beside.original["delivery"]
    if last:
        out["safe_to_delete"] = not rejected
    return out


def whole(row: Row) -> dict[str, Any]:
    """The last word on a delivery of several records (``row["parts"]``, all answered): what became of each. Its code is 1 where all
    are archived, else that of the first that is not."""
    parts = row["parts"]
    said = _words()["says"]["answered"]
    codes = [part["receipt_code"] for part in parts]
    names = ("delivery", "case_no", "version", "state", "receipt_code", "electronic_record_code", "archival_code")
    return {
        "schema": SCHEMA,
        "receipt": Receipt.FINAL.value,
        "agency": row["agency"],
        "delivery": row["delivery"],
        "state": "answered",
        "receipt_code": next((code for code in codes if code != 1), 1),
        "receipt_description": {lang: said[lang].format(records=len(parts)) for lang in ("zh", "en")},
        "as_of": max(part["as_of"] for part in parts),
        "records": [{name: part[name] for name in names} for part in parts],
        "safe_to_delete": all(code == 1 for code in codes),
    }


def _outcome(row: Row, kind: Receipt, beside: Beside) -> str | None:
    """The state that a receipt tells: for the last one a final state of the record."""
    state = State(row["state"])
    if state is State.REJECTED:
        return state.value
    if state is State.DUPLICATE:
        return _repeated(kind, beside)
    if kind is Receipt.FINAL:
        return State.ACKNOWLEDGED.value if state is State.DEPOSITED and beside.copies else None
    if state is State.HELD:
        return state.value
    return _SAYS_ACCEPTED if state in _ACCEPTED else None


def _repeated(kind: Receipt, beside: Beside) -> str | None:
    """Of the same content delivered twice: at last what became of the first."""
    if kind is Receipt.EXAMINED:
        return "repeated"
    first = beside.original["state"] if beside.original else None
    if first == State.ACKNOWLEDGED and beside.copies:
        return State.DUPLICATE.value
    return State.REJECTED.value if first == State.REJECTED else None


def _head(row: Row, kind: Receipt, says: str, copies: int = 0) -> dict[str, Any]:
    words = _words()["says"][says]
    return {
        "schema": SCHEMA,
        "receipt": kind.value,
        "agency": row["agency"],
        "delivery": row["delivery"],
        "case_no": row["case_no"],
        "version": row["version"],
        "state": says,
        "receipt_code": None,
        "receipt_description": {lang: words[lang].format(copies=copies) for lang in ("zh", "en")},
        "as_of": row["received_as_of"] or row["as_of"] if kind is Receipt.RECEIVED else row["as_of"],
    }


def _amounts(row: Row) -> dict[str, Any]:
    files = row["files"] or []
    return {"files": len(files), "bytes": sum(f["size"] for f in files), "content_digest": row["content_digest"]}


def _archive(row: Row, copies: int) -> dict[str, Any]:
    out: dict[str, Any] = {name: row[name] for name in ("electronic_record_code", "archival_code")}
    if copies:
        out |= {"package_sha256": row["package_sha256"], "package_bytes": row["package_size"], "copies": copies}
    return out


def _told(finding: Finding) -> dict[str, Any]:
    """A finding with the file and field that it means; what rejected says what to mend."""
    out = finding.as_json()
    if finding.weight is Severity.REJECT:
        out["mend"] = mend(finding.code)
    return out


def mend(code: str) -> dict[str, str]:
    """What a producer does about a rejecting finding: ``{"zh", "en"}``."""
    entry = next(e for e in _words()["mend"] if any(fnmatchcase(code, pattern) for pattern in e["codes"]))
    return {"zh": entry["zh"], "en": entry["en"]}


@cache
def _words() -> dict[str, Any]:
    out: dict[str, Any] = json.loads((SCHEMAS / "receipts" / "receipts.json").read_text("utf-8"))
    return out
