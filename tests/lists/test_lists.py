"""What falls due, what a frozen fonds hands over, and coverage, asked of a ledger with known records."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import samplenight
from ingest.cli import main
from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.lists.due import Kind, due
from ingest.model import State
from ingest.paths import SCHEMAS
from ingest.schedule import terms
from ingest.settings import Home

NIGHT = Path(samplenight.__file__).parent
AS_OF = "2024-05-20T01:00:00+08:00"
# fonds, year, retention, 件号, version
FILED = [("T001", 2013, "D10", 1, 1), ("T001", 2013, "D30", 1, 1), ("T001", 1998, "Y", 1, 1), ("T001", 2013, "D10", 1, 2),
         ("T002", 2013, "D10", 1, 1)]  # fmt: skip


def filed(fonds: str, year: int, code: str, item: int, version: int) -> dict[str, Any]:
    archival = f"{fonds}-ZY·XK·{year}·{code}-{item:05d}"
    electronic = f"440100-{fonds}-11440100FAKE00021A3440116001000-{year}-{code}-{item:06d}"
    days = terms.days(year, code)
    return {
        "case_no": archival, "version": version, "fonds_no": fonds, "category": "ZY·XK", "year": year, "retention_code": code,
        "retention_end": days["retention_end"], "open_due": days["open_due"], "transfer_due": days["transfer_due"],
        "archival_code": archival, "electronic_record_code": electronic, "title": "=关于某件", "closed_on": f"{year}-05-01",
        "matter_code": "11440100FAKE00021A3440116001000", "object_key": f"{electronic}/v{version}.zip",
        "filing": {"open_control": "delayed"},
    }  # fmt: skip


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    (home / "config/schedules").mkdir(parents=True)
    shutil.copy(NIGHT / "agencies.json", home / "config")
    shutil.copy(NIGHT / "matters.json", home / "config")
    for path in (SCHEMAS / "schedules").glob("*.json"):
        shutil.copy(path, home / "config/schedules")
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        agencies = {"T001": "nanyue-zwfw", "T002": "pengwan-rsj"}
        rows = [{"id": f"r{n}", "source": "", "agency": agencies[f[0]], "delivery": f"d{n}", "location": ""}
                for n, f in enumerate(FILED)]  # fmt: skip
        with ledger.begin() as tx:
            tx.add_batch("b", "run", AS_OF, rows)
            for n, f in enumerate(FILED):
                tx.move(f"r{n}", [State.LISTED], State.ACKNOWLEDGED, "acknowledged", **filed(*f))
        yield ledger


def codes(rows: list[dict[str, Any]]) -> list[str]:
    return [row["archival_code"] for row in rows]


def test_a_term_has_ended_the_day_after_its_last_and_a_case_stands_once(ledger: Ledger) -> None:
    last = dt.date(2023, 12, 31)
    assert due(ledger, Kind.EXPIRY, last) == []
    ended = due(ledger, Kind.EXPIRY, last + dt.timedelta(days=1))
    assert codes(ended) == ["T001-ZY·XK·2013·D10-00001", "T002-ZY·XK·2013·D10-00001"]
    assert (ended[0]["version"], ended[0]["object_key"][-6:]) == (2, "v2.zip")
    assert codes(due(ledger, Kind.EXPIRY, dt.date(9999, 1, 1), "T001")) == [
        "T001-ZY·XK·2013·D10-00001", "T001-ZY·XK·2013·D30-00001"
    ]  # fmt: skip


def test_opening_and_transfer_have_days_of_their_own(ledger: Ledger) -> None:
    assert codes(due(ledger, Kind.OPENING, dt.date(2024, 1, 1))) == ["T001-ZY·XK·1998·Y-00001"]
    assert codes(due(ledger, Kind.TRANSFER, dt.date(2018, 12, 31), "T001")) == ["T001-ZY·XK·1998·Y-00001"]
    assert len(due(ledger, Kind.TRANSFER, dt.date(2019, 1, 1), "T001")) == 3


def test_a_record_that_is_not_archived_yet_falls_due_nowhere(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        for n in range(len(FILED)):
            tx.move(f"r{n}", [State.ACKNOWLEDGED], State.FILED, "moved")
    assert due(ledger, Kind.TRANSFER, dt.date(9999, 1, 1)) == []


def test_lists_are_printed_as_table_json_and_csv(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["schedule", "due", "--expiry", "--before", "2024-01-01", "--fonds", "T001"]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retention_end"] == "2023-12-31"
    assert main([*asked, "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out.removeprefix("\ufeff")))
    assert (row["title"], row["open_control"]) == ("'=关于某件", "delayed")
    assert main(asked) == 0
    assert "T001-ZY·XK·2013·D10-00001" in capsys.readouterr().out


def test_what_a_frozen_fonds_hands_over_keeps_its_old_numbers(
    ledger: Ledger, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "handover", "T001"]) == 1
    assert "未被整体承继" in capsys.readouterr().err
    step = {"predecessor": "T001", "successor": "T009", "date": "2024-03-01", "document_no": "测编〔2024〕1号"}
    (home / "config/lineage.json").write_text(json.dumps({"schema": "guidang.lineage/1.0", "steps": [step]}), "utf-8")
    assert main(["schedule", "handover", "T001", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["no"], r["archival_code"]) for r in rows] == [
        (1, "T001-ZY·XK·1998·Y-00001"), (2, "T001-ZY·XK·2013·D10-00001"), (3, "T001-ZY·XK·2013·D30-00001")
    ]  # fmt: skip
    assert rows[1]["object_key"].endswith("v2.zip") and rows[0]["frozen_since"] == "2024-03-01"


@pytest.mark.parametrize(
    "content", ["[]", '{"schema": "x", "steps": []}', '{"schema": "guidang.lineage/1.0", "steps": [{}]}']
)
def test_a_broken_lineage_is_one_clear_error(
    ledger: Ledger, home: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config/lineage.json").write_text(content, "utf-8")
    assert main(["schedule", "handover", "T001"]) == 2
    assert "lineage.json" in capsys.readouterr().err


def test_coverage_counts_what_filing_decided_on(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"matter": "招标投标投诉处理裁决（测试）", "code": "11440000FAKE00013A2440904001000", "fonds": "T003"}
    more = [(State.HELD, "lingnan-fgw", Finding("FIL-UNSCHEDULED", params=told)),
            (State.HELD, "lingnan-fgw", Finding("SIG-ISSUER-UNKNOWN")),
            (State.REJECTED, "lingnan-fgw", Finding("FMT-EMPTY"))]  # fmt: skip
    rows = [
        {"id": f"x{n}", "source": "", "agency": a, "delivery": "d", "location": ""} for n, (_, a, _) in enumerate(more)
    ]
    with ledger.begin() as tx:
        tx.add_batch("c", "run", AS_OF, rows)
        for n, (state, _, finding) in enumerate(more):
            tx.move(f"x{n}", [State.LISTED], state, "moved", findings=[finding.as_json()])
    assert main(["schedule", "coverage", "--day", "2024-06-01", "--json"]) == 0
    told_json = json.loads(capsys.readouterr().out)
    assert (told_json["approved"], told_json["agencies"]) == (3, 3)
    t001, t002, t003 = told_json["fonds"]
    assert (t001["received"], t001["matched"], t001["matter_rate"]) == (4, 4, 1.0)
    assert t002["median_days"] == (dt.date(2024, 5, 20) - dt.date(2013, 5, 1)).days
    assert (t003["received"], t003["matched"], t003["matter_rate"] < 1) == (1, 0, True)
    assert t003["unscheduled"] == [{"code": told["code"], "name": told["matter"], "records": 1}]
    assert main(["schedule", "coverage", "--day", "2023-06-01"]) == 0
    out = capsys.readouterr().out
    assert "0/3" in out and "招标投标投诉处理裁决" in out
