"""The way of a version through review, and every step that must not be possible."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from schedule_samples import entry, schedule

from ingest.model import CST
from ingest.schedule import Schedule
from ingest.schedule.lint import lint
from ingest.schedule.model import Approval
from ingest.schedule.review import ACTIONS, Act, Done, Refused, ReviewEvent, decide, row_digest

NOW = dt.datetime(2024, 5, 6, 10, 0, tzinfo=CST)
APPROVAL = Approval("测档审〔2024〕2号", "测试档案局", dt.date(2024, 5, 6))
WAY = ["submit", "accept", "pass", "approve", "enforce"]


def draft(**more: Any) -> Schedule:
    return schedule(
        entry("1.1", keywords=["许可"]), version="V2", status="draft", approval=None, effective_from=None, **more
    )


def act(action: str, by: str = "审核员", **more: Any) -> Act:
    extra = {"approve": {"approval": APPROVAL}, "enforce": {"day": dt.date(2024, 7, 1)}}.get(action, {})
    return Act(action, by, NOW, **extra | more)


class Desk:
    """Holds a version and its history as the ledger would."""

    def __init__(self, version: Schedule) -> None:
        self.version = version
        self.history: list[ReviewEvent] = []

    def do(self, wanted: Act, **more: Any) -> Done:
        answer = decide(self.version, wanted, self.history, **more)
        assert isinstance(answer, Done), [f.text() for f in answer.findings]
        self.version = answer.schedules[0]
        self.history.append(answer.events[0])
        return answer

    def refused(self, wanted: Act, **more: Any) -> list[str]:
        answer = decide(self.version, wanted, self.history, **more)
        assert isinstance(answer, Refused)
        return [f.code for f in answer.findings]


def at(*steps: str) -> Desk:
    desk = Desk(draft())
    for step in steps:
        desk.do(act(step, by="起草员" if step in ("submit", "redraft") else "审核员"))
    return desk


def test_the_whole_way_leads_into_force() -> None:
    desk = at(*WAY)
    assert (desk.version.status, desk.version.effective_from) == ("in_force", dt.date(2024, 7, 1))
    assert desk.version.approval == APPROVAL
    assert [e.status_after for e in desk.history] == [
        "submitted",
        "first_review",
        "second_review",
        "approved",
        "in_force",
    ]


def test_a_returned_version_comes_back_as_a_draft_and_goes_again() -> None:
    desk = at("submit", "accept")
    desk.do(act("return", opinion="2.1 条期限依据不足"))
    desk.do(act("redraft", by="起草员"))
    desk.do(act("edit", by="起草员", content=dataclasses.replace(desk.version, fonds_name="改名全宗")))
    for step in WAY:
        desk.do(act(step, by="起草员" if step == "submit" else "审核员"))
    assert desk.version.status == "in_force"


@pytest.mark.parametrize("steps", [WAY[:n] for n in range(len(WAY) + 1)], ids=len)
def test_each_status_allows_its_own_acts_only(steps: list[str]) -> None:
    for action, (allowed, _, _) in ACTIONS.items():
        desk = at(*steps)
        answer = decide(desk.version, act(action, opinion="意见", content=desk.version), desk.history)
        refused = {f.code for f in answer.findings} if isinstance(answer, Refused) else set()
        assert ("REV-NOT-NOW" in refused) is (desk.version.status not in allowed)


def test_who_wrote_or_sent_a_version_does_not_review_it() -> None:
    for steps, action in (
        (["submit"], "accept"),
        (["submit", "accept"], "pass"),
        (["submit", "accept", "pass"], "approve"),
    ):
        assert at(*steps).refused(act(action, by="起草员")) == ["REV-FOUR-EYES"]
    desk = Desk(draft())
    desk.do(act("edit", by="执笔员", content=dataclasses.replace(desk.version, fonds_name="新名")))
    desk.do(act("submit", by="科长"))
    assert desk.refused(act("accept", by="执笔员")) == ["REV-FOUR-EYES"]


def test_what_each_step_needs() -> None:
    assert at("submit", "accept").refused(act("return", opinion=" ")) == ["REV-OPINION"]
    assert at("submit", "accept", "pass").refused(act("approve", approval=None)) == ["REV-APPROVAL"]
    assert at("submit", "accept", "pass").refused(act("approve", approval=Approval("", "局", NOW.date()))) == [
        "REV-APPROVAL"
    ]
    assert at(*WAY[:4]).refused(act("enforce", day=None)) == ["REV-DAY"]
    assert at(*WAY[:4]).refused(act("enforce", day=dt.date(2024, 5, 5))) == ["REV-DAY"]
    assert at().refused(act("submit", by="")) == ["REV-NOBODY"]
    with pytest.raises(ValueError, match="act of review"):
        decide(draft(), act("bless"), [])


def test_a_version_with_faults_is_not_sent() -> None:
    bad = schedule(entry("1.2", keywords=["许可"]), status="draft")
    assert Desk(bad).refused(act("submit"), checked=lint(bad)) == ["REV-LINT"]


def test_coming_into_force_ends_the_version_before_on_the_same_day() -> None:
    old = schedule(entry("1.1", keywords=["许可"]), version="V1")
    answer = at(*WAY[:4]).do(act("enforce"), peers=[old])
    ended = answer.schedules[1]
    assert (ended.version, ended.status, ended.effective_to) == ("V1", "superseded", dt.date(2024, 7, 1))
    assert [e.version for e in answer.events] == ["V2", "V1"]
    eve, day = dt.date(2024, 6, 30), dt.date(2024, 7, 1)
    assert [v.version for d in (eve, day) for v in answer.schedules if v.holds_on(d)] == ["V1", "V2"]


def test_a_version_that_would_overlap_is_refused() -> None:
    later = schedule(entry("1.1", keywords=["许可"]), version="V3", effective_from="2024-09-01")
    assert at(*WAY[:4]).refused(act("enforce"), peers=[later]) == ["SCH-OVERLAP"]


def test_an_edit_leaves_the_hash_of_every_changed_row() -> None:
    desk = Desk(draft())
    changed = schedule(
        entry("1.1", "Y", keywords=["许可"]), entry("1.2", keywords=["登记"]),
        version="V2", status="draft", approval=None, effective_from=None,
    )  # fmt: skip
    event = desk.do(act("edit", content=changed)).events[0]
    old, new = draft().entries[0], changed.entries
    assert event.rows == (("1.1", row_digest(old), row_digest(new[0])), ("1.2", None, row_digest(new[1])))
    assert ReviewEvent.from_json(json.loads(json.dumps(event.as_json()))) == event


def test_an_edit_keeps_identity_and_status() -> None:
    desk = Desk(draft())
    for change in ({"version": "V9"}, {"status": "in_force"}, {"fonds_no": "T009"}):
        assert desk.refused(act("edit", content=dataclasses.replace(desk.version, **change))) == ["REV-EDIT"]


def test_a_version_changed_past_the_process_goes_no_further() -> None:
    desk = at("submit", "accept")
    desk.version = dataclasses.replace(desk.version, fonds_name="悄悄改的")
    assert desk.refused(act("pass")) == ["REV-HISTORY"]
    assert Desk(schedule(entry("1.1"))).refused(act("revoke", opinion="废")) == ["REV-HISTORY"]


def test_revoking_needs_a_reason_and_ends_the_versions_use() -> None:
    desk = at(*WAY)
    desk.do(act("revoke", opinion="批复撤销"))
    assert not desk.version.holds_on(dt.date(2024, 8, 1))
