"""What is held now: each record with its findings, its question and the decision that stands, for people and programs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ingest.findings import Severity
from ingest.held.decide import DECIDED, PROPOSED
from ingest.held.questions import question
from ingest.ledger import Ledger
from ingest.ledger.tables import held_decision, record
from ingest.model import State
from ingest.steps.receive import findings_of


def waiting(ledger: Ledger, cause: str | None = None, agency: str | None = None) -> list[dict[str, Any]]:
    """Held records, longest waiting first, as JSON-ready rows: ``{id, agency, delivery, case_no, version, since, findings,
    codes, questions, decisions, acceptable, decision}``; ``cause`` is a finding code that must hold the record."""
    wanted = record.c.state == State.HELD.value
    if agency:
        wanted &= record.c.agency == agency
    with ledger.read() as conn:
        rows = conn.execute(sa.select(record).where(wanted).order_by(record.c.updated_at, record.c.id)).all()
        standing = {
            d.record_id: {"id": d.id, "action": d.action, "status": d.status, "by": d.decided_by, "reason": d.reason}
            for d in conn.execute(sa.select(held_decision).where(held_decision.c.status.in_((PROPOSED, DECIDED))))
        }
    out = []
    for row in rows:
        findings = findings_of(row.findings)
        asked = question(findings)
        if cause is None or cause in asked.codes:
            out.append(
                {name: getattr(row, name) for name in ("id", "agency", "delivery", "case_no", "version")}
                | {"since": row.updated_at, "findings": [f.as_json() for f in findings if f.weight is Severity.HOLD]}
                | asked.as_json()
                | {"decision": standing.get(row.id)}
            )
    return out
