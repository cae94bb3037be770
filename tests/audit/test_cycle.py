"""Which copies a night reads: every one within the period, oldest proof first, the same share each night."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from ingest.audit.cycle import due, moment, standing
from ingest.audit.look import Pace
from ingest.ledger import Ledger
from ingest.ledger.tables import copy, record

START = dt.datetime(2026, 1, 1, 3, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger("sqlite://")
    ledger.upgrade()
    return ledger


def deposit(ledger: Ledger, first: int, count: int, at: dt.datetime, size: int = 1000) -> None:
    with ledger.begin() as tx:
        rows = [
            {"id": f"r{n}", "source": "", "agency": "a", "delivery": f"{n}", "location": ""}
            for n in range(first, first + count)
        ]
        tx.add_batch(f"b{first}", "run", at.isoformat(), rows)
        tx.conn.execute(sa.update(record).values(as_of=at.isoformat()))
        for n in range(first, first + count):
            tx.conn.execute(sa.insert(copy).values(
                object_key=f"k{n:05}", replica="main", record_id=f"r{n}", sha256="0" * 64, size=size, state="proved",
                deposited_at=moment(at), verified_at=moment(at), legal_hold=False,
            ))  # fmt: skip


def night(ledger: Ledger, at: dt.datetime, period: int) -> list[str]:
    """One night's reading, as the audit does it; the keys that were read."""
    with ledger.read() as conn:
        keys = [d.key for d in due(conn, at, period)]
    with ledger.begin() as tx:
        for key in keys:
            tx.conn.execute(
                sa.update(copy).where(copy.c.object_key == key).values(verified_at=moment(at + dt.timedelta(hours=1)))
            )
    return keys


def test_every_copy_is_read_within_the_period_in_even_shares(ledger: Ledger) -> None:
    deposit(ledger, 0, 95, START)
    read: dict[str, list[int]] = {}
    shares = []
    for n in range(1, 41):
        if n == 20:
            deposit(ledger, 95, 30, START + n * DAY - dt.timedelta(hours=2))
        keys = night(ledger, START + n * DAY, 10)
        shares.append(len(keys))
        for key in keys:
            read.setdefault(key, []).append(n)
    assert len(read) == 125
    for key, nights in read.items():
        begun = 0 if key < "k00095" else 20
        for before, after in zip([begun, *nights], [*nights, 40], strict=True):
            assert after - before <= 10, (key, nights)
    assert set(shares[:19]) <= {9, 10} and max(shares[19:]) <= 2 * 13


def test_the_oldest_proof_goes_first_and_a_backlog_is_made_up(ledger: Ledger) -> None:
    deposit(ledger, 0, 10, START)
    deposit(ledger, 10, 90, START + 50 * DAY)
    with ledger.read() as conn:
        # the first ten were forgotten for two months: all of them at once, beyond the night's share of two
        assert [d.key for d in due(conn, START + 60 * DAY, 50)] == [f"k{n:05}" for n in range(10)]
        stands = standing(conn, START + 60 * DAY, 50)
    assert (stands.copies, stands.bytes, stands.overdue) == (100, 100_000, 10)


def test_large_copies_count_by_their_bytes_too(ledger: Ledger) -> None:
    deposit(ledger, 0, 50, START, size=10)
    deposit(ledger, 50, 10, START + DAY, size=1_000_000)
    shares = []
    for n in range(2, 12):
        with ledger.read() as conn:
            shares.append(sum(d.size for d in due(conn, START + n * DAY, 10)))
        night(ledger, START + n * DAY, 10)
    assert max(shares) <= 2 * 1_000_050


def test_what_was_proved_tonight_is_not_read_again(ledger: Ledger) -> None:
    deposit(ledger, 0, 5, START)
    assert len(night(ledger, START + 10 * DAY, 10)) == 5
    assert night(ledger, START + 10 * DAY, 10) == []


def test_reading_is_held_to_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    slept: list[float] = []
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", lambda s: (slept.append(s), clock.__setitem__(0, clock[0] + s)))
    pace = Pace(1000)
    for _ in range(10):
        pace.took(500)
    assert clock[0] == pytest.approx(5.0)
    Pace(0).took(10**9)
    assert sum(slept) == pytest.approx(5.0)
