"""Every code that can hold a record has a question, and every decision offered on it leads out in the next run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from held_records import AGENCY, AS_OF, NEXT, HeldHome

from ingest.findings import Finding, Severity, table
from ingest.held.decide import decide
from ingest.held.questions import Action, ask, question
from ingest.ledger import chain
from ingest.model import State

# what holds a *schedule* in review, not a record
OF_SCHEDULES = ("SCH-", "REV-")
HOLDS = sorted(c for c, row in table().items() if row["severity"] == "hold" and not c.startswith(OF_SCHEDULES))
PATHS = [(code, action) for code in HOLDS for action in ask(code).decisions]
STAGES = {"receive": "listed", "check": "received", "file": "checked", "package": "filed", "deposit": "packaged"}


def finding(code: str) -> Finding:
    return Finding(code, params={"stage": "check"} if code == "RCV-WORKER-LOST" else {})


@pytest.mark.parametrize("code", HOLDS)
def test_every_code_that_holds_a_record_asks_something_that_can_be_answered(code: str) -> None:
    asked = question([finding(code)])
    assert asked.codes == (code,)
    assert asked.decisions and all(a.zh and a.en for a in asked.asked)
    assert all(a.words("zh") and a.words("en") for a in asked.decisions)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldHome]:
    """One ledger for all paths; its chain is whole in the end."""
    made = HeldHome(tmp_path_factory.mktemp("held") / "home")
    yield made
    with made.ledger.read() as conn:
        assert list(chain.verify(conn)) == []
    made.ledger.close()


@pytest.mark.parametrize(("code", "action"), PATHS, ids=[f"{c}-{a}" for c, a in PATHS])
def test_each_decision_leads_out_at_the_next_run(shared: HeldHome, code: str, action: Action) -> None:
    name = shared.hold(Finding("RCV-NAME-NOT-NFC"), finding(code), name=f"{code}-{action}", case_no=f"{code}-{action}")
    (answer,) = decide(shared.ledger, shared.home.agencies(), [name], action, by="档案员甲", reason="已核对原件")
    assert answer.status == "decided" and shared.row(name)["state"] == "held"
    assert shared.release() == {"decision": 1}
    row, codes = shared.row(name), shared.codes(name)
    assert row["state"] != "held"
    assert row["as_of"] == (AS_OF if row["state"] in ("filed", "packaged") else NEXT)
    assert [d["reason"] for d in row["decisions"]] == ["已核对原件"]
    if action is Action.RETURN:
        assert row["state"] == "rejected" and row["identity"] is None
        assert codes == {"RCV-NAME-NOT-NFC": "remark", code: "hold", "HLD-RETURNED": "reject"}
    elif action is Action.NEXT_VERSION:
        assert (row["state"], row["version"], row["identity"]) == ("received", 2, f"{AGENCY}|{name}|2")
        assert codes == {"RCV-NAME-NOT-NFC": "remark", "HLD-AS-VERSION": "remark"}
    elif action is Action.ACCEPT:
        assert row["state"] == "received" and row["decisions"][0]["accepted"] == [code]
    else:
        assert State(row["state"]) is question([finding(code)]).resume
        assert code not in codes
    assert shared.release() == {}
    assert list(shared.statuses())[-1] == "applied"


@pytest.mark.parametrize(("stage", "state"), STAGES.items())
def test_a_record_lost_in_a_stage_starts_again_there(held: HeldHome, stage: str, state: str) -> None:
    held.hold(Finding("RCV-WORKER-LOST", params={"stage": stage}))
    decide(held.ledger, held.home.agencies(), ["r1"], Action.RECHECK, by="甲", reason="内存已加")
    held.release()
    assert (held.row()["state"], held.codes()) == (state, {})


@pytest.mark.parametrize("code", ["SIG-ISSUER-UNKNOWN", "FIL-UNSCHEDULED", "DEP-KEY-TAKEN", "FMT-UNKNOWN"])
def test_what_staging_has_lost_is_taken_from_the_source_again(held: HeldHome, code: str) -> None:
    held.hold(Finding(code), staged=False)
    decide(held.ledger, held.home.agencies(), ["r1"], Action.RECHECK, by="甲", reason="重试")
    held.release()
    assert (held.row()["state"], held.codes()) == ("listed", {})


def test_an_unlisted_code_made_a_hold_by_policy_can_be_answered_too() -> None:
    asked = question([Finding("SIG-REVOKED", severity=Severity.HOLD), Finding("MET-LENGTH", severity=Severity.HOLD)])
    assert asked.decisions == (Action.RECHECK, Action.ACCEPT, Action.RETURN)
    assert asked.resume is State.RECEIVED


def test_several_causes_offer_only_what_answers_all_of_them() -> None:
    asked = question([Finding("SIG-ISSUER-UNKNOWN"), Finding("RCV-WORKER-LOST", params={"stage": "check"})])
    assert asked.decisions == (Action.RECHECK, Action.ACCEPT, Action.RETURN)
    assert asked.acceptable == ("SIG-ISSUER-UNKNOWN",)
