"""Questions to reviewers: each is decided once, by somebody who may, about the text that was shown."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from review_home import APPROVER, NOW, REVIEWER, V2, WRITER, ReviewHome, in_force, line, version

from ingest.review import ask
from ingest.review.ask import AGREE, RETURN, NotTaken, Outcome, Ticket
from ingest.review.force import in_use
from ingest.schedule.review import Act, Done

FORM = {"approval_no": "测档审〔2026〕2号", "approval_org": "测试档案局", "approval_date": "2026-05-06",
        "effective_from": "2026-07-01", "opinion": "同意"}  # fmt: skip


@pytest.fixture
def ticket(desk_home: ReviewHome) -> Ticket:
    desk_home.put(in_force())
    in_use(desk_home.home)
    desk_home.take_in(version("2026-V2", line("1.1", "Y")))
    return ask.submit(desk_home.home, " T001-SHY/2026-V2 ", WRITER, NOW, "airflow:run1")


def answer(home: ReviewHome, ticket: Ticket, stage: str, chosen: str, by: str, **form: Any) -> Outcome:
    return ask.answer(home.home, ticket, stage, chosen, form, by, NOW, "airflow:run1")


def test_the_way_into_force(desk_home: ReviewHome, ticket: Ticket) -> None:
    assert isinstance(ask.question(desk_home.home, ticket, "first"), str)
    assert ask.question(desk_home.home, ticket, "second") == Outcome("", "", "submitted")
    assert answer(desk_home, ticket, "first", AGREE, REVIEWER) == Outcome(AGREE, REVIEWER, "second_review")
    assert answer(desk_home, ticket, "second", AGREE, APPROVER, **FORM) == Outcome(AGREE, APPROVER, "in_force")
    kept = desk_home.kept()
    assert (kept.schedule.effective_from, kept.history[-1].via) == (dt.date(2026, 7, 1), "airflow:run1")


def test_asking_and_answering_again_changes_nothing(desk_home: ReviewHome, ticket: Ticket) -> None:
    """A task may be killed after its answer was taken, or be cleared: the ledger says what was decided."""
    first = answer(desk_home, ticket, "first", AGREE, REVIEWER)
    second = answer(desk_home, ticket, "second", AGREE, APPROVER, **FORM)
    steps = desk_home.events()
    assert ask.question(desk_home.home, ticket, "first") == Outcome(AGREE, REVIEWER, "in_force")
    assert answer(desk_home, ticket, "first", RETURN, REVIEWER, opinion="反悔").taken == first.taken
    assert answer(desk_home, ticket, "second", AGREE, APPROVER, **FORM) == second
    with pytest.raises(NotTaken, match="不能送审"):
        ask.submit(desk_home.home, str(V2), WRITER, NOW, "airflow:run1")
    assert desk_home.events() == steps


def test_submitting_again_finds_the_round_under_way(desk_home: ReviewHome, ticket: Ticket) -> None:
    assert ask.submit(desk_home.home, str(V2), REVIEWER, NOW, "airflow:run2") == ticket
    assert [step["action"] for step in desk_home.events()].count("submit") == 1


@pytest.mark.parametrize("who", [WRITER, f" {WRITER} "])
def test_who_sent_it_is_refused_asked_again_and_told_why(desk_home: ReviewHome, ticket: Ticket, who: str) -> None:
    with pytest.raises(NotTaken, match="不得由其"):
        answer(desk_home, ticket, "first", AGREE, who)
    assert desk_home.kept().schedule.status == "submitted"
    told = ask.question(desk_home.home, ticket, "first")
    assert isinstance(told, str) and "答复未采纳" in told
    assert desk_home.events()[-1]["action"] == "refused" and desk_home.events()[-1]["by"] == who
    assert answer(desk_home, ticket, "first", AGREE, REVIEWER).taken == AGREE


@pytest.mark.parametrize(
    ("stage", "chosen", "form", "why"),
    [
        ("first", RETURN, {}, "须写明意见"),
        ("first", RETURN, {"opinion": "  "}, "须写明意见"),
        ("second", RETURN, {"opinion": None}, "须写明意见"),
        ("second", AGREE, FORM | {"approval_no": ""}, "批复须有文号、机关和日期"),
        ("second", AGREE, FORM | {"approval_org": None}, "批复须有文号、机关和日期"),
        ("second", AGREE, FORM | {"approval_date": "五月"}, "“五月”不是日期"),
        ("second", AGREE, FORM | {"effective_from": "2026-7-1"}, "“2026-7-1”不是日期"),
        ("second", AGREE, FORM | {"effective_from": "2026-05-05"}, "早于批复日期"),
        ("second", AGREE, FORM | {"effective_from": ""}, "没有施行日期"),
    ],
)
def test_an_answer_that_lacks_what_it_needs_is_asked_again(
    desk_home: ReviewHome, ticket: Ticket, stage: str, chosen: str, form: dict[str, Any], why: str
) -> None:
    if stage == "second":
        answer(desk_home, ticket, "first", AGREE, REVIEWER)
    before = desk_home.kept().schedule
    with pytest.raises(NotTaken, match=why):
        answer(desk_home, ticket, stage, chosen, APPROVER, **form)
    assert desk_home.kept().schedule == before
    assert isinstance(ask.question(desk_home.home, ticket, stage), str)


def test_a_return_ends_the_round_and_old_questions_no_longer_count(desk_home: ReviewHome, ticket: Ticket) -> None:
    assert answer(desk_home, ticket, "first", RETURN, REVIEWER, opinion="依据不足") == Outcome(
        RETURN, REVIEWER, "returned"
    )
    assert ask.question(desk_home.home, ticket, "second") == Outcome("", "", "returned")
    desk_home.take_in(version("2026-V2", line("1.1", "Y", remark="依据新规")))
    fresh = ask.submit(desk_home.home, str(V2), WRITER, NOW, "airflow:run2")
    assert fresh.round == 2
    assert ask.question(desk_home.home, ticket, "first") == Outcome("", "", "submitted")
    assert answer(desk_home, ticket, "first", AGREE, REVIEWER) == Outcome("", "", "submitted")  # about a text not shown
    assert desk_home.kept().schedule.status == "submitted"
    assert isinstance(ask.question(desk_home.home, fresh, "first"), str)


def test_a_decision_on_the_command_line_answers_the_question(desk_home: ReviewHome, ticket: Ticket) -> None:
    done = desk_home.desk.do(V2, *(Act(action, REVIEWER, NOW) for action in ("accept", "pass")))
    assert isinstance(done, Done)
    assert answer(desk_home, ticket, "first", RETURN, APPROVER, opinion="不") == Outcome(
        AGREE, REVIEWER, "second_review"
    )


def test_faults_are_not_submitted(desk_home: ReviewHome) -> None:
    desk_home.take_in(version("2026-V2", line("1.2")))
    with pytest.raises(NotTaken, match="条款号不连续"):
        ask.submit(desk_home.home, str(V2), WRITER, NOW, "")
    for wrong in ("T009-SHY/2026-V2", str(V2).replace("V2", "V3")):
        with pytest.raises(NotTaken, match="台账中没有"):
            ask.submit(desk_home.home, wrong, WRITER, NOW, "")


def test_the_brief_says_what_changed_and_cannot_be_made_to_say_more(desk_home: ReviewHome) -> None:
    desk_home.put(in_force("2024-V1", "2024-01-01", line("1.1", "D30")))
    in_use(desk_home.home)
    hostile = "![x](http://localhost/x.png)|<img src=x>"
    desk_home.take_in(version("2026-V2", line("1.1", "Y", entry_text="条款1.1"), line("1.2", entry_text=hostile)))
    ticket = ask.submit(desk_home.home, str(V2), WRITER, NOW, "")
    told = ask.question(desk_home.home, ticket, "first")
    assert isinstance(told, str)
    assert "|期限延长|1.1|条款1.1|保管期限：定期30年 → 永久|" in told
    assert ticket.text_digest in told and WRITER in told and "与《T001-SHY 2024-V1》相比 2 处" in told
    assert not re.search(r"(?<!\\)[<\[!]", told)  # nothing that Markdown would make a picture, a link or an element of
