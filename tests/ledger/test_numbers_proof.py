"""档号 and 电子文件号 are unique and gapless, whoever is killed: 8 writers, random SIGKILL, both databases.

`make proof-numbers` runs the whole 100,000 (``PROOF_NUMBERS``); the suite a shorter form of the same.
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest
import sqlalchemy as sa
from number_writers import number_all

from ingest.ledger import Ledger, chain
from ingest.ledger.tables import number, sequence
from ingest.schedule.numbers import parse_archival_code, parse_electronic_record_code

WRITERS, KILLS = 8, 8
TOTAL = int(os.environ.get("PROOF_NUMBERS", "4000"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_numbers_are_unique_and_gapless_with_eight_writers_that_are_killed(ledger: Ledger, url: str) -> None:
    assert number_all(url, WRITERS, TOTAL // WRITERS, KILLS) == KILLS
    with ledger.read() as conn:
        rows = conn.execute(sa.select(number.c.archival_code, number.c.electronic_record_code)).all()
        drawn = {r.scope: r.last for r in conn.execute(sa.select(sequence.c.scope, sequence.c.last))}
        assert list(chain.verify(conn)) == []
    runs: dict[str, list[int]] = defaultdict(list)
    for archival, electronic in rows:
        runs[f"档号:{archival.rpartition('-')[0]}"].append(int(parse_archival_code(archival, "DAT13").item_no))
        runs[f"电子文件号:{electronic.rpartition('-')[0]}"].append(parse_electronic_record_code(electronic).serial)
    assert len(rows) == len({r.archival_code for r in rows}) == len({r.electronic_record_code for r in rows})
    assert len(rows) == TOTAL // WRITERS * WRITERS
    assert {scope: sorted(run) for scope, run in runs.items()} == {s: list(range(1, n + 1)) for s, n in drawn.items()}
    assert len(drawn) >= 6
