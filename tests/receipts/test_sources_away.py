"""A source that cannot be told holds up nobody else, is told later, and is seen until then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from told_home import AS_OF, Told

from ingest import cli, discovery, sources
from ingest.ledger import chain
from ingest.model import CST, State
from ingest.receipts.waiting import unanswered, unsent
from ingest.report import report

FAKE = {
    "host": "127.0.0.1",
    "port": 1,
    "login": "x",
    "password": "fake",
    "extra": json.dumps({"host_key": "ssh-ed25519 AAAA"}),
}


@pytest.fixture
def told(home: Path) -> Iterator[Told]:
    """Agency a is a folder whose receipts cannot be written while ``blocked`` stands in their way; b is this home's inbox."""
    receipts = home / "outbox-a"
    told = Told(
        home, agencies={"a": {"kind": "folder", "path": str(home / "drop"), "receipts": str(receipts)}, "b": {}}
    )
    receipts.write_text("a file where a folder should be")
    yield told
    told.ledger.close()
    sources.close()


def mend(told: Told) -> None:
    (told.home.root / "outbox-a").unlink()


def test_one_source_away_costs_the_others_nothing_and_is_told_later(told: Told) -> None:
    told.listed("1", "2")
    told.listed("3", batch="c", agency="b")
    told.deposited("1")
    told.move("2", State.HELD, "FIL-UNSCHEDULED")
    told.deposited("3")
    trouble = told.acknowledge()
    assert isinstance(trouble, str) and "d-1" in trouble and "outbox-a" in trouble
    assert told.acknowledge("c") == {"acknowledged": 1}
    assert set(told.outbox("b")) == {"d-3.examined.json", "d-3.receipt.json"}
    assert told.row("1")["state"] == "deposited" and told.staged() == {"1", "2"}
    with told.ledger.read() as conn:
        (left,) = unsent(conn)
    assert (left.agency, left.receipts) == ("a", 3) and "outbox-a" in left.error
    assert report(told.ledger, "run").unsent == [left]
    assert discovery.open_batches(told.ledger, "the next night") == ["b"]
    mend(told)
    assert told.acknowledge() == {"acknowledged": 1}
    assert len(list((told.home.root / "outbox-a" / "a").iterdir())) == 3
    assert told.staged() == {"2"} and report(told.ledger, "run").unsent == []
    assert discovery.open_batches(told.ledger, "the night after") == []


def test_an_agency_that_left_the_register_is_told_as_trouble_and_holds_up_nobody(told: Told) -> None:
    told.listed("1", agency="gone")
    told.listed("2", batch="c", agency="b")
    for name in ("1", "2"):
        told.move(name, State.REJECTED, "FMT-EMPTY")
    assert "agencies.json" in str(told.acknowledge())
    assert told.acknowledge("c") == {} or told.row("2", "c")["receipt_code"] == 5


def test_one_receipt_that_is_refused_does_not_keep_the_others_back_for_ever(told: Told) -> None:
    """Its file name stands as a folder in the outbox: this one fails, night after night."""
    mend(told)
    names = [str(n) for n in range(25)]
    told.listed(*names)
    (told.home.root / "outbox-a" / "a" / "d-3.examined.json").mkdir(parents=True)
    for name in names:
        told.move(name, State.REJECTED, "FMT-EMPTY")
    for _ in range(4):
        told.acknowledge()
    assert {n for n in names if told.row(n)["receipt_code"] is None} <= {"3"}
    with told.ledger.read() as conn:
        (left,) = unsent(conn)
    assert left.receipts == 1


def test_who_has_waited_too_long_is_listed_with_the_reason(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    import datetime as dt

    told.listed("held", "trouble", "new", "done", "copies")
    told.listed("young", batch="c", agency="b")
    told.move("held", State.HELD, "SIG-ISSUER-UNKNOWN")
    told.move("done", State.ACKNOWLEDGED, receipt_at=AS_OF)
    told.move("trouble", State.REJECTED, "FMT-EMPTY")
    told.deposited("copies", copied=False)
    told.acknowledge()
    day = dt.datetime.fromisoformat(AS_OF).date()
    with told.ledger.read() as conn:
        for days, waited in ((3, 3), (4, 3)):
            found = {u.delivery: u for u in unanswered(conn, day + dt.timedelta(days=waited), days)}
            assert len(found) == (5 if days <= waited else 0)
        assert unanswered(conn, day, 0, agency="nobody") == []
        found = {u.delivery: u for u in unanswered(conn, day + dt.timedelta(days=9), 3)}
    assert set(found) == {"d-held", "d-trouble", "d-new", "d-copies", "d-young"}
    assert "SIG-ISSUER-UNKNOWN" in found["d-held"].why and "outbox-a" in found["d-trouble"].why
    assert (found["d-new"].days, found["d-new"].since) == (9, "2026-11-20")
    at = ["--home", str(told.home.root)]
    assert cli.main(["receipts", "list", "--unanswered-days", "0", "--agency", "b", "--json", *at]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["delivery"] == "d-young"
    assert cli.main(["receipts", "list", "--unsent", *at]) == 0 and "outbox-a" in capsys.readouterr().out
    assert cli.main(["receipts", "send", *at]) == 2 and "outbox-a" in capsys.readouterr().out
    mend(told)
    assert cli.main(["receipts", "send", *at]) == 0 and "final 1" in capsys.readouterr().out
    assert cli.main(["receipts", "list", "--unsent", "--json", *at]) == 0 and capsys.readouterr().out == ""
    (told.home.config / "limits.json").write_text('{"unanswered_days": 100000}')
    assert cli.main(["receipts", "list", "--json", *at]) == 0 and capsys.readouterr().out == ""
    assert dt.datetime.now(CST).year < 2300


_KILLED = """
import os, signal, sys
from pathlib import Path
from ingest import receipts as _
from ingest.ledger import Ledger, receipts
from ingest.receipts import sending
from ingest.settings import Home
from ingest.staging import cleaning
from ingest.stages import acknowledge
from ingest.workers import Workers

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "before sending":
    sending._hand_over = die
elif where == "half sent":
    tell, count = sending.open_source, []
    from ingest.sources import folder
    write = folder._write
    folder._write = lambda *a: die() if len(count) == 1 else (count.append(1), write(*a))
elif where == "sent, not recorded":
    sending._note = die
elif where == "recorded, not committed":
    note = sending._note
    sending._note = lambda *a: (note(*a), die())
elif where == "committed, not cleaned":
    import ingest.stages as stages
    stages.clean = die
elif where == "half cleaned":
    cleaning.shutil.rmtree = lambda path, **k: (next(p for p in Path(path).rglob("*") if p.is_file()).unlink(), die())
home = Home(Path(sys.argv[1]))
with Ledger(home.database_url) as ledger, Workers(home) as workers:
    acknowledge(home, ledger, "b", workers)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    [
        "before sending",
        "half sent",
        "sent, not recorded",
        "recorded, not committed",
        "committed, not cleaned",
        "half cleaned",
    ],
)
def test_killed_between_any_two_steps_it_ends_the_same_and_staging_lives_until_the_last_word(
    home: Path, where: str
) -> None:
    told = Told(home)
    told.listed("1", "2", "3")
    told.deposited("1")
    told.move("2", State.REJECTED, "FMT-EMPTY")
    told.move("3", State.HELD, "FIL-UNSCHEDULED")
    staged = {n: (told.home.staging / "b" / n / "case.json") for n in ("1", "2", "3")}
    done = subprocess.run([sys.executable, "-c", _KILLED, str(home), where], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    for name in ("1", "2"):
        answered = told.row(name)["receipt_at"] is not None
        assert answered or staged[name].exists(), "emptied before the last word"
        if where in ("before sending", "half sent", "sent, not recorded", "recorded, not committed"):
            assert not answered
    there = {p.name: p.read_bytes() for p in (home / "outbox").rglob("*.json")}
    # the next night: it cleans what is answered, and takes up the batch where something is not
    batches = discovery.discover(told.home, told.ledger, "the next night", AS_OF)
    for batch in batches:
        assert isinstance(told.acknowledge(batch), dict)
    after = {p.name: p.read_bytes() for p in (home / "outbox").rglob("*.json")}
    assert set(after) == {f"d-{n}.examined.json" for n in "123"} | {f"d-{n}.receipt.json" for n in "12"}
    assert there.items() <= after.items(), "the same bytes again"
    assert told.staged() == {"3"} and staged["3"].exists()
    with told.ledger.read() as conn:
        assert list(chain.verify(conn)) == []
    told.ledger.close()
