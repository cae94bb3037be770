"""Re-runs: exactly what was asked for is taken up again, once, with who and why; what a person must decide on never is."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest import cli, code, running, runs
from ingest.findings import Finding
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import batch, event, record, rerun
from ingest.model import State
from ingest.report import report
from ingest.rerun import taking
from ingest.rerun.asking import How, Kind, Refused, What, ask
from ingest.rerun.listing import undone
from ingest.settings import ConfigError, Home
from ingest.sources import SourceAway
from ingest.trouble import cause_of, causes

AS_OF, NEXT = "2026-11-20T01:00:00+08:00", "2026-11-21T01:00:00+08:00"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """Two batches of agencies a and b; a1 and b1 failed for the store, a2 for the source; one record in each other state."""
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        with ledger.begin() as tx:
            for name in ("a", "b"):
                ids = [f"{name}{n}" for n in range(1, 4)]
                rows = [{"id": i, "source": "", "agency": name, "delivery": i, "location": f"/{i}"} for i in ids]
                tx.add_batch(f"batch-{name}", "night 1", AS_OF, rows)
            others = [State.REJECTED, State.HELD, State.ACKNOWLEDGED, State.DUPLICATE]
            rows = [{"id": s.value, "source": "", "agency": "c", "delivery": s.value, "location": "/"} for s in others]
            tx.add_batch("batch-c", "night 1", AS_OF, rows)
            for state in others:
                found = [Finding("RCV-FILE-MISSING", path="x").as_json()] if state is State.REJECTED else []
                receipt = {} if state is State.HELD else {"receipt_code": 2, "receipt_at": tx.now}
                tx.move(state.value, [State.LISTED], state, "moved", findings=found, case_no=f"C-{state}", **receipt)
            tx.fail("a1", "receive", "no answer", "STORE-AWAY")
            tx.fail("b1", "receive", "no answer", "STORE-AWAY")
            tx.fail("a2", "receive", "away", "SOURCE-AWAY")
        yield ledger


def works_on(ledger: Ledger, shares: list[str]) -> list[str]:
    return [str(r["id"]) for share in shares for r in ledger.records(share, list(State))]


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("record:a1", ["a1"]),
        ("batch:batch-b", ["b1", "b2", "b3"]),
        ("agency:a", ["a1", "a2", "a3"]),
        ("cause:STORE-AWAY", ["a1", "b1"]),
        ("cause:SOURCE-AWAY", ["a2"]),
    ],
)
def test_a_run_takes_exactly_what_was_asked_for(ledger: Ledger, wanted: str, taken: list[str]) -> None:
    shares = taking.take(ledger, "night 2", NEXT, wanted, "张三", "修好了")
    assert works_on(ledger, shares) == taken
    assert taking.take(ledger, "night 2", NEXT, wanted, "张三", "修好了") == shares  # its first task was cleared
    with ledger.read() as conn:
        row = conn.execute(sa.select(rerun)).one()
        told = conn.execute(sa.select(event.c.detail).where(event.c.kind == "rerun")).scalars().all()
        assert list(chain.verify(conn)) == []
    assert (row.run_id, row.asked_by, row.reason, len(told)) == ("night 2", "张三", "修好了", 1)
    assert json.loads(told[0])["records"] == taken
    assert report(ledger, "night 2").total.received == len(taken)


def test_what_was_asked_before_the_run_is_taken_by_its_number_and_by_no_second_run(ledger: Ledger) -> None:
    asked = ask(ledger, What(Kind.RECORD, "a1"), "张三", "试一件")
    shares = taking.take(ledger, "night 2", NEXT, f"#{asked.id}", "", "")
    assert works_on(ledger, shares) == ["a1"]
    with pytest.raises(ConfigError, match="night 2"):
        taking.take(ledger, "night 3", NEXT, str(asked.id), "", "")
    with pytest.raises(ConfigError, match="999"):
        taking.take(ledger, "night 3", NEXT, "999", "", "")


def test_what_nobody_started_comes_along_in_the_next_night(ledger: Ledger) -> None:
    ask(ledger, What(Kind.CAUSE, "RCV-FILE-MISSING", How.REJECTED), "张三", "代码表已更正")
    assert taking.take_waiting(ledger, "night 2", NEXT) == 1
    assert taking.take_waiting(ledger, "night 3", NEXT) == 0
    with ledger.read() as conn:
        row = conn.execute(sa.select(record).where(record.c.id == "rejected")).one()
    assert (row.state, row.receipt_at, row.findings, row.as_of) == ("listed", None, [], NEXT)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("record:rejected", "--rejected"),
        ("record:C-rejected", "--rejected"),
        ("record:held", "guidang held decide"),
        ("record:acknowledged", "guidang verify"),
        ("agency:c", "guidang held decide"),
        ("record:nobody", "台账里没有"),
        ("cause:DISK-FULL", "没有因 DISK-FULL"),
        ("cause:NO-SUCH", "SOURCE-AWAY"),
        ("sheep:1", "record:"),
        ("record:", "record:"),
    ],
)
def test_nothing_is_re_run_silently_and_the_refusal_says_what_to_do(ledger: Ledger, wanted: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        taking.take(ledger, "night 2", NEXT, wanted, "张三", "再试")
    with ledger.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(rerun)).scalar() == 0
        assert not conn.execute(sa.select(event.c.seq).where(event.c.kind.like("rerun%"))).first()


def test_a_rejected_record_is_checked_again_only_by_a_decision_and_once(ledger: Ledger) -> None:
    asked = ask(ledger, What(Kind.RECORD, "rejected", How.REJECTED), "张三", "代码表已更正")
    shares = taking.take(ledger, "night 2", NEXT, str(asked.id), "", "")
    assert [r["id"] for r in ledger.records(shares[0], [State.LISTED])] == ["rejected"]
    with ledger.begin() as tx:  # the run judges it anew and tells the producer
        tx.move("rejected", [State.LISTED], State.REJECTED, "received", receipt_at=tx.now)
    taking.take(ledger, "night 2", NEXT, str(asked.id), "", "")
    assert ledger.records(shares[0], [State.LISTED]) == []


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("张三", " "), ("张三", "x" * 501)])
def test_a_re_run_has_a_name_and_a_reason(ledger: Ledger, by: str, reason: str) -> None:
    with pytest.raises(Refused):
        ask(ledger, What(Kind.RECORD, "a1"), by, reason)


def test_afresh_is_for_a_whole_batch_and_takes_the_half_done_from_the_source(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="--afresh"):
        ask(ledger, What(Kind.RECORD, "a1", How.AFRESH), "张三", "升级")
    with ledger.begin() as tx:
        tx.move("a1", [State.LISTED], State.FILED, "filed")
        tx.move("a2", [State.LISTED], State.PACKAGED, "packaged")
        tx.conn.execute(
            sa.update(batch).where(batch.c.id == "batch-a").values(code="0.0.9+old", contract=code.CONTRACT - 1)
        )
    with pytest.raises(code.CodeChanged, match="--afresh"):
        running.take_over(ledger, "batch-a", "package")
    asked = ask(ledger, What(Kind.BATCH, "batch-a", How.AFRESH), "张三", "升级")
    shares = taking.take(ledger, "night 2", NEXT, str(asked.id), "", "")
    assert [r["id"] for r in ledger.records(shares[0], [State.LISTED])] == ["a1", "a3"]
    assert [r["id"] for r in ledger.records(shares[0], [State.PACKAGED])] == ["a2"]  # complete in itself
    for stage in ("receive", "check", "file", "package"):
        running.take_over(ledger, "batch-a", stage)


def test_what_is_undone_is_listed_by_cause_and_agency(ledger: Ledger) -> None:
    assert [(line.cause, line.records, line.agencies) for line in undone(ledger)] == [
        ("", 3, {"a": 1, "b": 2}),
        ("STORE-AWAY", 2, {"a": 1, "b": 1}),
        ("SOURCE-AWAY", 1, {"a": 1}),
    ]


def test_the_command_marks_says_how_to_start_and_refuses(
    ledger: Ledger, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ["--by", "张三", "--reason", "网络已通", "--home", str(home)]
    assert cli.main(["rerun", "list", "--home", str(home)]) == 0
    assert "guidang rerun cause STORE-AWAY" in capsys.readouterr().out
    assert cli.main(["rerun", "cause", "STORE-AWAY", *who]) == 0
    assert "2 件" in capsys.readouterr().out
    assert cli.main(["rerun", "record", "rejected", *who]) == 1
    assert "--rejected" in capsys.readouterr().err
    assert (
        cli.main(["rerun", "record", "a1", "--start", *who]) == 2
    )  # no Airflow here: said, and it waits for the night
    assert "guidang ingest --rerun" in capsys.readouterr().err
    assert taking.take_waiting(ledger, "night 2", NEXT) == 2


def test_a_success_forgets_the_cause(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        tx.move("a1", [State.LISTED], State.RECEIVED, "received")
    assert "STORE-AWAY" in {line.cause for line in undone(ledger)}
    with ledger.read() as conn:
        assert conn.execute(sa.select(record.c.cause, record.c.last_error).where(record.c.id == "a1")).one() == (
            None,
            None,
        )


ERRORS: list[tuple[BaseException, str]] = [
    (SourceAway("sftp", "no route"), "SOURCE-AWAY"),
    (OSError(errno.ENOSPC, "full"), "DISK-FULL"),
    (OSError(errno.EIO, "disk"), "MACHINE"),
    (ConfigError("no such thing"), "CONFIGURATION"),
    (code.CodeChanged("other"), "CODE-CHANGED"),
    (ValueError("bug"), "MACHINE"),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_every_machine_error_has_a_stable_cause(error: BaseException, expected: str) -> None:
    assert cause_of(error) == expected


def test_each_cause_names_classes_that_exist_and_what_to_do_next() -> None:
    import botocore.exceptions

    import sip.package
    from ingest.schedule import numbers
    from ingest.sources import base
    from ingest.staging import room
    from ingest.steps import deposit
    from ingest.store import objects

    known: dict[str, Any] = {}
    for module in (base, botocore.exceptions, sip.package, numbers, room, deposit, objects, code):
        known |= vars(module)
    for cause in causes().values():
        assert cause.zh and cause.en and cause.next_zh and cause.next_en
        assert [e for e in cause.errors if e not in known and not hasattr(errno, e)] == []


def test_runs_begin_and_end(ledger: Ledger) -> None:
    runs.begin(ledger, "night 2", NEXT, "0.1.0+x")
    with ledger.read() as conn:
        latest = runs.latest(conn)
    assert latest is not None and (latest.id, latest.ended_at) == ("night 2", None)
    runs.end(ledger, "night 2", 3)
    with ledger.read() as conn:
        latest = runs.latest(conn)
    assert latest is not None and latest.ended_at is not None and latest.undone == 3
    runs.begin(ledger, "night 2", NEXT, "0.1.0+y")  # its first task was cleared
    with ledger.read() as conn:
        latest = runs.latest(conn)
    assert latest is not None and (latest.ended_at, latest.code) == (None, "0.1.0+x")
