"""Who holds what in staging; nothing begins on a full disk."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import cli, running, stages
from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.model import State
from ingest.settings import Home
from ingest.sources.base import Delivery, part_of
from ingest.staging.holdings import Holding, holdings, remove_orphans
from ingest.staging.room import NoRoom, size_of
from ingest.steps.listing import sweep
from ingest.workers import Workers

AS_OF = "2026-11-20T01:00:00+08:00"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        yield ledger


def enter(home: Home, ledger: Ledger, name: str, state: State, size: int, **columns: object) -> Path:
    """A record in ``state`` with ``size`` bytes in staging."""
    row = {"id": name, "source": "", "agency": "a", "delivery": f"d-{name}", "location": "/"}
    with ledger.begin() as tx:
        tx.add_batch(f"b{name}", "run", AS_OF, [row])
        tx.move(name, [State.LISTED], state, "received", **columns)
    folder = home.staging / f"b{name}" / name / "files"
    folder.mkdir(parents=True)
    (folder / "0001").write_bytes(b"x" * size)
    return folder.parent


def by_record(found: list[Holding]) -> dict[str, Holding]:
    return {h.record: h for h in found}


def test_each_thing_in_staging_is_told_with_whose_it_is_and_why(home: Path, ledger: Ledger) -> None:
    at = Home.of(home)
    enter(at, ledger, "working", State.CHECKED, 10)
    enter(at, ledger, "held", State.HELD, 300, findings=[Finding("SIG-ISSUER-UNKNOWN").as_json()])
    enter(at, ledger, "untold", State.REJECTED, 20)
    enter(at, ledger, "done", State.ACKNOWLEDGED, 5, receipt_at=AS_OF)
    with ledger.begin() as tx:
        tx.fail("working", "file", "OSError: disk", "MACHINE")
    attempt = at.staging / "bworking" / ".working-x1"
    attempt.mkdir()
    stranger = at.packages / "old" / "nobody.zip"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"PK" * 50)
    found = holdings(at, ledger)
    assert [h.bytes for h in found] == sorted((h.bytes for h in found), reverse=True)
    told = {(h.path.name, h.record): h.why for h in found}
    assert "SIG-ISSUER-UNKNOWN" in told["held", "held"]
    assert "OSError: disk" in told["working", "working"]
    assert told["working", "working"] == told[".working-x1", "working"]
    assert "rejected" in told["untold", "untold"]
    assert {h.record for h in found if h.orphan} == {"done", "nobody"}
    assert remove_orphans(found) == 105
    assert {h.record for h in holdings(at, ledger)} == {"held", "working", "untold"} and not stranger.exists()


def test_a_fetched_zip_is_told_with_the_records_that_wait_for_it(home: Path, ledger: Ledger) -> None:
    at = Home.of(home)
    places = {"p1": "/batch.zip", "p2": "/batch.zip", "p3": "/batch.zip", "alone": "/one.zip"}
    rows = [{"id": i, "source": "", "agency": "a", "delivery": f"d-{i}", "location": loc if i == "alone" else
             part_of(Delivery("a", "d", loc, "f", dt.date(2026, 11, 20)), "opened", i).location} for i, loc in places.items()]  # fmt: skip
    with ledger.begin() as tx:
        tx.add_batch("b", "run", AS_OF, rows)
        tx.move("p1", [State.LISTED], State.RECEIVED, "received")
        tx.fail("p3", "receive", "OSError: disk", "MACHINE")
    for number, name in enumerate(("opened", "alone", "forgotten"), 1):
        (at.containers / name).mkdir(parents=True)
        (at.containers / name / "content.zip").write_bytes(b"x" * number)
    found = by_record(holdings(at, ledger))
    assert {name: (h.bytes, h.delivery, h.orphan) for name, h in found.items()} == {
        "opened": (1, "d-p3", False), "alone": (2, "d-alone", False), "forgotten": (3, "", True),
    }  # fmt: skip
    assert "OSError: disk" in found["opened"].why and "待接收 2 件" in found["opened"].why
    sweep(at, ledger)  # what a night removes by itself is exactly what is told as nobody's
    assert sorted(p.name for p in at.containers.iterdir()) == ["alone", "opened"]


def test_the_command_lists_and_removes(home: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    at = Home.of(home)
    enter(at, ledger, "done", State.ACKNOWLEDGED, 5, receipt_at=AS_OF)
    enter(at, ledger, "held", State.HELD, 7, findings=[Finding("RCV-VERSION-CONFLICT").as_json()])
    assert cli.main(["staging", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(x["record"], x["bytes"], x["orphan"]) for x in lines] == [("held", 7, False), ("done", 5, True)]
    assert cli.main(["staging", "--remove-orphans"]) == 0
    assert "d-done" in capsys.readouterr().out
    assert [h.record for h in holdings(at, ledger)] == ["held"]


@pytest.mark.parametrize("limit", ["free_bytes", "staging_bytes"])
def test_a_full_disk_stops_a_batch_before_it_begins(home: Path, ledger: Ledger, limit: str) -> None:
    at = Home.of(home)
    enter(at, ledger, "waiting", State.RECEIVED, 100)
    enter(at, ledger, "listed", State.LISTED, 0)
    full = dataclasses.replace(at.limits, **{limit: 2**62 if limit == "free_bytes" else 99})
    with Workers(at) as workers, pytest.raises(NoRoom, match="guidang staging"):
        running.run("receive", dataclasses.replace(at, limits=full), ledger, "blisted", workers)
    (row,) = ledger.records("blisted", [State.LISTED])
    assert (row["cause"], row["failures"]) == ("DISK-FULL", 0)  # nothing was tried, and nothing is damaged
    with Workers(at) as workers:
        assert stages.receive(at, ledger, "bwaiting", workers).states == {}


def test_what_vanishes_while_it_is_counted_counts_nothing(tmp_path: Path) -> None:
    assert size_of(tmp_path / "gone") == 0
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "a").write_bytes(b"12345")
    assert size_of(tmp_path / "a") == 5 and size_of(tmp_path) == 5 + len("nowhere")
