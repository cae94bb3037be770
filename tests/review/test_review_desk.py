"""Versions in the ledger: every step with its event, all or nothing, and no way past the process."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

import pytest
import sqlalchemy as sa
from review_home import APPROVER, NOW, REVIEWER, V1, V2, WRITER, ReviewHome, in_force, line, version

from ingest.ledger import Ledger, chain
from ingest.ledger.tables import event, schedule_version
from ingest.review.desk import Desk
from ingest.review.force import in_use
from ingest.review.kept import Ref
from ingest.schedule import ScheduleError
from ingest.schedule.review import Act, Done, Refused

WAY = ("submit", "accept", "pass", "approve", "enforce")


def test_the_whole_way_from_draft_to_force_is_told_in_the_chain(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    assert desk_home.take_in(version())
    desk_home.way(*WAY)
    kept = desk_home.kept()
    assert (kept.schedule.status, kept.schedule.effective_from) == ("in_force", dt.date(2026, 7, 1))
    steps = [(step["action"], step["by"], step["status_after"]) for step in desk_home.events()]
    assert steps == [
        ("create", WRITER, "draft"), ("submit", WRITER, "submitted"), ("accept", REVIEWER, "first_review"),
        ("pass", REVIEWER, "second_review"), ("approve", REVIEWER, "approved"), ("enforce", REVIEWER, "in_force"),
    ]  # fmt: skip
    approved = desk_home.events()[4]
    assert approved["approval"] == {"no": "测档审〔2026〕2号", "org": "测试档案局", "date": "2026-05-06"}
    with desk_home.ledger.read() as conn:
        assert list(chain.verify(conn)) == []


def test_the_text_that_was_submitted_is_the_text_in_force(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    digest = version().text_digest
    desk_home.way(*WAY)
    assert {step["text_digest"] for step in desk_home.events()} == {digest}
    assert in_use(desk_home.home).schedules[0].text_digest == digest


def test_a_text_under_review_cannot_be_edited_until_it_is_returned(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    changed = version("2026-V2", line("1.1", "Y"))
    for action in ("submit", "accept", "pass", "approve", "enforce"):
        desk_home.way(action)
        answer = desk_home.take_in(changed)
        assert isinstance(answer, Refused) and [f.code for f in answer.findings] == ["REV-NOT-NOW"]
        assert desk_home.kept().schedule.text_digest == version().text_digest


def test_a_returned_text_is_mended_and_goes_again(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    desk_home.way("submit", "accept")
    desk_home.done(V2, "return", opinion="1.1 条期限依据不足")
    assert isinstance(desk_home.take_in(version("2026-V2", line("1.1", "Y"))), Done)
    assert desk_home.take_in(version("2026-V2", line("1.1", "Y"))) is None  # the same again is no step
    desk_home.way(*WAY)
    kept = desk_home.kept()
    assert kept.round == 2
    assert [s.action for s in kept.history][:6] == ["create", "submit", "accept", "return", "redraft", "edit"]
    assert [s.action for s in kept.this_round()] == list(WAY)
    assert kept.history[3].opinion == "1.1 条期限依据不足"
    assert [row[0] for row in kept.history[5].rows] == ["1.1"]


def test_who_wrote_or_sent_does_not_review_whatever_the_spelling(desk_home: ReviewHome) -> None:
    desk_home.take_in(version(), by="Zhang")
    desk_home.done(V2, "submit", by="Li")
    for name in ("Zhang", "zhang", " ZHANG", "Ｌｉ", "li"):
        assert desk_home.refused(V2, "accept", by=name) == ["REV-FOUR-EYES"]
    desk_home.done(V2, "accept", by="Wang")


def test_several_acts_are_taken_all_or_none(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    desk_home.way("submit", "accept", "pass")
    approve, late = desk_home.act("approve", APPROVER), desk_home.act("enforce", APPROVER, day=dt.date(2020, 1, 1))
    assert isinstance(desk_home.desk.do(V2, approve, late), Refused)
    assert desk_home.kept().schedule.status == "second_review"
    assert len(desk_home.events()) == 4


def test_the_version_before_ends_when_the_new_one_begins(desk_home: ReviewHome) -> None:
    desk_home.put(in_force())
    assert in_use(desk_home.home).in_force("T001", dt.date(2026, 8, 1)).version == "2024-V1"  # type: ignore[union-attr]
    desk_home.take_in(version())
    desk_home.way(*WAY)
    used = in_use(desk_home.home)
    found = [used.in_force("T001", day) for day in (dt.date(2026, 6, 30), dt.date(2026, 7, 1))]
    assert [each.version for each in found if each] == ["2024-V1", "2026-V2"]
    old = desk_home.kept(V1)
    assert (old.schedule.status, old.history[-1].action, old.history[-1].effective_to) == (
        "superseded", "supersede", "2026-07-01",
    )  # fmt: skip


def test_two_versions_in_force_never_overlap(desk_home: ReviewHome) -> None:
    desk_home.put(in_force("2027-V1", "2026-09-01"))
    in_use(desk_home.home)
    desk_home.take_in(version())
    desk_home.way("submit", "accept", "pass", "approve")
    assert desk_home.refused(V2, "enforce") == ["SCH-OVERLAP"]
    assert desk_home.kept().schedule.status == "approved"


def test_submitting_runs_the_checks_against_the_version_before_and_the_declared_matters(desk_home: ReviewHome) -> None:
    desk_home.put(in_force("2024-V1", "2024-01-01", line("1.1", "Y")))
    in_use(desk_home.home)
    desk_home.take_in(version("2026-V2", line("1.1", "D30")))
    assert desk_home.refused(V2, "submit", by=WRITER) == ["REV-LINT"]
    assert "SCH-SHORTENED" in [f.code for f in desk_home.desk.lint(desk_home.kept().schedule)]
    desk_home.take_in(version("2026-V2", line("1.1", "Y")))
    desk_home.declare({"name": "裁决", "type": {"scheme": "gd", "code": "09"}})
    assert desk_home.refused(V2, "submit", by=WRITER) == ["REV-LINT"]
    desk_home.declare({"name": "经营许可", "type": {"scheme": "gd", "code": "01"}})
    desk_home.done(V2, "submit", by=WRITER)


def test_only_drafts_come_in_and_only_by_their_way(desk_home: ReviewHome) -> None:
    answer = desk_home.take_in(in_force())
    assert isinstance(answer, Refused) and [f.code for f in answer.findings] == ["REV-CREATE"]
    answer = desk_home.desk.adopt([(version(), None)], WRITER, NOW, "依据", "os:test")
    assert isinstance(answer, Refused) and [f.code for f in answer.findings] == ["REV-ADOPT"]
    assert desk_home.refused(V2, "submit") == ["REV-UNKNOWN"]
    assert desk_home.events() == []


def test_what_a_file_says_of_approval_does_not_count(desk_home: ReviewHome) -> None:
    draft = dataclasses.replace(version(), approval=in_force().approval, effective_from=dt.date(2026, 8, 1))
    desk_home.take_in(draft)
    assert desk_home.kept().schedule.approval is None
    desk_home.way("submit", "accept", "pass", "approve")
    desk_home.done(V2, "enforce", day=None)
    assert desk_home.kept().schedule.effective_from == dt.date(2026, 8, 1)  # as proposed


@pytest.mark.parametrize(
    "change",
    [
        {"status": "in_force"},
        {"effective_from": "2020-01-01"},
        {"approval_no": "伪造"},
        {"text": version("2026-V2", line("1.1", "D10")).text()},
        {"text": (forged := version("2026-V2", line("1.1", "D10"))).text(), "text_digest": forged.text_digest,
         "digest": forged.digest},
    ],
    ids=["status", "day", "approval", "text", "text and digests"],
)  # fmt: skip
def test_a_row_changed_past_the_process_stops_review_and_filing(desk_home: ReviewHome, change: dict[str, str]) -> None:
    desk_home.take_in(version())
    desk_home.way(*WAY)
    if change == {"status": "in_force"}:
        desk_home.done(V2, "revoke", opinion="批复撤销")
    with desk_home.ledger.begin() as tx:
        tx.conn.execute(sa.update(schedule_version).values(**change))
    for look in (lambda: desk_home.kept(), lambda: in_use(desk_home.home)):
        with pytest.raises(ScheduleError, match="与审核记录不符"):
            look()


def test_an_event_changed_past_the_process_is_found_in_the_chain(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    with desk_home.ledger.begin() as tx:
        tx.conn.execute(sa.update(event).values(detail=sa.func.replace(event.c.detail, WRITER, REVIEWER)))
    with desk_home.ledger.read() as conn:
        assert [fault.code for fault in chain.verify(conn)] == ["CHAIN-DIGEST"]


def test_of_many_who_decide_at_once_one_does(desk_home: ReviewHome) -> None:
    desk_home.take_in(version())
    desk_home.way("submit")
    answers: list[Done | Refused] = []

    def decide(name: str) -> None:
        with Ledger(desk_home.home.database_url) as ledger:
            acts = [Act(action, name, NOW) for action in ("accept", "pass")]
            answers.append(Desk(desk_home.home, ledger).do(V2, *acts))

    threads = [threading.Thread(target=decide, args=(f"审核员{n}",)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Done"] + ["Refused"] * 5
    assert [step["action"] for step in desk_home.events()].count("pass") == 1


def test_names_of_versions() -> None:
    assert str(Ref.parse("T001-SHY/2026-V2")) == "T001-SHY/2026-V2"
    for wrong in ("T001-SHY", "/V2", "T001/", "a/b/c", ""):
        with pytest.raises(ValueError, match="应写作"):
            Ref.parse(wrong)
