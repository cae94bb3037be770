"""States move only with their events, numbers are gapless, and the chain tells every change of the past."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.findings import Finding, Severity
from ingest.held.decide import decide
from ingest.held.listing import waiting
from ingest.held.questions import Action
from ingest.held.release import release_held
from ingest.ledger import Ledger, chain, migrate
from ingest.ledger.tables import event, metadata, record_finding
from ingest.model import State
from ingest.report import report
from ingest.settings import Home

AS_OF = "2026-11-20T01:00:00+08:00"


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"id": i, "source": "", "agency": "a", "delivery": f"d-{i}", "location": f"/{i}"} for i in ids]


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    with ledger.begin() as tx:
        tx.add_batch("b", "run", AS_OF, rows("r1", "r2", "r3"))
    return ledger


def events(ledger: Ledger) -> list[str]:
    with ledger.read() as conn:
        return list(conn.execute(sa.select(event.c.kind).order_by(event.c.seq)).scalars())


def test_migrations_make_the_tables_that_the_code_uses(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with ledger.read() as conn:
        context = MigrationContext.configure(conn, opts={"version_table": migrate.VERSION_TABLE})
        # record_search stands apart: each back end keeps it in a form of its own
        apart = (migrate.VERSION_TABLE, "record_search")
        changes = [c for c in compare_metadata(context, metadata) if not any(name in str(c) for name in apart)]
    assert changes == []


def test_upgrading_again_changes_nothing(filled: Ledger) -> None:
    filled.upgrade()
    assert [r["id"] for r in filled.records("b", [State.LISTED])] == ["r1", "r2", "r3"]


def test_a_move_writes_state_and_event_together(filled: Ledger) -> None:
    with filled.begin() as tx:
        assert tx.move("r1", [State.LISTED], State.RECEIVED, "received", {"x": 1}, case_no="C1")
    assert [r["case_no"] for r in filled.records("b", [State.RECEIVED])] == ["C1"]
    assert events(filled) == ["batch", "received"]


def test_a_move_from_another_state_does_nothing(filled: Ledger) -> None:
    with filled.begin() as tx:
        assert not tx.move("r1", [State.CHECKED], State.FILED, "filed")
    assert events(filled) == ["batch"]


def test_an_error_undoes_state_number_and_event(filled: Ledger) -> None:
    with pytest.raises(RuntimeError), filled.begin() as tx:
        tx.move("r1", [State.LISTED], State.RECEIVED, "received")
        assert tx.next_serial("s") == 1
        raise RuntimeError
    assert [r["id"] for r in filled.records("b", [State.LISTED])] == ["r1", "r2", "r3"]
    assert events(filled) == ["batch"]
    with filled.begin() as tx:
        assert tx.next_serial("s") == 1


def test_machine_trouble_keeps_the_state_and_counts(filled: Ledger) -> None:
    for _ in range(2):
        with filled.begin() as tx:
            tx.fail("r1", "check", "disk on fire", "MACHINE")
    (row,) = (r for r in filled.records("b", [State.LISTED]) if r["id"] == "r1")
    assert (row["failures"], row["last_error"], row["cause"]) == (2, "disk on fire", "MACHINE")


def test_the_chain_of_an_untouched_ledger_is_whole(filled: Ledger) -> None:
    for i in ("r1", "r2"):
        with filled.begin() as tx:
            tx.move(i, [State.LISTED], State.RECEIVED, "received", {"名": "归档"})
    with filled.read() as conn:
        assert list(chain.verify(conn)) == []


EDITS = {
    "edited": ("CHAIN-DIGEST", sa.update(event).where(event.c.seq == 2).values(detail='{"state":"acknowledged"}')),
    "deleted": ("CHAIN-GAP", sa.delete(event).where(event.c.seq == 2)),
    "last deleted": ("CHAIN-HEAD", sa.delete(event).where(event.c.seq == 4)),
    "redated": ("CHAIN-DIGEST", sa.update(event).where(event.c.seq == 3).values(at="2020-01-01T00:00:00+00:00")),
    "inserted": (
        "CHAIN-PREV",
        sa.insert(event).values(
            seq=5, at="x", kind="k", record_id=None, detail="{}", prev="0" * 64,
            digest=chain.link(5, "x", "k", None, "{}", "0" * 64),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_the_chain_tells_what_was_done_to_it(filled: Ledger, what: str) -> None:
    for i in ("r1", "r2", "r3"):
        with filled.begin() as tx:
            tx.move(i, [State.LISTED], State.RECEIVED, "received")
    code, edit = EDITS[what]
    with filled.begin() as tx:
        tx.conn.execute(edit)
    with filled.read() as conn:
        assert code in [f.code for f in chain.verify(conn)]


def test_swapped_events_are_told(filled: Ledger) -> None:
    for i in ("r1", "r2", "r3"):
        with filled.begin() as tx:
            tx.move(i, [State.LISTED], State.RECEIVED, "received")
    with filled.begin() as tx:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            tx.conn.execute(sa.update(event).where(event.c.seq == old).values(seq=new))
    with filled.read() as conn:
        assert {f.code for f in chain.verify(conn)} >= {"CHAIN-PREV", "CHAIN-DIGEST"}


def test_a_case_finds_its_numbers_again(ledger: Ledger) -> None:
    filings = {("a", f"C{n}"): {"electronic_record_code": f"E{n}", "archival_code": f"A{n}", "n": n} for n in (1, 2)}
    with ledger.begin() as tx:
        assert [tx.next_serial(scope) for scope in ("s", "t", "s", "s")] == [1, 1, 2, 3]
        tx.give_numbers(filings)
        tx.give_numbers({})
    with ledger.begin() as tx:
        assert tx.next_serial("s") == 4
        assert tx.numbers([("a", "C2"), ("b", "C2"), ("a", "C9")]) == {("a", "C2"): filings["a", "C2"]}
        assert tx.numbers([]) == {}
    with pytest.raises(sa.exc.IntegrityError), ledger.begin() as tx:
        tx.give_numbers({("b", "C1"): filings["a", "C1"]})  # a number that is given belongs to its case for ever


def test_a_held_record_is_decided_on_and_goes_on(filled: Ledger, tmp_path: Path) -> None:
    (tmp_path / "config/schedules").mkdir(parents=True)
    with filled.begin() as tx:
        found = [Finding("SIG-ISSUER-UNKNOWN").as_json()]
        tx.move("r1", [State.LISTED], State.HELD, "held", findings=found, case_no="C1", version=1)
    assert [row["codes"] for row in waiting(filled)] == [["SIG-ISSUER-UNKNOWN"]]
    decide(filled, {}, ["r1"], Action.RECHECK, by="甲", reason="已导入")
    assert release_held(Home.of(tmp_path), filled, "2026-11-21T01:00:00+08:00", "next") == {"decision": 1}
    assert report(filled, "next").released == {"decision": 1}
    assert waiting(filled) == []
    with filled.read() as conn:
        assert list(chain.verify(conn)) == []


def test_a_ledger_of_an_earlier_release_is_told_how_grave_its_findings_are(url: str) -> None:
    found = [Finding("RCV-NO-FILES", severity=s).as_json() for s in (Severity.REMARK, Severity.HOLD)]
    with Ledger(url) as ledger:
        migrate.upgrade(ledger._engine, "0021")
        before = sa.MetaData()
        with ledger._engine.begin() as conn:
            before.reflect(conn, only=["batch", "record", "record_finding"])
            conn.execute(sa.insert(before.tables["batch"]).values(id="b", run_id="r", as_of=AS_OF, created_at=AS_OF))
            old = rows("r1")[0] | {"batch_id": "b", "position": 0, "state": "held", "as_of": AS_OF, "failures": 0, "updated_at": AS_OF,
                                   "entered": 7, "entered_on": "2026-11-20"}  # fmt: skip
            conn.execute(sa.insert(before.tables["record"]).values(**old, findings=found))
            conn.execute(sa.insert(before.tables["record_finding"]).values(code="RCV-NO-FILES", entered=7))
        ledger.upgrade()
        with ledger.read() as conn:
            assert [tuple(r) for r in conn.execute(sa.select(record_finding))] == [("RCV-NO-FILES", 7, "hold")]
