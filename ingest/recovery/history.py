"""What the sealed event chain still tells when the ledger is lost: batches, records and what became of them, in one pass."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.ledger import natures
from ingest.model import OWED, CopyState, Receipt, State

_CLOSED = {"held_void": "void", "held_withdrawn": "withdrawn"}


@dataclasses.dataclass(slots=True)
class Told:
    """One record as its events tell it. ``copies`` is the time of the last proof by replica, ``receipts`` the columns of its
    receipts by kind."""

    batch: str = ""
    position: int = 0
    container: str | None = None
    agency: str | None = None
    source: str = ""
    delivery: str = ""
    case_no: str | None = None
    version: int | None = None
    origin: str | None = None
    content_digest: str | None = None
    natures: str = natures.GOOD
    state: str = State.LISTED.value
    receipt: tuple[int, str] | None = None
    filing: dict[str, Any] | None = None
    package: tuple[str, int] | None = None  # SHA-256 and size of what was packaged
    copies: dict[str, str] = dataclasses.field(default_factory=dict)
    receipts: dict[Receipt, dict[str, str | None]] = dataclasses.field(default_factory=dict)
    failures: int = 0
    at: str = ""

    def owe(self, kind: Receipt) -> None:
        """As the ledger does with the state that owes it: what was sent before is sent again."""
        self.receipts[kind] = {**self.receipts.get(kind, {}), "owed_at": self.at, "sent_at": None}
        if kind is Receipt.FINAL:
            self.receipt = None

    def sent(self, kind: Receipt, digest: str | None) -> None:
        self.receipts[kind] = {"owed_at": self.at, **self.receipts.get(kind, {}), "sent_at": self.at, "digest": digest}


@dataclasses.dataclass(slots=True)
class Whole:
    """A delivery of several records: its row, and that of its last word."""

    row: dict[str, Any]
    receipt: dict[str, Any]

    def sent(self, at: str, digest: str) -> None:
        self.receipt |= {"sent_at": at, "digest": digest, "attempts": 1}


class History:
    """Fold events, in their order, into what stood in the ledger's tables."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, Any]] = {}
        self.records: dict[str, Told] = {}
        self.decisions: dict[int, dict[str, Any]] = {}
        self.wholes: dict[str, Whole] = {}
        self.last_seq = 0

    def take(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            self.last_seq = int(event["seq"])
            detail = json.loads(event["detail"])
            if event["kind"] == "batch":
                self._batch(detail, event["at"])
            elif event["kind"] == "code":
                self.batches.get(detail["batch"], {}).update(code=detail["code"], contract=detail["contract"])
            elif event["kind"] == "opened" and "id" in detail:
                self._opened(detail, event["at"])
            elif event["kind"] == "receipt_sent" and "opened" in detail:
                self.wholes[detail["opened"]].sent(event["at"], detail["digest"])
            elif event["record_id"] is not None:
                self._record(event, detail)

    def _batch(self, detail: Mapping[str, Any], at: str) -> None:
        row = {"id": detail["batch"], "run_id": detail["run"], "as_of": detail["as_of"], "created_at": at,
               "code": detail.get("code"), "contract": detail.get("contract")}  # fmt: skip
        self.batches[detail["batch"]] = row
        for position, record in enumerate(detail["records"]):
            known = self.records.get(record)
            container = known.container if known else None
            self.records[record] = Told(batch=detail["batch"], position=position, at=at, container=container)

    def _opened(self, detail: Mapping[str, Any], at: str) -> None:
        self.wholes[detail["id"]] = Whole(
            {"id": detail["id"], "batch_id": detail["batch"], "agency": detail["agency"],
             "delivery": detail["delivery"], "records": len(detail["records"])},
            {"subject": detail["id"], "kind": Receipt.FINAL.value, "owed_at": at, "attempts": 0},
        )  # fmt: skip
        for record in detail["records"]:
            self.records.setdefault(record, Told()).container = detail["id"]

    def _record(self, event: Mapping[str, Any], detail: Mapping[str, Any]) -> None:
        told = self.records.setdefault(event["record_id"], Told())
        told.at = event["at"]
        told.state = detail.get("state", told.state)
        told.natures = detail.get("natures", natures.GOOD if event["kind"] == "received" else told.natures)
        if "state" in detail and event["kind"] != "acknowledged":
            for kind in OWED.get(detail["state"], ()):
                told.owe(kind)
        match event["kind"]:
            case "received":
                for name in ("agency", "source", "delivery", "case_no", "version"):
                    setattr(told, name, detail[name])
                told.content_digest, told.origin = detail.get("content"), detail.get("origin")
                if told.content_digest is not None:
                    told.owe(Receipt.RECEIVED)
            case "filed":
                told.filing = detail.get("filing", told.filing)
            case "packaged":
                told.package = detail["sha256"], detail["size"]
            case "fixity" if detail["state"] != CopyState.PROVED:
                told.copies.pop(detail["replica"], None)
            case "fixity" | "repaired":
                told.copies[detail["replica"]] = event["at"]
            case "deposited" | "copied":
                told.copies |= dict.fromkeys(detail.get("replicas", ()), event["at"])
            case "acknowledged":
                told.receipt = int(detail["receipt"]), event["at"]
                told.sent(Receipt.FINAL, detail.get("digest"))
            case "receipt_sent":
                told.sent(Receipt(detail["receipt"]), detail["digest"])
            case "failed":
                told.failures += 1
            case kind if kind.startswith("held_"):
                self._decision(event, detail)
            case "released" | "returned" if "decision" in detail:
                self._close(detail["decision"], "applied", event["at"])

    def _decision(self, event: Mapping[str, Any], detail: Mapping[str, Any]) -> None:
        if event["kind"] == "held_decision":
            self.decisions[int(event["seq"])] = {
                "id": int(event["seq"]), "record_id": event["record_id"], "action": detail["action"],
                "codes": detail["codes"], "accepted": detail.get("accepted", []), "reason": detail["reason"],
                "decided_by": detail["by"], "decided_at": event["at"], "status": detail["status"],
                "confirmed_by": None, "confirmed_at": None, "applied_at": None,
            }  # fmt: skip
        elif event["kind"] == "held_confirmed":
            known = self.decisions.get(detail["decision"], {})
            known |= {"confirmed_by": detail["by"], "confirmed_at": event["at"], "status": "decided"}
        elif event["kind"] in _CLOSED:
            self._close(detail["decision"], _CLOSED[event["kind"]], event["at"])

    def _close(self, decision: int, status: str, at: str) -> None:
        if decision in self.decisions:
            applied = None if status == "withdrawn" else at
            self.decisions[decision] |= {"status": status, "applied_at": applied}
