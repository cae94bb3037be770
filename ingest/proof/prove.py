"""Verify one record now: every part in a process that may be killed, the outcome kept in the ledger with its event.

The looking itself changes nothing in the archive. What is kept is what was seen: the document with all its evidence, one event
that carries the document's digest, and for each copy that was read what the nightly audit would have noted.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.alerts import Alarm, settle
from ingest.ledger import Ledger, copies, verifications
from ingest.model import CopyState
from ingest.proof import subject
from ingest.proof.evidence import Evidence, Outcome, Part, worst
from ingest.proof.parts import PARTS
from ingest.proof.progress import Progress
from ingest.proof.subject import Subject
from ingest.settings import Home
from ingest.signatures.apart import Apart, Lost
from sip import canonical

SCHEMA = "guidang.verification/1.0"
_EVENTS_A_SECOND = 2_000  # slower than any machine here walks the chain


def prove(
    home: Home, ledger: Ledger, record_id: str, by: str, notes: Path | None = None, *, token: str | None = None
) -> dict[str, Any]:
    """The document of the verification, as it is kept. ``by`` asked for it; ``notes`` is told of the progress; ``token`` names it.

    Raises KeyError where there is no such record, ConfigError where the store is not configured.
    """
    started = dt.datetime.now(dt.UTC)
    with ledger.read() as conn:
        about = subject.load(conn, record_id)
    told: dict[Part, list[Evidence]] = {}
    found: list[dict[str, Any]] = []
    states: Mapping[str, Any] = {}
    end: Mapping[str, Any] = {}
    with Apart(_seconds(home, about)) as apart:  # after a part that was lost, the others have a new process
        for part, work in PARTS.items():
            Progress(notes).tell(part.value, now=True)
            try:
                out = apart.run(work, home.root, record_id, notes, found)
            except Lost as e:
                told[part] = [_lost(e)]
                continue
            told[part] = [Evidence.from_json(e) for e in out["evidence"]]
            found, states, end = out.get("found", found), out.get("states", states), out.get("chain", end)
    document = _document(token or secrets.token_hex(16), about, by, started, told, found, end)
    _keep(ledger, about, document, states)
    _tell(home, document)
    return document


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the document in canonical form: what the certificate carries."""
    return hashlib.sha256(canonical.dumps(document)).hexdigest()


def evidence_of(document: Mapping[str, Any]) -> dict[Part, list[Evidence]]:
    """The evidence of a document by part, in their order."""
    return {Part(p["part"]): [Evidence.from_json(e) for e in p["evidence"]] for p in document["parts"]}


def _seconds(home: Home, about: Subject) -> float:
    size = sum(int(c["size"]) for c in about.copies)
    events = int(about.events[-1]["seq"]) if about.events else 0
    return 2 * home.limits.seconds(2 * size) + events / _EVENTS_A_SECOND


def _lost(error: Lost) -> Evidence:
    return Evidence(Outcome.UNKNOWN, "NOT-JUDGED", "核验进程被终止，此部分没有结论",
                    "The judging process was ended: no verdict on this part", found=str(error))  # fmt: skip


def _document(
    token: str, about: Subject, by: str, started: dt.datetime, told: Mapping[Part, list[Evidence]],
    found: list[dict[str, Any]], end: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    parts: list[dict[str, Any]] = [
        {
            "part": part.value,
            "outcome": worst(e.outcome for e in evidence).value,
            "evidence": [e.as_json() for e in evidence],
        }
        for part, evidence in told.items()
    ]
    packaged = about.packaged
    return {
        "schema": SCHEMA, "id": token, "record": about.row["id"], "agency": about.row["agency"], "key": about.key,
        "archival_code": about.row["archival_code"], "electronic_record_code": about.row["electronic_record_code"],
        "package_sha256": packaged[0] if packaged else about.row["package_sha256"],
        "package_bytes": packaged[1] if packaged else about.row["package_size"],
        "by": by, "started_at": _moment(started), "finished_at": _moment(dt.datetime.now(dt.UTC)),
        "outcome": worst(Outcome(p["outcome"]) for p in parts).value, "chain": dict(end), "bytes": found, "parts": parts,
    }  # fmt: skip


def _moment(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")


def _keep(ledger: Ledger, about: Subject, document: dict[str, Any], states: Mapping[str, Any]) -> None:
    """The document, its event, and what was seen of the copies, in one transaction."""
    wrong = sorted({e["code"] for p in document["parts"] for e in p["evidence"] if e["outcome"] == Outcome.BAD})
    record_id = str(about.row["id"])
    with ledger.begin() as tx:
        for row in about.copies:
            seen = states.get(str(row["replica"]))
            if seen is None:
                continue
            key, replica = str(row["object_key"]), str(row["replica"])
            copies.verified(tx, key, replica, CopyState(seen["state"]))
            detail = {"key": key, "replica": replica, "state": seen["state"], "bytes": row["size"]}
            if seen["findings"]:
                detail["findings"] = seen["findings"]
            tx.chain.append("fixity", record_id, detail)
        sealed = digest(document)
        seq = tx.chain.append("verified", record_id, {
            "verification": document["id"], "digest": sealed, "outcome": document["outcome"], "key": document["key"],
            "by": document["by"], "codes": wrong,
        })  # fmt: skip
        verifications.enter(tx, document["id"], record_id, document["by"], document["outcome"], sealed, seq,
                            canonical.dumps(document).decode())  # fmt: skip


def _tell(home: Home, document: Mapping[str, Any]) -> None:
    """What is wrong is told to people; a later proof that finds nothing ends it."""
    lines = [
        f"{e['code']}  {e['where']}: {e['zh']} / {e['en']}"
        for p in document["parts"] for e in p["evidence"] if e["outcome"] == Outcome.BAD
    ]  # fmt: skip
    key = str(document["key"])
    alarms = [Alarm("PROOF-FAILED", key, [str(document["id"]), *lines[:50]])] if lines else []
    settle(home, ["PROOF-FAILED"], alarms, dt.datetime.now(dt.UTC), subject=key)
