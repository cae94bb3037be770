"""What filing files by: the ledger's versions, and files only until the first review."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from review_home import APPROVAL, NOW, V1, V2, WRITER, ReviewHome, in_force, line, version

from ingest.ledger import Ledger
from ingest.review import force
from ingest.review.force import in_use
from ingest.schedule import ScheduleError
from ingest.schedule.load import load_schedules
from ingest.settings import ConfigError
from ingest.steps import house

WAY = ("submit", "accept", "pass", "approve", "enforce")


def refused(home: ReviewHome) -> list[str]:
    with pytest.raises(ScheduleError) as error:
        in_use(home.home)
    return [f.code for f in error.value.findings]


def test_files_of_a_new_installation_are_adopted_once_with_an_event(desk_home: ReviewHome) -> None:
    old = dataclasses.replace(in_force("2022-V1"), status="superseded", effective_from=dt.date(2022, 1, 1),
                              effective_to=dt.date(2024, 1, 1))  # fmt: skip
    desk_home.put(in_force(), old)
    for _ in range(2):
        assert [s.version for s in in_use(desk_home.home).schedules] == ["2022-V1", "2024-V1"]
    steps = [(step["action"], step["version"], step["status_after"]) for step in desk_home.events()]
    assert steps == [("adopt", "2022-V1", "superseded"), ("adopt", "2024-V1", "in_force")]


def test_a_file_removed_later_changes_nothing(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    in_use(desk_home.home)
    next(desk_home.home.schedules.glob("*.json")).unlink()
    assert [s.version for s in in_use(desk_home.home).schedules] == ["2024-V1"]


def test_a_file_changed_later_is_refused_and_filing_stands_still(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    in_use(desk_home.home)
    desk_home.put(in_force("2024-V1", "2024-01-01", line("1.1", "D10")))
    assert refused(desk_home) == ["REV-KNOWN"]
    with pytest.raises(ConfigError, match="不能用于归档"):
        house.schedules(desk_home.home)
    desk_home.put(in_force())
    path = next(desk_home.home.schedules.glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), indent=4), "utf-8")  # the same, written otherwise
    assert len(in_use(desk_home.home).schedules) == 1


def test_once_a_fonds_is_reviewed_here_a_file_does_not_bypass_it(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    desk_home.put(in_force())
    assert refused(desk_home) == ["REV-MANAGED"]
    answer = desk_home.desk.adopt([(in_force(), None)], WRITER, NOW, "2023 年纸质批复", "os:test")
    assert not getattr(answer, "findings", None)
    assert [s.version for s in in_use(desk_home.home).schedules] == ["2024-V1"]
    assert desk_home.kept(V1).history[0].opinion == "2023 年纸质批复"


def test_drafts_in_the_folder_and_in_the_ledger_classify_nothing(desk_home: ReviewHome) -> None:
    desk_home.put(version("2025-V1"))
    desk_home.take_in(version())
    for action in ("submit", "accept", "pass", "approve"):
        desk_home.way(action)
        assert in_use(desk_home.home).schedules == ()
    desk_home.way("enforce")
    assert [s.version for s in in_use(desk_home.home).schedules] == ["2026-V2"]
    desk_home.done(V2, "revoke", opinion="批复撤销")
    assert in_use(desk_home.home).schedules == ()


def test_faults_of_all_files_are_told_and_none_is_taken(desk_home: ReviewHome) -> None:
    desk_home.put(in_force(), in_force("2025-V1", "2025-01-01"))
    assert refused(desk_home) == ["SCH-OVERLAP"]
    (desk_home.home.schedules / "broken.json").write_text("{", "utf-8")
    assert refused(desk_home) == ["SCH-JSON"]
    (desk_home.home.schedules / "broken.json").unlink()
    next(desk_home.home.schedules.glob("*2025*")).rename(desk_home.home.schedules / "copy.json")
    (desk_home.home.schedules / "again.json").write_bytes((desk_home.home.schedules / "copy.json").read_bytes())
    assert refused(desk_home) == ["SCH-VERSION-TWICE"]
    assert desk_home.events() == []


def test_two_processes_that_adopt_at_once_adopt_once(desk_home: ReviewHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is faster between our look and our transaction."""
    desk_home.put(in_force())
    real = force.account

    def meanwhile() -> str:
        monkeypatch.setattr(force, "account", real)
        with Ledger(desk_home.home.database_url) as other:
            assert force.adopt_folder(desk_home.home, other) == ["T001-SHY 2024-V1"]
        return real()

    monkeypatch.setattr(force, "account", meanwhile)
    assert [s.version for s in in_use(desk_home.home).schedules] == ["2024-V1"]
    assert [step["action"] for step in desk_home.events()] == ["adopt"]


def test_a_decision_is_seen_by_a_process_that_has_filed_before(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    first = house.schedules(desk_home.home)
    assert house.schedules(desk_home.home) is first  # indexed once
    desk_home.take_in(version())
    assert house.schedules(desk_home.home).digest == first.digest
    desk_home.way(*WAY)
    assert house.schedules(desk_home.home).digest != first.digest
    assert desk_home.kept().schedule.approval == APPROVAL


def test_the_folder_as_it_is_gives_what_the_ledger_gives(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    assert list(in_use(desk_home.home).schedules) == load_schedules(desk_home.home.schedules)
