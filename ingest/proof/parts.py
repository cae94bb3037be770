"""The parts of a verification as they run in a process of their own: what is read may be forged, and may hang who reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.proof import chain, content, copies, row, subject
from ingest.proof.copies import Bytes
from ingest.proof.evidence import Evidence, Part
from ingest.proof.progress import Progress
from ingest.settings import Home
from ingest.store.reading import readers

Told = dict[str, Any]
Found = Sequence[Mapping[str, Any]]


def examine_copies(root: Path, record_id: str, notes: Path | None, found: Found) -> Told:
    """Also gives ``found``, the different bytes that stand under the key, and ``states``, the copies' states by replica."""
    home = Home.of(root)
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        out = copies.examine(conn, subject.load(conn, record_id), readers(home), Progress(notes))
    states = {
        name: {"state": seen.state.value, "findings": [_short(f) for f in seen.findings]}
        for name, seen in out.states.items()
    }
    return {"evidence": _json(out.evidence), "found": [b.as_json() for b in out.found], "states": states}


def judge_manifest(root: Path, record_id: str, notes: Path | None, found: Found) -> Told:
    home = Home.of(root)
    return {"evidence": _json(content.manifest(readers(home), _key(home, record_id), _bytes(found), Progress(notes)))}


def judge_signatures(root: Path, record_id: str, notes: Path | None, found: Found) -> Told:
    home = Home.of(root)
    return {"evidence": _json(content.signatures(readers(home), _key(home, record_id), _bytes(found), Progress(notes)))}


def compare_row(root: Path, record_id: str, notes: Path | None, found: Found) -> Told:
    home = Home.of(root)
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        about = subject.load(conn, record_id)
        return {"evidence": _json(row.compare(conn, about, readers(home), _bytes(found), home.agencies()))}


def examine_chain(root: Path, record_id: str, notes: Path | None, found: Found) -> Told:
    """Also gives ``chain``, its end as it was found."""
    home = Home.of(root)
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        about = subject.load(conn, record_id)
        evidence, end = chain.examine(home, conn, about, readers(home), dt.datetime.now(dt.UTC), Progress(notes))
    return {"evidence": _json(evidence), "chain": end}


PARTS: dict[Part, Callable[[Path, str, Path | None, Found], Told]] = {
    Part.COPIES: examine_copies,
    Part.MANIFEST: judge_manifest,
    Part.SIGNATURES: judge_signatures,
    Part.LEDGER: compare_row,
    Part.CHAIN: examine_chain,
}


def _key(home: Home, record_id: str) -> str:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        return subject.load(conn, record_id).key or ""


def _bytes(found: Found) -> list[Bytes]:
    return [Bytes(**f) for f in found]


def _json(evidence: Sequence[Evidence]) -> list[dict[str, str]]:
    return [e.as_json() for e in evidence]


def _short(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "params": dict(finding.params)}
