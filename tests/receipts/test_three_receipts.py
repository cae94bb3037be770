"""What the producer is told, when, and what is never told too early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from told_home import AS_OF, Told

from ingest import discovery
from ingest.findings import Severity, table
from ingest.ledger import chain, receipts
from ingest.ledger.tables import event, record
from ingest.ledger.tables import receipt as receipt_table
from ingest.model import Receipt, State
from ingest.paths import SCHEMAS
from ingest.receipts import words
from ingest.receipts.sending import send, send_first


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def told(request: pytest.FixtureRequest, home: Path) -> Iterator[Told]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("new_database")()
    told = Told(home, url)
    yield told
    with told.ledger.read() as conn:
        assert list(chain.verify(conn)) == []
    told.ledger.close()


def kinds_sent(told: Told) -> list[tuple[str, str]]:
    with told.ledger.read() as conn:
        rows = conn.execute(
            sa.select(event).where(event.c.kind.in_(["receipt_sent", "acknowledged"])).order_by(event.c.seq)
        )
        details = [json.loads(r.detail) for r in rows]
    return [("final", d["state"]) if "state" in d else (d["receipt"], d["says"]) for d in details]


def test_each_receipt_is_given_when_it_is_true(told: Told) -> None:
    told.listed("1")
    with told.ledger.begin() as tx:
        tx.owe("1", Receipt.RECEIVED)
        tx.move(
            "1", [State.LISTED], State.RECEIVED, "received", case_no="C-1", version=1, files=[], content_digest="c" * 64
        )
    send_first(told.home, told.ledger, "b")
    (received,) = told.outbox().values()
    assert set(told.outbox()) == {"d-1.received.json"}
    assert (received["receipt"], received["state"], received["receipt_code"]) == ("received", "received", None)
    assert received["received"] == {"files": 0, "bytes": 0, "content_digest": "c" * 64}

    told.move("1", State.FILED, "RCV-NAME-NOT-NFC", electronic_record_code="E-1", archival_code="A-1")
    send_first(told.home, told.ledger, "b")
    examined = told.outbox()["d-1.examined.json"]
    assert (examined["state"], examined["receipt_code"]) == ("accepted", None)
    assert examined["archive"] == {"electronic_record_code": "E-1", "archival_code": "A-1"}
    assert [(f["code"], f["path"], "mend" in f) for f in examined["findings"]] == [
        ("RCV-NAME-NOT-NFC", "申报文件/a.pdf", False)
    ]
    told.deposited("1", copied=False)
    assert told.acknowledge() == {} and told.staged() == {"1"}, "no copy is proved yet"
    assert "d-1.receipt.json" not in told.outbox()

    told.copied("1")
    assert told.acknowledge() == {"acknowledged": 1}
    final = told.outbox()["d-1.receipt.json"]
    assert (final["state"], final["receipt_code"], final["safe_to_delete"]) == ("acknowledged", 1, True)
    assert final["archive"]["copies"] == 1 and final["archive"]["package_sha256"]
    assert "1 份副本" in final["receipt_description"]["zh"] and "1 verified" in final["receipt_description"]["en"]
    assert not told.home.staging.exists() or told.staged() == set()
    assert list(dict.fromkeys(kinds_sent(told))) == [
        ("received", "received"),
        ("examined", "accepted"),
        ("final", "acknowledged"),
    ]


def test_a_rejected_delivery_is_told_everything_at_once_and_what_to_mend(told: Told) -> None:
    told.listed("1")
    told.move("1", State.REJECTED, "FMT-EMPTY", "RCV-DIGEST-MISMATCH", "RCV-NAME-NOT-NFC")
    send_first(told.home, told.ledger, "b")
    examined, final = (told.outbox()[f"d-1.{suffix}.json"] for suffix in ("examined", "receipt"))
    for given in (examined, final):
        assert (given["state"], given["receipt_code"]) == ("rejected", 5)
        assert [f["code"] for f in given["findings"]] == ["FMT-EMPTY", "RCV-DIGEST-MISMATCH", "RCV-NAME-NOT-NFC"]
        assert all(f["zh"] and f["en"] and f["path"] for f in given["findings"])
        assert ["mend" in f for f in given["findings"]] == [True, True, False]
    assert final["safe_to_delete"] is False
    assert told.acknowledge() == {} and told.row("1")["receipt_code"] == 5
    assert not told.home.staging.exists() or told.staged() == set()


def test_held_is_told_as_such_and_told_anew_when_it_is_decided(told: Told) -> None:
    told.listed("1")
    told.move("1", State.HELD, "FIL-UNSCHEDULED")
    assert told.acknowledge() == {}
    held = told.outbox()["d-1.examined.json"]
    assert (held["state"], held["receipt_code"]) == ("held", None) and held["findings"][0]["code"] == "FIL-UNSCHEDULED"
    assert told.staged() == {"1"} and set(told.outbox()) == {"d-1.examined.json"}
    assert discovery.open_batches(told.ledger, "another") == []
    told.move("1", State.CHECKED)
    told.deposited("1")
    assert told.acknowledge() == {"acknowledged": 1}
    assert told.outbox()["d-1.examined.json"]["state"] == "accepted"
    assert ("examined", "held") in kinds_sent(told) and ("examined", "accepted") in kinds_sent(told)


def test_what_came_twice_waits_for_the_first_and_gets_its_code(told: Told) -> None:
    told.listed("first", batch="b")
    told.listed("again", "third", batch="later", agency="b")
    told.move("first", State.HELD, "FIL-UNSCHEDULED")
    for name in ("again", "third"):
        told.move(name, State.DUPLICATE, "RCV-ALREADY-ARCHIVED", duplicate_of="first")
    assert told.acknowledge("b") == told.acknowledge("later") == {}
    assert told.outbox("b")["d-again.examined.json"]["state"] == "repeated"
    assert told.outbox("b")["d-again.examined.json"]["first_delivery"] == "d-first"
    assert "d-again.receipt.json" not in told.outbox("b") and told.staged() == {"first", "again", "third"}
    assert discovery.open_batches(told.ledger, "another") == [], "there is nothing to do until the first is decided"
    told.deposited("first")
    assert told.acknowledge("b") == {"acknowledged": 1, "duplicate": 2}
    final = told.outbox("b")["d-again.receipt.json"]
    assert (final["state"], final["receipt_code"], final["safe_to_delete"]) == ("duplicate", 1, True)
    assert final["archive"]["archival_code"] == "A-first" and final["archive"]["copies"] == 1


def test_what_came_twice_is_rejected_with_the_first(told: Told) -> None:
    told.listed("first", "again")
    told.move("again", State.DUPLICATE, "RCV-ALREADY-ARCHIVED", duplicate_of="first")
    told.move("first", State.REJECTED, "HLD-RETURNED")
    assert told.acknowledge() == {"rejected": 1, "duplicate": 1}
    final = told.outbox()["d-again.receipt.json"]
    assert (final["state"], final["receipt_code"], final["safe_to_delete"]) == ("rejected", 5, False)
    assert [f["code"] for f in final["findings"]] == ["HLD-RETURNED"]


def test_a_delivery_of_several_gets_a_last_word_when_all_in_it_have_theirs(told: Told) -> None:
    told.opened("whole", "p1", "p2")
    told.deposited("p1")
    told.move("p2", State.HELD, "FIL-UNSCHEDULED")
    assert told.acknowledge() == {"acknowledged": 1}
    assert "whole#p1.receipt.json" in told.outbox() and "whole.receipt.json" not in told.outbox()
    assert discovery.open_batches(told.ledger, "another") == []
    told.move("p2", State.REJECTED, "RCV-DIGEST-MISMATCH")
    assert discovery.open_batches(told.ledger, "another") == ["b"]
    assert told.acknowledge() == {"rejected": 1}
    last = told.outbox()["whole.receipt.json"]
    assert (last["state"], last["receipt_code"], last["safe_to_delete"]) == ("answered", 6, False)
    assert [(p["delivery"], p["state"], p["receipt_code"], p["archival_code"]) for p in last["records"]] == [
        ("whole#p1", "acknowledged", 1, "A-p1"),
        ("whole#p2", "rejected", 6, None),
    ]
    data = (told.home.outbox / "a" / "whole.receipt.json").read_bytes()
    with told.ledger.begin() as tx:
        tx.conn.execute(sa.update(receipt_table).where(receipt_table.c.subject == "whole").values(sent_at=None))
    assert discovery.open_batches(told.ledger, "another") == ["b"]
    assert told.acknowledge() == {} and (told.home.outbox / "a" / "whole.receipt.json").read_bytes() == data
    assert discovery.open_batches(told.ledger, "another") == []


def test_sent_again_it_is_the_same_bytes_and_stands_once_in_the_chain(told: Told) -> None:
    told.listed("1", "2")
    told.deposited("1")
    told.move("2", State.REJECTED, "FMT-EMPTY")
    folder = told.home.outbox / "a"
    told.acknowledge()
    first, events = {p.name: p.read_bytes() for p in folder.iterdir()}, kinds_sent(told)
    assert told.acknowledge() == {} and kinds_sent(told) == events
    with told.ledger.begin() as tx:  # as a crash between sending and recording leaves it
        tx.conn.execute(sa.update(receipt_table).values(sent_at=None))
        tx.conn.execute(sa.update(record).where(record.c.id == "1").values(state="deposited", receipt_at=None))
    for path in folder.iterdir():
        path.unlink()
    assert send(told.home, told.ledger).kinds == {"examined": 2, "final": 2}
    assert first == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_two_runs_at_once_record_a_receipt_once(told: Told) -> None:
    told.listed("1")
    told.move("1", State.REJECTED, "FMT-EMPTY")
    with told.ledger.read() as conn:
        rows = receipts.load(conn, receipts.unsent(conn))
    assert send(told.home, told.ledger).kinds.total() == 2
    with told.ledger.read() as conn:
        assert receipts.still_owed(conn, rows) == []
    told.move("1", State.REJECTED, "FMT-EMPTY")  # judged anew, so told anew
    with told.ledger.read() as conn:
        assert receipts.still_owed(conn, rows) == [] and len(receipts.unsent(conn)) == 2


def test_codes_are_those_of_the_field_and_every_rejection_says_what_to_mend() -> None:
    general = words.mend("NO-SUCH-CODE")
    told = json.loads((SCHEMAS / "receipts/receipts.json").read_text("utf-8"))
    assert told["mend"][-1]["codes"] == ["*"]
    for code, entry in table().items():
        if entry["severity"] == Severity.REJECT and code.startswith(
            ("RCV-", "PRF-", "MET-", "FMT-", "VIR-", "SIG-", "HLD-")
        ):
            assert words.mend(code) != general, code
            assert int(entry.get("receipt", 5)) in range(2, 7)
    assert all(entry["zh"] and entry["en"] for entry in (*told["says"].values(), *told["mend"]))


def test_nothing_is_told_of_what_is_under_way() -> None:
    row = {"agency": "a", "delivery": "d", "case_no": None, "version": None, "as_of": AS_OF, "received_as_of": None,
           "findings": [], "files": None, "content_digest": None}  # fmt: skip
    for state in State:
        for kind in (Receipt.EXAMINED, Receipt.FINAL):
            body = words.receipt(
                row | {"state": state.value, "electronic_record_code": None, "archival_code": None}, kind
            )
            if state in (State.LISTED, State.RECEIVED, State.CHECKED) or (
                kind is Receipt.FINAL and state is not State.REJECTED
            ):
                assert body is None, (state, kind)
            else:
                assert body is not None and body["state"] not in ("acknowledged", "duplicate")
