"""Held and rejected records at the desk: seen by cause, decided with a look ahead, by two people where the policy says so."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from desk_cases import MATTER, MINE, OTHER, CaseHome
from desk_sessions import DeskClient, FakeSessions

from desk.app import create_app
from desk.hooks import NotStarted, Pending
from desk.roles import Role, User
from ingest.findings import Finding
from ingest.held.release import release_held
from ingest.metadata import applicant
from ingest.model import State
from ingest.steps import house

UNKNOWN = Finding("SIG-ISSUER-UNKNOWN", path="结果文件/批复.pdf", params={"issuer": "某<b>CA"})
MATTERLESS = Finding(
    "FIL-UNSCHEDULED", params={"matter": "测试事项", "code": MATTER, "fonds": "T001", "schedule": "S", "proposal": "P"}
)
BROKEN = Finding("MET-SCHEMA", field="/case/closed_at", params={"reason": "缺"})
Clients = Callable[..., DeskClient]
FOUR = {"held_accept": "four_eyes"}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseHome]:
    made = CaseHome(tmp_path / "home", FOUR)
    yield made
    made.ledger.close()


def token(record: str, *codes: str) -> str:
    return f"{record}|{','.join(codes or ('SIG-ISSUER-UNKNOWN',))}"


def test_causes_are_counted_and_a_producer_sees_its_own(case: CaseHome, client_of: Clients) -> None:
    case.put(State.HELD, UNKNOWN, count=3)
    case.put(State.HELD, UNKNOWN, MATTERLESS, agency=OTHER)
    page = client_of(case.home, "auditor").get("/queues/held").text
    assert re.findall(r'cause=([A-Z-]+)">(\d+)<', page) == [("SIG-ISSUER-UNKNOWN", "4"), ("FIL-UNSCHEDULED", "1")]
    assert "签名不能判定" in page and "Required Actions" in page
    mine = client_of(case.home, "producer", MINE).get("/queues/held").text
    assert "FIL-UNSCHEDULED" not in mine and OTHER not in mine and "Required Actions" not in mine
    other = client_of(case.home, "producer", OTHER).get(f"/queues/held?cause=SIG-ISSUER-UNKNOWN&agency={MINE}")
    assert "没有因此待定的件" in other.text or "b1-0" not in other.text


def test_records_of_a_cause_are_paged_and_escaped(case: CaseHome, client_of: Clients) -> None:
    case.put(State.HELD, UNKNOWN, count=60)
    client = client_of(case.home, "archivist")
    first = client.get("/queues/held?cause=SIG-ISSUER-UNKNOWN").text
    assert first.count('name="record"') == 50 and "某&lt;b&gt;CA" in first
    following = re.search(r'href="([^"]+after=[^"]+)" rel="next"', first)
    assert following
    assert client.get(following[1].replace("&amp;", "&")).text.count('name="record"') == 10
    assert client.get("/queues/held?cause=SIG-ISSUER-UNKNOWN&after=nonsense").status_code == 400
    assert "没有因此待定的件" in client.get("/queues/held?cause=FMT-UNKNOWN").text
    assert client.get("/queues/held?cause=NO-SUCH-CODE").status_code == 200


def test_neither_queue_nor_its_api_tells_who_the_applicant_is(case: CaseHome, client_of: Clients) -> None:
    keys = [applicant.key(house.applicant_key(case.home), "测试甲子")]
    odd = dataclasses.replace(
        UNKNOWN, path="结果文件/测试甲子的批复.pdf", params={"issuer": "测试甲子（440103190001010011）"}
    )
    broken = dataclasses.replace(BROKEN, params={"rule": "申请人测试甲子，电话13800001234"})
    case.put(State.HELD, odd, applicant_keys=keys)
    case.put(State.REJECTED, broken, applicant_keys=keys)
    case.put(
        State.REJECTED, dataclasses.replace(BROKEN, path="申报文件/测试乙丑.pdf")
    )  # never checked: nobody is known of it
    client = client_of(case.home, "archivist")
    pages = [
        client.get(f"{where}?days=3660").text
        for where in ("/queues/held", "/queues/rejected", "/api/v1/queues/rejected", f"/api/v1/queues/held/{odd.code}")
    ] + [client.get(f"/queues/held?cause={odd.code}").text]
    told = "".join(pages)
    for secret in ("测试甲子", "测试乙丑", "440103190001010011", "13800001234"):
        assert secret not in told
    assert told.count("结果文件/测***的批复.pdf") == 2 and "138****1234" in told and "申报文件/***.pdf" in told


def test_a_decision_is_looked_at_taken_confirmed_by_another_and_carried_out(case: CaseHome, client_of: Clients) -> None:
    one, two = case.put(State.HELD, UNKNOWN, count=2)
    (three,) = case.put(State.HELD, UNKNOWN, agency=OTHER)
    archivist = client_of(case.home, "archivist", name="甲")
    chosen = [token(one), token(two), token(three)]
    seen = archivist.submit("/queues/look", {"action": "accept", "record": chosen, "reason": "已核对"}).text
    assert "3 件可以这样决定" in seen and "其中 2 件按机构的规定须由第二人确认" in seen and "SIG-ISSUER-UNKNOWN" in seen
    assert case.kinds("held_") == []
    done = archivist.submit("/queues/decide", {"action": "accept", "record": chosen, "reason": "已核对"})
    assert done.status_code == 200 and case.kinds("held_") == ["held_decision"] * 3
    assert [d["via"] for d in case.details("held_decision")] == ["desk:甲"] * 3
    page = archivist.get("/queues/held").text
    assert page.count("待第二人确认") == 2 and "/confirm" not in page
    numbers = re.findall(
        r"/queues/decisions/(\d+)/confirm", client_of(case.home, "reviewer", name="乙").get("/queues/held").text
    )
    assert len(numbers) == 2
    same = client_of(case.home, "administrator", name="甲")
    assert same.submit(f"/queues/decisions/{numbers[0]}/confirm").status_code == 422
    assert archivist.submit(f"/queues/decisions/{numbers[0]}/confirm").status_code == 403
    reviewer = client_of(case.home, "reviewer", name="乙")
    for number in numbers:
        assert reviewer.submit(f"/queues/decisions/{number}/confirm").status_code == 303
    assert reviewer.submit(f"/queues/decisions/{numbers[0]}/confirm").status_code == 422  # pressed twice
    assert release_held(case.home, case.ledger, "2026-11-21T01:00:00+08:00", "next") == {"decision": 3}
    assert case.details("held_confirmed")[0]["by"] == "乙"


def test_sent_twice_or_by_an_old_page_nothing_is_decided_again(case: CaseHome, client_of: Clients) -> None:
    (one,) = case.put(State.HELD, UNKNOWN)
    client = client_of(case.home, "archivist")
    form = {"action": "recheck", "record": [token(one)], "reason": "已导入"}
    assert client.submit("/queues/decide", form).status_code == 200
    again = client.submit("/queues/decide", form)
    assert again.status_code == 409 and "先撤回" in again.text
    (two,) = case.put(State.HELD, MATTERLESS)
    stale = client.submit("/queues/decide", {"action": "recheck", "record": [token(two)], "reason": "x"})
    assert stale.status_code == 409 and "所问已变" in stale.text
    assert case.kinds("held_") == ["held_decision"]


def test_all_of_a_cause_are_decided_but_those_that_are_decided_already(case: CaseHome, client_of: Clients) -> None:
    ids = case.put(State.HELD, UNKNOWN, count=5)
    client = client_of(case.home, "archivist")
    client.submit("/queues/decide", {"action": "return", "record": [token(ids[0])], "reason": "退"})
    seen = client.submit("/queues/look", {"action": "return", "all_of": "SIG-ISSUER-UNKNOWN"}).text
    (tokens,) = re.findall(r'name="records" value="([^"]+)"', seen)
    assert sorted(tokens.split()) == sorted(token(i) for i in ids[1:])
    assert client.submit("/queues/look", {"action": "return", "all_of": "FMT-UNKNOWN"}).status_code == 422


def test_more_than_a_thousand_go_through_one_form(case: CaseHome, client_of: Clients) -> None:
    ids = case.put(State.HELD, UNKNOWN, agency=OTHER, count=1050)
    client = client_of(case.home, "archivist")
    seen = client.submit("/queues/look", {"action": "return", "all_of": "SIG-ISSUER-UNKNOWN"}).text
    assert "1050 件可以这样决定" in seen
    (tokens,) = re.findall(r'name="records" value="([^"]+)"', seen)
    assert tokens.split() == [token(i) for i in ids]
    few = " ".join(tokens.split()[:3])
    assert client.submit("/queues/decide", {"action": "return", "records": few, "reason": "退"}).status_code == 200
    assert case.kinds("held_") == ["held_decision"] * 3
    too_many = " ".join(token(f"x{i}") for i in range(2001))
    assert client.submit("/queues/decide", {"action": "return", "records": too_many, "reason": "退"}).status_code == 422


def test_what_does_not_answer_the_question_is_told_before_and_refused(case: CaseHome, client_of: Clients) -> None:
    (one,) = case.put(State.HELD, MATTERLESS)
    client = client_of(case.home, "archivist")
    seen = client.submit("/queues/look", {"action": "accept", "record": [token(one, "FIL-UNSCHEDULED")]}).text
    assert "1 件不能" in seen and "guidang schedule rule" in seen and "作出决定" not in seen
    form = {"action": "accept", "record": [token(one, "FIL-UNSCHEDULED")], "reason": "x"}
    assert client.submit("/queues/decide", form).status_code == 409
    assert client.submit("/queues/decide", {**form, "action": "erase"}).status_code == 422
    assert client.submit("/queues/decide", {**form, "reason": " "}).status_code == 422
    assert case.kinds("held_") == []


def test_a_decision_is_withdrawn_with_a_reason(case: CaseHome, client_of: Clients) -> None:
    (one,) = case.put(State.HELD, UNKNOWN)
    client = client_of(case.home, "archivist")
    client.submit("/queues/decide", {"action": "return", "record": [token(one)], "reason": "退"})
    (number,) = re.findall(r"/queues/decisions/(\d+)/withdraw", client.get("/queues/held").text)
    assert client.submit(f"/queues/decisions/{number}/withdraw", {"reason": ""}).status_code == 422
    assert client.submit(f"/queues/decisions/{number}/withdraw", {"reason": "看错了"}).status_code == 303
    assert case.kinds("held_") == ["held_decision", "held_withdrawn"]


@pytest.mark.parametrize("role", ["operator", "reviewer", "auditor", "producer"])
def test_other_roles_see_and_decide_nothing(case: CaseHome, client_of: Clients, role: str) -> None:
    (one,) = case.put(State.HELD, UNKNOWN)
    client = client_of(case.home, role, MINE if role == "producer" else None)
    page = client.get("/queues/held?cause=SIG-ISSUER-UNKNOWN").text
    assert "C-b1-0" in page and 'name="record"' not in page
    for where in ("look", "decide"):
        assert (
            client.submit(f"/queues/{where}", {"action": "return", "record": [token(one)], "reason": "x"}).status_code
            == 403
        )
    assert client.get("/queues/rule").status_code == 403
    assert case.kinds("held_") == []


def test_without_the_forms_token_nothing_is_decided(case: CaseHome, client_of: Clients) -> None:
    (one,) = case.put(State.HELD, UNKNOWN)
    form = {"action": "return", "record": token(one), "reason": "x"}
    headers = {"Origin": "http://127.0.0.1"}
    assert client_of(case.home, "archivist").post("/queues/decide", data=form, headers=headers).status_code == 403
    assert client_of(case.home, None).post("/queues/decide", data=form, headers=headers).status_code in (401, 403)
    assert case.kinds("held_") == []


def test_rejected_records_tell_what_to_mend_and_whether_the_producer_knows(case: CaseHome, client_of: Clients) -> None:
    case.put(State.REJECTED, BROKEN, count=2, receipt_code=2, receipt_at="2026-11-20T03:00:00+00:00")
    case.put(State.REJECTED, Finding("FMT-EMPTY", path="a.pdf"), agency=OTHER)
    client = client_of(case.home, "operator")
    page = client.get("/queues/rejected?days=365").text
    assert "MET-SCHEMA" in page and "FMT-EMPTY" in page and page.count("已发") == 2 and page.count("未发") == 1
    assert "2026-11-20 11:00:00" in page and "/case/closed_at" in page
    some = client.get("/queues/rejected?days=365&code=FMT-EMPTY").text
    assert "C-b2-0" in some and "C-b1-0" not in some
    mine = client_of(case.home, "producer", MINE).get("/queues/rejected?days=365").text
    assert "FMT-EMPTY" not in mine and "C-b1-1" in mine
    client.submit("/language", {"to": "en"})
    assert "to mend" in client.get("/queues/rejected?days=365").text
    assert "Nothing was sent back" in client.get("/queues/rejected?days=7&code=NONE").text


# ------------------------------------------------------------------------------------------------ the scheduler around it


@dataclasses.dataclass
class Around:
    """A scheduler as the desk sees one."""

    starts: list[str] = dataclasses.field(default_factory=list)
    refuse: str = ""

    def pending(self) -> Sequence[Pending]:
        return [
            Pending(
                "初审 T001-SHY/2026-V2",
                "schedule_review",
                "run 1",
                "first_review",
                "2026-11-20T01:00:00+08:00",
                "/dags/x",
            )
        ]

    def start_night(self, by: str, reason: str) -> None:
        if self.refuse:
            raise NotStarted(self.refuse)
        self.starts.append(by)


def inside(case: CaseHome, role: str, scheduler: Around) -> DeskClient:
    return DeskClient(create_app(case.home, FakeSessions(User("甲", Role(role))), scheduler=scheduler))


def test_inside_the_scheduler_its_questions_stand_there_and_a_night_can_be_started(case: CaseHome) -> None:
    (one,) = case.put(State.HELD, UNKNOWN)
    around = Around()
    with inside(case, "administrator", around) as client:
        client.submit("/queues/decide", {"action": "return", "record": [token(one)], "reason": "退"})
        page = client.get("/queues/held").text
        assert "初审 T001-SHY/2026-V2" in page and "/queues/start" in page
        assert client.submit("/queues/start").headers["location"] == "/"
        assert (around.starts, case.details("night_asked")) == (["甲"], [{"by": "甲", "via": "desk:甲"}])
        around.refuse = "流程已暂停"
        assert "流程已暂停" in client.submit("/queues/start").text
    with inside(case, "auditor", around) as client:
        assert client.submit("/queues/start").status_code == 403


def test_alone_it_says_how_a_night_is_started(case: CaseHome, client_of: Clients) -> None:
    answer = client_of(case.home, "operator").submit("/queues/start")
    assert answer.status_code == 409 and "guidang ingest" in answer.text
    assert case.kinds("night_asked") == []
