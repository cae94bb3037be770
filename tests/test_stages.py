"""What the stages promise between two runs: nothing undone and nothing unanswered is forgotten."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ingest import discovery
from ingest.discovery import Wanted
from ingest.ledger import Ledger
from ingest.model import State
from ingest.settings import ConfigError
from ingest.sources import Delivery

AS_OF = "2026-11-20T01:00:00+08:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.upgrade()
    rows = [{"id": i, "source": "", "agency": "a", "delivery": i, "location": i} for i in ("r1", "r2")]
    with ledger.begin() as tx:
        tx.add_batch("first", "run 1", AS_OF, rows)
    return ledger


@pytest.mark.parametrize(
    ("state", "answered", "taken_up"),
    [
        (State.RECEIVED, False, True),
        (State.DEPOSITED, False, True),
        (State.HELD, False, True),
        (State.HELD, True, False),
        (State.REJECTED, False, True),
        (State.REJECTED, True, False),
        (State.DUPLICATE, False, True),
        (State.ACKNOWLEDGED, True, False),
    ],
)
def test_a_later_run_takes_up_what_is_undone_or_unanswered(
    ledger: Ledger, state: State, answered: bool, taken_up: bool
) -> None:
    with ledger.begin() as tx:
        for record in ("r1", "r2"):
            tx.move(record, [State.LISTED], state, "moved", receipt_at=tx.now if answered else None)
    assert discovery.open_batches(ledger, "run 2") == (["first"] if taken_up else [])
    assert discovery.open_batches(ledger, "run 1") == ["first"]
    ledger.close()


def test_a_run_takes_what_arrived_in_its_days_and_the_cases_it_names() -> None:
    delivery = Delivery("a", "C1-v1", "/x", "f", dt.date(2026, 11, 20))
    for params, takes in (
        ({}, True),
        ({"arrived_from": "2026-11-20", "arrived_to": "2026-11-20"}, True),
        ({"arrived_from": "2026-11-21"}, False),
        ({"arrived_to": "2026-11-19"}, False),
        ({"only_cases": ["C1"]}, True),
        ({"only_cases": ["C2"]}, False),
    ):
        assert Wanted.of(params).takes(delivery) is takes
    with pytest.raises(ConfigError):
        Wanted.of({"arrived_from": "yesterday"})


def test_the_same_listing_has_the_same_id_and_one_written_anew_another() -> None:
    one = Delivery("a", "d", "/x", "1", dt.date(2026, 11, 20))
    again = Delivery("a", "d", "/x", "1", dt.date(2026, 11, 21))
    anew = Delivery("a", "d", "/x", "2", dt.date(2026, 11, 20))
    assert discovery.record_id(one) == discovery.record_id(again) != discovery.record_id(anew)
