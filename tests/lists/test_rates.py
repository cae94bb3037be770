"""归档率, 合格率 and 数字化率, asked of a ledger with known records, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

import samplenight
from ingest.cli import main
from ingest.findings import Finding, Severity
from ingest.ledger import Ledger, natures
from ingest.ledger.tables import traditional
from ingest.lists.closed import ClosedCases
from ingest.lists.digitised import digitisation_rate
from ingest.lists.holdings import HoldingsPlan
from ingest.lists.rate import Rate, Words
from ingest.lists.rates import By, Period, archiving_rate, pass_rate
from ingest.model import State
from ingest.settings import ConfigError, Home

NIGHT_CONFIG = Path(samplenight.__file__).parent
NIGHT, NEXT_YEAR = "2024-05-20T01:00:00+08:00", "2025-01-02T01:00:00+08:00"
LICENCE, PENSION = "11440100FAKE00021A3440116001000", "11440100FAKE00021A3440116002000"
UNSIGNED, BROKEN, LATE = Finding("SIG-ISSUER-UNKNOWN"), Finding("FMT-EMPTY"), Finding("RCV-DIGEST-MISMATCH")


class Told:
    """A ledger into which records are told by what they are."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._numbers = itertools.count(1)

    def record(self, agency: str, state: State, *findings: Finding, night: str = NIGHT, **columns: Any) -> None:
        n = next(self._numbers)
        row = {"id": f"r{n}", "source": "", "agency": agency, "delivery": f"d{n}", "location": ""}
        about = {
            "case_no": f"C{n}",
            "received_as_of": night,
            "closed_on": f"{night[:4]}-01-01",
            "matter_code": LICENCE,
        } | columns
        with self.ledger.begin() as tx:
            tx.add_batch(f"b{n}", "run", night, [row])
            if state is not State.LISTED:
                found = [f.as_json() for f in findings]
                tx.move(row["id"], [State.LISTED], state, "moved", findings=found, **about)

    def holds(self, code: str, **columns: Any) -> None:
        row = {"archival_code": code, "fonds_no": code[:4], "unit": "件", "digitised": False, "import_seq": 1} | columns
        with self.ledger.begin() as tx:
            tx.conn.execute(sa.insert(traditional).values(**row))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Told]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.db'}" if sqlite else str(request.getfixturevalue("new_database")())
    with Ledger(url) as ledger:
        ledger.upgrade()
        yield Told(ledger)


def shown(rates: list[Rate], *names: str) -> list[tuple[Any, ...]]:
    return [(*(r.of[n] for n in names), r.numerator, r.denominator) for r in rates]


def beside(rate: Rate) -> dict[str, int]:
    return {b.key: b.count for b in (*rate.excluded, *rate.open)}


def test_a_nature_has_the_gravest_of_its_findings_and_remarks_do_not_count() -> None:
    held, softened = UNSIGNED.as_json(), Finding("SIG-ISSUER-UNKNOWN", severity=Severity.REMARK).as_json()
    assert natures.of([]) == natures.of([softened]) == natures.GOOD == "PPPP"
    assert natures.of([held, BROKEN.as_json(), held]) == "HPRP"
    assert natures.of([LATE.as_json(), held]) == natures.of([held, LATE.as_json()]) == "RPPP"


def test_passed_is_told_by_agency_span_and_nature(told: Told) -> None:
    told.record("a", State.ACKNOWLEDGED)
    told.record("a", State.REJECTED, BROKEN)
    told.record("a", State.HELD, UNSIGNED, night=NEXT_YEAR)
    told.record("a", State.FILED, night=NEXT_YEAR)
    told.record("a", State.DUPLICATE)
    told.record("a", State.RECEIVED)
    told.record("b", State.REJECTED, LATE, BROKEN, case_no=None)
    assert shown(pass_rate(told.ledger, Period.ALL), "agency", "nature") == [
        ("a", "authenticity", 3, 4), ("a", "integrity", 4, 4), ("a", "usability", 3, 4), ("a", "safety", 4, 4), ("a", "all", 2, 4),
        ("b", "authenticity", 0, 1), ("b", "integrity", 1, 1), ("b", "usability", 0, 1), ("b", "safety", 1, 1), ("b", "all", 0, 1),
    ]  # fmt: skip
    whole = [r for r in pass_rate(told.ledger, Period.YEAR, "a") if r.of["nature"] == "all"]
    assert shown(whole, "period") == [("2024", 1, 2), ("2025", 1, 2)]
    assert [beside(r) for r in whole] == [{}, {"held": 1}]
    assert {r.of["period"] for r in pass_rate(told.ledger, Period.MONTH)} == {"2024-05", "2025-01"}
    day = pass_rate(told.ledger, Period.DAY, since="2024-05-21", until="2025-01-02")
    assert shown(day[-1:], "agency", "period") == [("a", "2025-01-02", 1, 2)]


def test_a_case_is_counted_once_whatever_versions_and_refusals_it_had(told: Told) -> None:
    for state in (State.REJECTED, State.ACKNOWLEDGED, State.DEPOSITED):
        told.record("a", state, case_no="C-1")
    told.record("a", State.REJECTED, BROKEN)
    told.record("a", State.HELD, UNSIGNED, matter_code=PENSION)
    told.record("a", State.PACKAGED)
    told.record("a", State.REJECTED, LATE, case_no=None)
    told.record("a", State.ACKNOWLEDGED, origin="digitised")
    (agency,) = archiving_rate(told.ledger)
    assert (agency.of, agency.numerator, agency.denominator) == ({"agency": "a", "basis": "delivered"}, 1, 4)
    assert beside(agency) == {"rejected": 1, "held": 1, "under_way": 1, "unreadable": 1}
    matters = archiving_rate(told.ledger, by=By.MATTER)
    assert shown(matters, "year", "matter_code") == [("2024", LICENCE, 1, 3), ("2024", PENSION, 0, 1)]
    assert archiving_rate(told.ledger, agency="b") == archiving_rate(told.ledger, by=By.YEAR, year=1999) == []


def test_what_was_declared_is_the_denominator_where_it_was(told: Told, tmp_path: Path) -> None:
    told.record("a", State.ACKNOWLEDGED)
    told.record("a", State.ACKNOWLEDGED, matter_code=PENSION)
    told.record("a", State.REJECTED, BROKEN, night=NEXT_YEAR)
    told.record("b", State.ACKNOWLEDGED)
    told.record("b", State.ACKNOWLEDGED)
    file = tmp_path / "closed.json"
    lines = [{"agency": "a", "year": 2024, "cases": 10}, {"agency": "b", "year": 2024, "matter_code": LICENCE, "cases": 1},
             {"agency": "c", "year": 2023, "cases": 5}, {"agency": "d", "year": 2024, "cases": 0}]  # fmt: skip
    file.write_text(json.dumps({"schema": "guidang.closed-cases/1.0", "closed": lines}), "utf-8")
    declared = ClosedCases.load(file)
    rates = archiving_rate(told.ledger, declared)
    assert shown(rates, "agency", "basis") == [
        ("a", "mixed", 2, 11), ("b", "declared", 2, 1), ("c", "declared", 0, 5), ("d", "declared", 0, 0)
    ]  # fmt: skip
    assert [beside(r) for r in rates] == [
        {"rejected": 1, "not_delivered": 8}, {"beyond": 1}, {"not_delivered": 5}, {}
    ]  # fmt: skip
    assert rates[-1].value is None and "申报" in rates[0].rule.zh
    years = archiving_rate(told.ledger, declared, By.YEAR, agency="a")
    assert shown(years, "year", "basis") == [("2024", "declared", 2, 10), ("2025", "delivered", 0, 1)]
    matters = archiving_rate(told.ledger, declared, By.MATTER, agency="b")
    assert shown(matters, "matter_code", "basis") == [(LICENCE, "declared", 2, 1)]


@pytest.mark.parametrize(
    "closed",
    [
        [{"agency": "a", "year": 2024, "cases": 1}, {"agency": "a", "year": 2024, "matter_code": LICENCE, "cases": 1}],
        [{"agency": "a", "year": 2024, "cases": 1}] * 2,
        [{"agency": "a", "year": "2024", "cases": 1}],
        [{"agency": "a", "year": 2024, "cases": -1}],
        [{"agency": "a", "cases": 1}],
        {},
    ],
)
def test_a_declaration_that_counts_twice_or_nothing_is_one_clear_error(closed: Any, tmp_path: Path) -> None:
    file = tmp_path / "closed-cases.json"
    file.write_text(json.dumps({"schema": "guidang.closed-cases/1.0", "closed": closed or None}), "utf-8")
    with pytest.raises(ConfigError, match="closed-cases"):
        ClosedCases.load(file)


def test_digitised_is_told_by_fonds_and_unit_with_what_was_left_out(told: Told) -> None:
    told.holds("T001-WS·1990·Y-0001", pages=10, digitised=True)
    told.holds("T001-WS·1990·Y-0002", pages=5)  # its scans are in the store
    told.holds("T001-WS·1990·Y-0003", pages=7)  # its scans are on their way
    told.holds("T001-WS·1990·Y-0004")
    told.holds("T001-WS·1990·Y-0005", pages=100, reason="damaged")
    told.holds("T001-WS·1990·D10-0001", pages=3, retention_code="D10")
    told.holds("T001-1-1", unit="卷", digitised=True)
    told.holds("T003-1-1", unit="卷", pages=8, digitised=True)
    told.record("a", State.ACKNOWLEDGED, archival_code="T001-WS·1990·Y-0002", origin="digitised")
    told.record("a", State.FILED, archival_code="T001-WS·1990·Y-0003", origin="digitised")
    plan = HoldingsPlan({"T003": "province_unit"}, short_terms=frozenset({"D10"}))
    rates = digitisation_rate(told.ledger, plan)
    assert [(r.of["fonds_no"], r.unit, r.numerator, r.denominator, r.target, r.met) for r in rates] == [
        ("T001", "件", 2, 4, 0.7, False), ("T001", "卷", 1, 1, 0.7, True), ("T001", "页", 15, 22, 0.7, False),
        ("T003", "卷", 1, 1, 0.8, True), ("T003", "页", 8, 8, 0.8, True),
    ]  # fmt: skip
    by_unit = {r.unit: beside(r) for r in rates if r.of["fonds_no"] == "T001"}
    assert by_unit["件"] == {"damaged": 1, "short_term": 1}
    assert by_unit["页"] == {"damaged": 100, "short_term": 3, "pages_not_stated": 2}
    everything = digitisation_rate(told.ledger, HoldingsPlan(), "T001")
    assert (everything[0].denominator, {r.of["fonds_no"] for r in everything}) == (5, {"T001"})


def test_a_target_is_met_exactly_at_its_share() -> None:
    rates = [Rate({}, "件", n, 1000, Words("", ""), 0.7) for n in (699, 700)]
    assert [r.met for r in rates] == [False, True]


def test_the_plan_is_of_the_installation(home: Path) -> None:
    config = home / "config"
    config.mkdir()
    unit = {"name": "n", "uscc": "u", "region_code": "440000"}
    agencies = [
        {"id": "a", "fonds_no": "T001", **unit},
        {"id": "b", "fonds_no": "T003", "transfer_level": "province", **unit},
    ]
    (config / "agencies.json").write_text(json.dumps({"agencies": agencies}), "utf-8")
    plan = HoldingsPlan.of(Home.of(home))
    assert [plan.target(f).rate for f in ("T001", "T003")] == [0.7, 0.8]
    (config / "holdings.json").write_text(
        '{"schema": "guidang.holdings/1.0", "fonds": {"T001": "province_unit"}, "short_terms": ["D10"]}'
    )
    plan = HoldingsPlan.of(Home.of(home))
    assert (plan.target("T001").rate, plan.short_terms) == (0.8, {"D10"})
    (config / "holdings.json").write_text('{"schema": "guidang.holdings/1.0", "default": "village"}')
    with pytest.raises(ConfigError, match="village"):
        HoldingsPlan.of(Home.of(home))


def test_the_command_prints_rates_with_their_rules_as_table_json_and_workbook(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(NIGHT_CONFIG, home / "config", ignore=shutil.ignore_patterns("*.py"))
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        told = Told(ledger)
        told.record("nanyue-zwfw", State.ACKNOWLEDGED)
        told.record("pengwan-rsj", State.HELD, UNSIGNED)
        told.holds("T001-1-1", unit="卷", digitised=True)
    assert main(["lists", "rates", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["archiving"][0]["rate"], found["archiving"][1]["rate"]) == (1.0, 0.0)
    assert found["digitisation"][0] | {"met": True, "rate": 1.0, "target": 0.7} == found["digitisation"][0]
    assert "要点" in found["digitisation"][0]["target_from"]
    assert (
        main(["lists", "rates", "--by", "year", "--agency", "pengwan-rsj", "--xlsx", str(tmp_path / "rates.xlsx")]) == 0
    )
    book = openpyxl.load_workbook(tmp_path / "rates.xlsx")
    assert book.sheetnames == ["归档率", "合格率", "数字化率"]
    assert main(["lists", "digitised"]) == 0
    out = capsys.readouterr().out
    assert "100.00%" in out and "应数字化：馆藏目录" in out and "should be digitised" in out
