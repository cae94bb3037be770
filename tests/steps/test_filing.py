"""Filing one record: numbers drawn once for ever, days computed and kept, the fonds that takes it, what it says of opening."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest import stages
from ingest.ledger import Ledger
from ingest.ledger.tables import number, record, sequence
from ingest.model import Filing, State
from ingest.paths import SCHEMAS
from ingest.schedule import ScheduleSet
from ingest.schedule.lineage import Lineage, Succession
from ingest.schedule.load import schedule_from_data
from ingest.settings import Agency, ConfigError, Home
from ingest.stages import StageFailed
from ingest.steps.filing import Rules, file_records
from ingest.steps.receive import staged
from ingest.workers import Workers

T001 = json.loads((SCHEMAS / "schedules" / "T001-2024-V1.json").read_text("utf-8"))
T009 = T001 | {"fonds_no": "T009", "fonds_name": "承继全宗", "schedule_id": "T009-SHY"}
SCHEDULES = ScheduleSet([schedule_from_data(sheet, sheet["fonds_no"]) for sheet in (T001, T009)])
REFORM = Lineage([Succession("T001", "T009", dt.date(2025, 3, 1))])
REGISTERED = {"id": "a", "name": "测试局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001",
              "matter_type_scheme": "gd"}  # fmt: skip
AS_OF = "2025-06-01T01:00:00+08:00"


def agency(**raw: str) -> Agency:
    return Agency(
        "a", "测试局", "11440100FAKE00021A", "440100", "T001", "旧全宗", {}, {"matter_type_scheme": "gd"} | raw
    )


def case(closed: str = "2024-05-20", **about: Any) -> dict[str, Any]:
    matter = {"implementation_code": "11440100FAKE00021A3440116001000", "basic_code": "440116001000",
              "name": "食品经营许可证核发", "type": {"code": "01"}}  # fmt: skip
    return {
        "case": {"matter": matter, "region_code": "440100", "closed_at": f"{closed}T10:00:00+08:00"},
        "record": {"title": "食品经营许可"} | about,
        "files": [{"group": "申报文件"}, {"group": "结果文件"}],
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.upgrade()
        yield ledger


def file(ledger: Ledger, name: str, what: dict[str, Any], *, case_no: str = "C1", who: Agency | None = None,
         lineage: Lineage = REFORM, terms: tuple[str, ...] = ()) -> dict[str, Any]:  # fmt: skip
    """File one record that stands checked; its row afterwards."""
    row = {"id": name, "source": "", "agency": "a", "delivery": name, "location": ""}
    with ledger.begin() as tx:
        tx.add_batch(name, "run", AS_OF, [row])
        tx.move(name, [State.LISTED], State.CHECKED, "checked", case_no=case_no)
    (checked,) = ledger.records(name, [State.CHECKED])
    with ledger.begin() as tx:
        file_records(tx, Rules(SCHEDULES, lineage, terms), [(checked, what, who or agency())])
    with ledger.read() as conn:
        return dict(conn.execute(sa.select(record).where(record.c.id == name)).one()._mapping)


def test_class_term_and_days_stand_in_columns_of_their_own(ledger: Ledger) -> None:
    row = file(ledger, "r1", case())
    assert {k: row[k] for k in ("fonds_no", "category", "year", "retention_code", "retention_end", "open_due", "transfer_due",
                                "closed_on", "title", "matter_code", "archival_code")} == {
        "fonds_no": "T001", "category": "ZY·XK", "year": 2024, "retention_code": "D30", "retention_end": "2054-12-31",
        "open_due": "2049-12-31", "transfer_due": "2029-12-31", "closed_on": "2024-05-20", "title": "食品经营许可",
        "matter_code": "11440100FAKE00021A3440116001000", "archival_code": "T001-ZY·XK·2024·D30-00001",
    }  # fmt: skip
    assert file(ledger, "r2", case(), case_no="C2", who=agency(transfer_level="city"))["transfer_due"] == "2044-12-31"
    with pytest.raises(ConfigError, match="transfer_level"):
        file(ledger, "r3", case(), case_no="C3", who=agency(transfer_level="village"))
    assert file(ledger, "r4", case(), case_no="C4")["archival_code"].endswith("-00003")


def test_a_later_version_keeps_its_numbers_also_across_a_reform(ledger: Ledger) -> None:
    first = file(ledger, "r1", case(), lineage=Lineage(()))
    again = file(ledger, "r2", case("2025-04-01"))
    assert (again["archival_code"], again["fonds_no"], again["year"]) == (first["archival_code"], "T001", 2024)
    with ledger.read() as conn:
        assert len(conn.execute(sa.select(number)).all()) == 1
        assert {r.last for r in conn.execute(sa.select(sequence))} == {1}


@pytest.mark.parametrize(("closed", "fonds"), [("2025-02-28", "T001"), ("2025-03-01", "T009")])
def test_the_fonds_is_that_of_the_closing_day(ledger: Ledger, closed: str, fonds: str) -> None:
    row = file(ledger, "r1", case(closed))
    assert row["fonds_no"] == fonds and row["archival_code"].startswith(f"{fonds}-")
    moved = [f["code"] for f in row["findings"]] == ["FIL-SUCCESSOR-FONDS"]
    assert moved is (fonds == "T009") is ("承继" in row["filing"]["why"])


def test_a_successor_without_a_schedule_holds_the_record_and_says_of_which_fonds(ledger: Ledger) -> None:
    row = file(ledger, "r1", case("2025-04-01"), lineage=Lineage([Succession("T001", "T010", dt.date(2025, 1, 1))]))
    assert row["state"] == "held"
    assert [f["code"] for f in row["findings"]] == ["FIL-SUCCESSOR-FONDS", "FIL-NO-SCHEDULE"]
    assert "T010" in row["findings"][1]["zh"]


def test_why_opening_is_proposed_and_what_the_unit_said_go_with_the_filing(ledger: Ledger) -> None:
    said = {"decision": "delayed", "reason": "含个人信息", "open_from": None}
    filing = file(ledger, "r1", case(open_control=said, note="电话 13800138000；工艺甲"), terms=("工艺甲",))["filing"]
    assert filing["unit_opinion"] == {"decision": "delayed", "reason": "含个人信息"}
    assert [r for r in filing["open_reasons"] if "元数据" in r] == [
        "元数据中有敏感词“工艺甲”1处",
        "元数据中有移动电话号码1处",
    ]
    assert not any("13800138000" in r for r in filing["open_reasons"])
    later = file(ledger, "r2", case(note="无"))["filing"]
    assert later["open_control"] == filing["open_control"] and later["unit_opinion"] == filing["unit_opinion"]
    assert not any("元数据" in r for r in later["open_reasons"])
    assert Filing.from_json(filing | {"schema": "x"}).as_json() == filing


def test_a_class_whose_numbers_are_used_up_stops_only_its_own_records(home: Path) -> None:
    """Three records of a batch: the full class fails and stays checked, the others are filed without a gap."""
    (home / "config/schedules").mkdir(parents=True)
    (home / "config/agencies.json").write_text(json.dumps({"agencies": [REGISTERED]}), "utf-8")
    (home / "config/schedules/T001.json").write_text(json.dumps(T001, ensure_ascii=False), "utf-8")
    at = Home.of(home)
    years = {"r1": "2024-05-20", "r2": "2025-01-10", "r3": "2024-06-01"}
    with Ledger(at.database_url) as ledger, Workers(at) as workers:
        ledger.upgrade()
        rows = [{"id": name, "source": "", "agency": "a", "delivery": name, "location": ""} for name in years]
        with ledger.begin() as tx:
            tx.add_batch("b", "run", AS_OF, rows)
            tx.conn.execute(sa.insert(sequence).values(scope="档号:T001-ZY·XK·2025·D30", last=99_999))
            for name, closed in years.items():
                tx.move(name, [State.LISTED], State.CHECKED, "checked", case_no=name)
                (folder := staged(at, "b", name)).mkdir(parents=True)
                (folder / "record.json").write_text(json.dumps(case(closed), ensure_ascii=False), "utf-8")
        for _ in range(2):  # and the next night the same
            with pytest.raises(StageFailed, match="号已用尽"):
                stages.file(at, ledger, "b", workers)
        filed = {r["id"]: r["archival_code"] for r in ledger.records("b", [State.FILED])}
        assert filed == {"r1": "T001-ZY·XK·2024·D30-00001", "r3": "T001-ZY·XK·2024·D30-00002"}
        (stuck,) = ledger.records("b", [State.CHECKED])
        assert (stuck["id"], stuck["failures"]) == ("r2", 2) and "99999" not in (stuck["archival_code"] or "")
