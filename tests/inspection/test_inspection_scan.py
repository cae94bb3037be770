"""Hazards by rule: raised once, opened again when they come back, never closed by the machine; each rule sees what it is for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa
from inspected_home import AGENCY, NIGHT, InspectedHome

from ingest.findings import Finding
from ingest.inspection import hazards, rules
from ingest.inspection.acts import Plan, Proof, Who, close, done, measure
from ingest.inspection.model import Item, Outcome, Refused, Status
from ingest.ledger.tables import copy, record
from ingest.model import CopyState, State

JIA, YI = Who("甲", "desk:甲"), Who("乙", "desk:乙")


def mend(inspected: InspectedHome, item: Item) -> None:
    measure(inspected.ledger, item.id, Plan("修复", "张三"), JIA)
    done(inspected.ledger, item.id, "已修复", [Proof("巡检报告")], JIA)


def test_a_hazard_is_raised_once_however_often_it_is_seen(inspected: InspectedHome) -> None:
    keys = inspected.archive(3)
    inspected.spoil(keys[0], CopyState.DAMAGED)
    first = inspected.scan()
    item = inspected.item("HAZ-COPY-DAMAGED")
    assert item.id in first.raised and keys[0] in item.problem and item.due == "2026-11-27"
    again = inspected.scan(1)
    assert (again.raised, again.reopened, again.gone) == ([], [], [])
    assert inspected.item("HAZ-COPY-DAMAGED").due == "2026-11-27"  # the day stands
    assert inspected.kinds() == ["inspection_raised"] * len(first.raised)
    inspected.spoil(keys[1], CopyState.DAMAGED)
    inspected.scan(2)
    assert "2 个包" in inspected.item("HAZ-COPY-DAMAGED").problem
    assert inspected.kinds()[-1] == "inspection_seen"


def test_it_is_closed_only_after_a_scan_that_finds_it_no_more_and_opens_again_when_it_comes_back(
    inspected: InspectedHome,
) -> None:
    (key,) = inspected.archive(1)
    inspected.spoil(key, CopyState.MISSING)
    inspected.scan()
    item = inspected.item("HAZ-COPY-MISSING")
    mend(inspected, item)
    with pytest.raises(Refused, match="仍发现"):
        close(inspected.ledger, item.id, "看过", YI)
    inspected.spoil(key, CopyState.PROVED)
    assert item.id in inspected.scan(1).gone
    assert inspected.item("HAZ-COPY-MISSING").status is Status.TO_VERIFY  # a person closes it
    close(inspected.ledger, item.id, "巡检无损", YI)
    inspected.spoil(key, CopyState.MISSING)
    assert item.id in inspected.scan(2).reopened
    back = inspected.item("HAZ-COPY-MISSING")
    assert (back.status, back.reopened, back.present, back.due) == (Status.OPEN, 1, True, "2026-11-29")


def test_an_accepted_risk_is_left_alone_while_it_lasts(inspected: InspectedHome) -> None:
    inspected.archive(1)
    inspected.scan()
    item = inspected.item("HAZ-SINGLE-COPY")
    mend(inspected, item)
    close(inspected.ledger, item.id, "预算明年到位", YI, Outcome.ACCEPTED)
    assert inspected.scan(1).reopened == []
    assert inspected.item("HAZ-SINGLE-COPY").status is Status.CLOSED


def test_a_rule_that_cannot_look_says_so_and_leaves_its_findings(inspected: InspectedHome) -> None:
    inspected.archive(1)
    inspected.scan()
    assert "HAZ-SINGLE-COPY" in inspected.rules()
    (inspected.home.secrets / "store.json").unlink()
    told = inspected.scan(1)
    assert set(told.unknown) == {"HAZ-FEW-COPIES", "HAZ-SINGLE-COPY", "HAZ-NOT-ANCHORED", "HAZ-CHAIN-CONTRADICTED"}
    assert told.gone == [] and inspected.item("HAZ-SINGLE-COPY").present


def test_transfer_opening_waiting_sources_and_schedules_have_their_days(inspected: InspectedHome) -> None:
    inspected.archive(2, transfer_due="2026-11-19", open_due="2026-11-20")
    inspected.archive(1, batch="b2", transfer_due="2027-01-01", open_due="2026-11-18")
    for day in (10, 11, 12):
        inspected.visited(day, "no route to host")
    with inspected.ledger.begin() as tx:
        tx.add_batch("b3", "run b3", NIGHT.isoformat(), [{"id": "h", "source": "", "agency": AGENCY, "delivery": "h",
                                                          "location": ""}])  # fmt: skip
        tx.move("h", [State.LISTED], State.HELD, "held", findings=[Finding("FIL-UNSCHEDULED").as_json()])
        tx.conn.execute(sa.update(record).where(record.c.id == "h").values(updated_at="2026-10-01T00:00:00.000+00:00"))
    inspected.scan()
    assert {"HAZ-TRANSFER-OVERDUE", "HAZ-OPENING-DUE", "HAZ-SOURCE-AWAY", "HAZ-HELD-OLD", "HAZ-NO-SCHEDULE"} <= (
        inspected.rules()
    )
    assert "2 件逾期" in inspected.item("HAZ-TRANSFER-OVERDUE").problem
    assert "1 件已满" in inspected.item("HAZ-OPENING-DUE").problem
    away = inspected.item("HAZ-SOURCE-AWAY")
    assert (away.agency, away.inspected) == (AGENCY, "测试局") and "no route to host" in away.problem
    inspected.visited(13, None)
    assert away.id in inspected.scan(1).gone


def test_deliveries_without_their_last_word_are_told_by_agency(inspected: InspectedHome) -> None:
    with inspected.ledger.begin() as tx:
        rows = [{"id": f"u{n}", "source": "", "agency": AGENCY, "delivery": f"u{n}", "location": ""} for n in range(2)]
        tx.add_batch("u", "run u", "2026-10-01T01:00:00+08:00", rows)
        tx.fail("u0", "receive", "disk full", "DISK-FULL")
    inspected.scan()
    told = inspected.item("HAZ-UNANSWERED").problem
    assert "2 件报送" in told and "2026-10-01" in told and "disk full" in told


def test_copies_audits_and_drills_are_asked_for(inspected: InspectedHome) -> None:
    inspected.archive(1, copies=2)
    long_ago = "2025-01-01T00:00:00.000+00:00"
    with inspected.ledger.begin() as tx:
        tx.conn.execute(sa.update(copy).values(verified_at=long_ago, deposited_at=long_ago))
    inspected.scan()
    assert {"HAZ-AUDIT-OVERDUE", "HAZ-NO-DRILL"} <= inspected.rules()
    with inspected.ledger.begin() as tx:
        tx.chain.append("drill", None, {"run": "d", "passed": True, "sample": 1, "faults": 0})
    inspected.scan()
    assert not inspected.item("HAZ-NO-DRILL").present


def test_a_broken_trust_store_blinds_only_its_rule(inspected: InspectedHome) -> None:
    (inspected.home.trust / "anchors").mkdir(parents=True)
    (inspected.home.trust / "anchors" / "x.pem").write_text("no certificate")
    told = inspected.scan()
    assert set(told.unknown) >= {"HAZ-CERT-EXPIRED"} and "x.pem" in told.unknown["HAZ-CERT-EXPIRED"]
    assert "HAZ-NO-SCHEDULE" in inspected.rules()


def test_certificates_end_and_are_told_before(inspected: InspectedHome, tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    (inspected.home.trust / "anchors").mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    for name, end in (("过期", -1), ("将到期", 60), ("长期", 400)):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(abs(end)).not_valid_before(NIGHT - dt.timedelta(days=900))
            .not_valid_after(NIGHT + dt.timedelta(days=end)).sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = made.public_bytes(serialization.Encoding.PEM)
        (inspected.home.trust / "anchors" / f"{abs(end)}.pem").write_bytes(pem)
    inspected.scan()
    assert "过期" in inspected.item("HAZ-CERT-EXPIRED").problem
    assert "将到期" in inspected.item("HAZ-CERT-EXPIRING").problem


def test_every_code_has_a_rule_and_words_in_both_languages() -> None:
    told = [code for _, codes in rules.RULES for code in codes]
    assert sorted(told) == sorted(hazards.sheet())
    for code, row in hazards.sheet().items():
        assert {"level", "days", "basis", "zh", "en", "demand"} <= set(row), code
