"""Compare a night with what its own ``expectations.json`` says must come out of it."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from ingest.findings import Finding, Severity
from ingest.ledger import Ledger
from ingest.ledger.tables import event, record
from ingest.report import RELEASES


def compare(ledger: Ledger, path: Path) -> list[str]:
    """Differences in words, one a line; empty when every delivery ended in its state with exactly its codes.

    Codes of mere information are not compared unless the expectation names them. A record that was held as expected and then
    let go, by a person's decision or by what changed since, is no longer what the night foretold and is left aside.
    """
    expected = json.loads(path.read_text("utf-8"))["records"]
    with ledger.read() as conn:
        let_go = sa.select(event.c.record_id).where(event.c.kind.in_(RELEASES))
        gone = conn.execute(sa.select(record.c.agency, record.c.delivery).where(record.c.id.in_(let_go))).all()
        rows = conn.execute(sa.select(record.c.agency, record.c.delivery, record.c.state, record.c.findings)).all()
    found = {(r.agency, r.delivery): r for r in rows}
    out: list[str] = []
    decided = {(r.agency, r.delivery) for r in gone}
    for e in expected:
        if (e["agency"], e["delivery"]) in decided and e["state"] == "held":
            continue
        row = found.get((e["agency"], e["delivery"]))
        name = f"{e['agency']}/{e['delivery']} ({e['fault'] or 'good'})"
        if row is None:
            out.append(f"{name}: 未处理 / never taken")
            continue
        findings = [Finding.from_json(f) for f in row.findings]
        codes = {f.code for f in findings if f.weight is not Severity.INFO or f.code in e["codes"]}
        if row.state != e["state"] or codes != set(e["codes"]):
            out.append(f"{name}: {row.state} {sorted(codes)}, 应为 / expected {e['state']} {sorted(e['codes'])}")
    return out
