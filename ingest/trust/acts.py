"""Adding to and removing from a home's trust store. Each act is an event in the ledger's chain, and only there is it told who
did it, when, from where and what for.

Files and ledger cannot change in one step. So whatever is believed has its event first: adding commits the event and then
writes the file; removing deletes the file and then commits the event. Whoever dies in between leaves a difference that ``trust
check`` names (``missing``), and never a certificate that is believed and nobody added.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import sqlalchemy as sa

from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import event
from ingest.signatures import keeping
from ingest.signatures.keeping import Act, History, Planned
from ingest.signatures.trust import TrustError

ADDED, REMOVED = "trust_added", "trust_removed"


def add(
    folder: Path, ledger: Ledger, data: bytes, *, kind: str | None, by: str, source: str, at: dt.datetime, purpose: str = ""
) -> list[Planned]:  # fmt: skip
    """Put what ``data`` holds into the store at ``folder``, as `keeping.plan` allows; TrustError when it does not."""
    planned = keeping.plan(folder, data, kind=kind, at=at, history=history(ledger))
    with ledger.begin() as tx:
        for one in planned:
            for old in one.replaces:
                _note(tx, REMOVED, "crl", old, one.name, by, f"replaced by {one.entry.sha256}")
            _note(tx, ADDED, one.kind, one.entry, one.name, by, source, purpose)
    for one in planned:
        keeping.place(folder, one)
    return planned


def remove(folder: Path, ledger: Ledger, sha256: str, *, by: str, reason: str) -> tuple[str, str, str]:
    """Take out the one entry whose SHA-256 begins with ``sha256``; returns its kind, SHA-256 and name. An entry that is
    recorded but whose file is gone is recorded as removed. TrustError when there is no such entry, or several."""
    found = {entry.sha256: (kind, entry) for kind, entry in keeping.find(folder, sha256)}
    recorded = {d: act for d, act in history(ledger).items() if act.present and d.startswith(sha256.lower())}
    if len({*found, *recorded}) != 1:
        raise TrustError(f"{len({*found, *recorded})} 个条目以 {sha256} 开头 / entries begin with it")
    (digest,) = {*found, *recorded}
    with ledger.begin() as tx:
        if digest in found:
            kind, entry = found[digest]
            name = Planned(kind, entry).name
            keeping.discard(folder, kind, entry)
        else:
            kind, name = recorded[digest].kind, recorded[digest].name
        tx.chain.append(REMOVED, None, {"kind": kind, "sha256": digest, "name": name[:200], "by": by, "source": reason})
    return kind, digest, name


def _note(
    tx: Transaction, act: str, kind: str, entry: keeping.Entry, name: str, by: str, source: str, purpose: str = ""
) -> None:
    detail = {"kind": kind, "sha256": entry.sha256, "name": name[:200], "by": by, "source": source[:500]}
    tx.chain.append(act, None, detail | ({"purpose": purpose[:500]} if purpose else {}))


def history(ledger: Ledger) -> History:
    """The last act on each entry that ever was in the store, by SHA-256."""
    with ledger.read() as conn:
        rows = conn.execute(sa.select(event).where(event.c.kind.in_((ADDED, REMOVED))).order_by(event.c.seq)).all()
    out: dict[str, Act] = {}
    for row in rows:
        told = json.loads(row.detail)
        out[told["sha256"]] = Act(
            row.kind == ADDED, told["kind"], told["name"], told["by"], told["source"], row.at, told.get("purpose", "")
        )
    return out
