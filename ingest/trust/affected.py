"""Held records that are INDETERMINATE for want of a certificate or CRL: found when it is added, re-checked by the next run."""

from __future__ import annotations

import dataclasses
import json

import sqlalchemy as sa

from ingest.held.trust import helps
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.signatures.certs import Certificate
from ingest.signatures.keeping import Entry
from ingest.steps import check
from ingest.steps.receive import staged


@dataclasses.dataclass(frozen=True)
class Affected:
    """A held record that new trust may settle. ``helped`` is the name of the CA that its signatures want."""

    id: str
    agency: str
    delivery: str
    helped: str


def affected(home: Home, ledger: Ledger, entries: list[Entry]) -> list[Affected]:
    """The held records whose stored verdicts want one of ``entries``, by agency and delivery. The next run takes them back to
    the check stage by itself (`ingest.held.release`), for as soon as the store has the entry they are no longer without answer."""
    certificates = tuple(e for e in entries if isinstance(e, Certificate))
    store = TrustStore(certificates, (), tuple(e for e in entries if not isinstance(e, Certificate)))
    with ledger.read() as conn:
        rows = conn.execute(
            sa.select(record.c.id, record.c.batch_id, record.c.agency, record.c.delivery)
            .where(record.c.state == State.HELD.value)
            .order_by(record.c.agency, record.c.delivery)
        ).all()
    out: list[Affected] = []
    for row in rows:
        try:
            judged = json.loads((staged(home, row.batch_id, row.id) / check.SIGNATURES).read_bytes())
        except OSError:
            continue  # held before anything was judged
        if (helped := helps(judged["files"], store)) is not None:
            out.append(Affected(row.id, row.agency, row.delivery, helped))
    return out
