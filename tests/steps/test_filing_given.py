"""Filing what brings its own 档号: kept as it is, nobody else's, and held against the schedule in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import DIGITISED, State
from ingest.paths import SCHEMAS
from ingest.schedule import ScheduleSet, numbers
from ingest.schedule.lineage import Lineage
from ingest.schedule.load import schedule_from_data
from ingest.settings import Agency
from ingest.steps.filing import Rules, file_records

T001 = schedule_from_data(json.loads((SCHEMAS / "schedules" / "T001-2024-V1.json").read_text("utf-8")), "T001")
RULES = Rules(ScheduleSet([T001]), Lineage(()), ())
AS_OF = "2025-06-01T01:00:00+08:00"
OURS = "T001-ZY·XK·2024·D30-"
MATTER = {
    "implementation_code": "11440100FAKE00021A3440116001000",
    "basic_code": "440116001000",
    "type": {"code": "01"},
}
CASE = {"case": {"matter": MATTER, "region_code": "440100", "closed_at": "2024-05-20T10:00:00+08:00"},
        "record": {"title": "食品经营许可"}, "files": [{"group": "申报文件"}, {"group": "结果文件"}]}  # fmt: skip


def scans(code: str, category: str = "ZY·XK", retention: str = "D30", fonds: str = "T001") -> dict[str, Any]:
    about = {"archival_code": code, "category_code": category, "retention_code": retention, "year": 2024, "fonds_no": fonds,
             "org_code": "BGS"}  # fmt: skip
    return {"case": {"case_no": code, "region_code": "440100"}, "record": {"title": "旧件", **about}, "files": []}


class Files:
    """A ledger in which records stand checked, and are filed together."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._batches = 0

    def file(self, *what: dict[str, Any], agency: str = "a", **columns: Any) -> list[dict[str, Any]]:
        self._batches += 1
        batch = f"b{self._batches}"
        rows = [
            {"id": f"{batch}-{n}", "source": "", "agency": agency, "delivery": "d", "location": ""}
            for n in range(len(what))
        ]
        with self.ledger.begin() as tx:
            tx.add_batch(batch, "run", AS_OF, rows)
            for row, one in zip(rows, what, strict=True):
                origin = None if one is CASE else DIGITISED
                about = {"case_no": one["case"].get("case_no", f"C{batch}"), "origin": origin} | columns
                tx.move(str(row["id"]), [State.LISTED], State.CHECKED, "checked", **about)
        who = Agency(agency, "测试局", "11440100FAKE00021A", "440100", "T001", "全宗", {}, {"matter_type_scheme": "gd"})
        with self.ledger.begin() as tx:
            checked = self.ledger.records(batch, [State.CHECKED])
            file_records(tx, RULES, [(row, one, who) for row, one in zip(checked, what, strict=True)])
        with self.ledger.read() as conn:
            found = conn.execute(sa.select(record).where(record.c.batch_id == batch).order_by(record.c.position))
            return [dict(r._mapping) for r in found]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.db'}" if sqlite else str(request.getfixturevalue("new_database")())
    with Ledger(url) as ledger:
        ledger.upgrade()
        yield Files(ledger)


def codes(row: dict[str, Any]) -> list[str]:
    return [f["code"] for f in row["findings"]]


def test_the_number_is_kept_and_ours_goes_on_behind_it(files: Files) -> None:
    (given,) = files.file(scans(f"{OURS}00007"))
    assert (given["state"], given["archival_code"], codes(given)) == ("filed", f"{OURS}00007", [])
    assert given["electronic_record_code"] == "440100-T001-ZY_XK-2024-D30-000001"
    assert numbers.parse_electronic_record_code(given["electronic_record_code"]).implementation_code == "ZY_XK"
    assert (given["category"], given["year"], given["closed_on"], given["matter_code"]) == ("ZY·XK", 2024, None, None)
    assert given["filing"]["schedule_id"] == T001.schedule_id
    (lower,) = files.file(scans(f"{OURS}00002"))
    (own,) = files.file(CASE)
    assert (lower["state"], own["archival_code"]) == ("filed", f"{OURS}00008")


def test_a_number_is_given_once_also_within_one_transaction(files: Files) -> None:
    (own,) = files.file(CASE)
    first, other = scans(f"{OURS}00005"), scans(f"{OURS}00005") | {"case": {"case_no": "X", "region_code": "440100"}}
    taken = [*files.file(first, other, scans(own["archival_code"])), *files.file(scans(f"{OURS}00005"), agency="b")]
    assert [(r["state"], codes(r)) for r in taken] == [
        ("filed", []), ("held", ["FIL-CODE-TAKEN"]), ("held", ["FIL-CODE-TAKEN"]), ("held", ["FIL-CODE-TAKEN"])
    ]  # fmt: skip
    assert taken[2]["findings"][0]["params"] == {"agency": "a", "case_no": own["case_no"]}
    (again,) = files.file(first, version=2)  # its own number in a later version
    assert (again["state"], again["electronic_record_code"]) == ("filed", taken[0]["electronic_record_code"])
    (next_,) = files.file(scans(f"{OURS}00009"))
    assert next_["electronic_record_code"].endswith("-000002")  # what was held has drawn nothing


def test_class_and_term_are_held_against_the_schedule_in_force(files: Files) -> None:
    known = {e.retention_code for e in T001.entries if e.category_path == "ZY·XK"}
    assert known == {"D10", "D30", "Y"}
    odd = "D20"
    code = f"T001-ZY·XK·2024·{odd}-00001"
    unknown = scans("T001-KJ·2024·Y-0001", "KJ", "Y")
    alien = scans("T777-WS·2024·Y-0001", "WS", "Y", "T777")
    rows = files.file(unknown, alien, scans(code, retention=odd))
    assert [(r["state"], codes(r)) for r in rows] == [
        ("filed", ["FIL-GIVEN-CLASS"]), ("filed", ["FIL-GIVEN-NO-SCHEDULE"]), ("held", ["FIL-GIVEN-RETENTION"])
    ]  # fmt: skip
    decision = {"content": "c", "accepted": ["FIL-GIVEN-RETENTION"], "decided_by": "甲", "confirmed_by": None, "reason": "有批复",
                "decided_at": AS_OF, "action": "accept"}  # fmt: skip
    (accepted,) = files.file(scans(code, retention=odd), content_digest="c", decisions=[decision])
    assert (accepted["state"], codes(accepted)) == ("filed", ["FIL-GIVEN-RETENTION", "HLD-ACCEPTED"])
    assert accepted["natures"] == "PPPP"


def test_without_a_region_no_number_can_be_made(files: Files) -> None:
    (row,) = files.file(scans(f"{OURS}00001") | {"case": {"case_no": "x", "region_code": "广州"}})
    assert (row["state"], codes(row)) == ("held", ["FIL-REGION"])
