"""Who may decide what, when a decision stands, and that none is carried out twice or on another question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from held_records import HeldHome

from ingest.cli import main
from ingest.findings import Finding, Severity
from ingest.held.decide import Refused, confirm, decide, foresee, withdraw
from ingest.held.questions import Action
from ingest.ledger import chain
from ingest.model import State
from ingest.settings import ConfigError

UNKNOWN = Finding("SIG-ISSUER-UNKNOWN", path="结果文件/批复.pdf", params={"issuer": "某 CA"})


def accept(held: HeldHome, *codes: str, name: str = "r1", by: str = "甲") -> str:
    (answer,) = decide(held.ledger, held.home.agencies(), [name], Action.ACCEPT, by=by, reason="已核对", codes=codes)
    return answer.refused or answer.status


def test_four_eyes_wait_for_another_person(tmp_path: Path) -> None:
    held = HeldHome(tmp_path / "home", policy={"held_accept": "four_eyes"})
    held.hold(UNKNOWN)
    assert accept(held) == "proposed"
    assert held.release() == {}
    (number,) = (detail for kind, detail in held.events() if kind == "held_decision")
    assert number["status"] == "proposed"
    with held.ledger.read() as conn:
        decision = conn.exec_driver_sql("select id from held_decision").scalar_one()
    with pytest.raises(Refused, match="另一人"):
        confirm(held.ledger, decision, by="甲")
    confirm(held.ledger, decision, by="乙")
    assert held.release() == {"decision": 1}
    assert held.row()["decisions"][0]["confirmed_by"] == "乙"
    with pytest.raises(Refused):
        confirm(held.ledger, decision, by="丙")
    held.ledger.close()


@pytest.mark.parametrize(("by", "via"), [("　乙", "os:b"), ("丙", "os:a"), ("乙", "")])
def test_two_names_of_one_account_are_one_pair_of_eyes(tmp_path: Path, by: str, via: str) -> None:
    held = HeldHome(tmp_path / "home", policy={"held_accept": "four_eyes"})
    held.hold(UNKNOWN)
    (answer,) = decide(held.ledger, held.home.agencies(), ["r1"], Action.ACCEPT, by="乙", reason="已核对", via="os:a")
    assert answer.decision is not None
    with pytest.raises(Refused, match="另一人"):
        confirm(held.ledger, answer.decision, by=by, via=via)
    confirm(held.ledger, answer.decision, by="丙", via="desk:丙")
    assert [d.get("via") for kind, d in held.events() if kind.startswith("held_")] == ["os:a", "desk:丙"]
    held.ledger.close()


def test_what_a_decision_will_do_is_told_before(held: HeldHome) -> None:
    held.hold(UNKNOWN, Finding("FIL-UNSCHEDULED"))
    agencies = held.home.agencies()
    with held.ledger.read() as conn:
        seen = foresee(conn, agencies, "r1", Action.ACCEPT)
        assert (seen.accepted, seen.left) == (("SIG-ISSUER-UNKNOWN",), ("FIL-UNSCHEDULED",))
        assert (seen.becomes, seen.four_eyes) == (State.RECEIVED, False)
        assert foresee(conn, agencies, "r1", Action.RETURN).becomes is State.REJECTED
        with pytest.raises(Refused, match="next_version"):
            foresee(conn, agencies, "r1", Action.NEXT_VERSION)
    assert list(held.statuses()) == []


def test_a_decision_on_what_the_page_showed_is_refused_once_it_asks_something_else(held: HeldHome) -> None:
    held.hold(UNKNOWN)
    stale = {"r1": ["FIL-UNSCHEDULED"]}
    agencies = held.home.agencies()
    (answer,) = decide(held.ledger, agencies, ["r1"], Action.RECHECK, by="甲", reason="x", asked=stale)
    assert "所问已变" in answer.refused
    now = {"r1": ["SIG-ISSUER-UNKNOWN"]}
    (answer,) = decide(held.ledger, agencies, ["r1"], Action.RECHECK, by="甲", reason="x", asked=now)
    assert answer.status == "decided"


def test_one_decision_stands_until_it_is_withdrawn(held: HeldHome) -> None:
    held.hold(UNKNOWN)
    assert accept(held) == "decided"
    assert "先撤回" in accept(held)
    with held.ledger.read() as conn:
        decision = conn.exec_driver_sql("select id from held_decision").scalar_one()
    withdraw(held.ledger, decision, by="甲", reason="看错了")
    assert held.release() == {}
    assert held.row()["state"] == "held"
    assert accept(held) == "decided"
    assert list(held.statuses()) == ["withdrawn", "decided"]


def test_a_decision_on_a_question_that_has_changed_is_void(held: HeldHome) -> None:
    held.hold(UNKNOWN)
    accept(held)
    with held.ledger.begin() as tx:
        tx.move("r1", [State.HELD], State.HELD, "held", findings=[Finding("FIL-UNSCHEDULED").as_json()])
    assert held.release() == {}
    assert (held.row()["state"], list(held.statuses())) == ("held", ["void"])
    assert held.events()[-1][0] == "held_void"


@pytest.mark.parametrize(
    ("finding", "action", "codes", "why"),
    [
        (Finding("FIL-UNSCHEDULED"), Action.ACCEPT, (), "guidang schedule rule"),
        (Finding("DEP-KEY-TAKEN"), Action.RETURN, (), "next_version"),
        (UNKNOWN, Action.NEXT_VERSION, (), "recheck"),
        (UNKNOWN, Action.ACCEPT, ("FMT-UNKNOWN",), "FMT-UNKNOWN"),
    ],
)
def test_what_does_not_answer_the_question_is_refused(
    held: HeldHome, finding: Finding, action: Action, codes: tuple[str, ...], why: str
) -> None:
    held.hold(finding)
    (answer,) = decide(held.ledger, held.home.agencies(), ["r1"], action, by="甲", reason="x", codes=codes)
    assert why in answer.refused


def test_nothing_is_decided_without_a_name_a_reason_or_a_held_record(held: HeldHome) -> None:
    held.hold(UNKNOWN)
    agencies = held.home.agencies()
    for by, reason in ((" ", "x"), ("甲", ""), ("甲", "x" * 501)):
        with pytest.raises(Refused):
            decide(held.ledger, agencies, ["r1"], Action.ACCEPT, by=by, reason=reason)
    with held.ledger.begin() as tx:
        tx.move("r1", [State.HELD], State.RECEIVED, "moved")
    (gone,) = decide(held.ledger, agencies, ["r1"], Action.ACCEPT, by="甲", reason="x")
    (none,) = decide(held.ledger, agencies, ["r9"], Action.ACCEPT, by="甲", reason="x")
    assert "不在待定" in gone.refused and "没有" in none.refused
    assert [kind for kind, _ in held.events()] == ["batch", "held", "moved"]


def test_only_the_codes_named_are_accepted(held: HeldHome) -> None:
    held.hold(UNKNOWN, Finding("FMT-UNKNOWN"))
    assert accept(held, "FMT-UNKNOWN") == "decided"
    held.release()
    assert held.row()["decisions"][0]["accepted"] == ["FMT-UNKNOWN"]


def test_the_next_version_comes_after_the_newest_of_the_case(held: HeldHome) -> None:
    held.hold(UNKNOWN, name="newest", version=4, identity="nanyue-zwfw|C1|4")
    held.hold(Finding("RCV-VERSION-CONFLICT"))
    decide(held.ledger, held.home.agencies(), ["r1"], Action.NEXT_VERSION, by="甲", reason="以本件为准")
    held.release()
    assert (held.row()["version"], held.row("newest")["version"]) == (5, 4)
    (remark,) = held.row()["findings"]
    assert remark["params"] | {"at": ""} == {"given": "1", "version": "5", "reason": "以本件为准", "by": "甲", "at": ""}


def test_a_decision_is_for_the_content_that_was_seen(held: HeldHome) -> None:
    """Staging is lost after the decision: what comes from the source then keeps the version only if it is the same."""
    from ingest import stages

    held.hold(UNKNOWN, name="first", identity="nanyue-zwfw|C1|1", content_digest="a" * 64)
    held.hold(Finding("RCV-VERSION-CONFLICT"), content_digest="b" * 64, staged=False)
    decide(held.ledger, held.home.agencies(), ["r1"], Action.NEXT_VERSION, by="甲", reason="以本件为准")
    held.release()
    assert (held.row()["state"], held.row()["version"]) == ("listed", 2)
    for content, state, version in (("c", "held", 1), ("b", "received", 2)):
        out = {
            "findings": [],
            "files": [],
            "case_no": "C1",
            "version": 1,
            "content_digest": content * 64,
            "final": False,
            "origin": None,
        }
        with held.ledger.begin() as tx:
            stages._received(tx, held.row(), out)
        assert (held.row()["state"], held.row()["version"]) == (state, version)
        if state == "held":
            with held.ledger.begin() as tx:
                tx.move("r1", [State.HELD], State.LISTED, "restaged", findings=[])
    assert "HLD-AS-VERSION" in held.codes()


def test_an_accepted_doubt_becomes_a_remark_and_a_proof_of_badness_still_rejects() -> None:
    from ingest.checks.accepted import soften

    decision = {"accepted": ["SIG-ISSUER-UNKNOWN"], "decided_by": "甲", "confirmed_by": "乙", "reason": "已核对",
                "decided_at": "2026-11-20T17:00:00+00:00"}  # fmt: skip
    doubt, bad = soften([UNKNOWN, Finding("FMT-UNKNOWN")], [decision]), soften([Finding("SIG-REVOKED")], [decision])
    assert [(f.code, f.weight) for f in doubt] == [
        ("SIG-ISSUER-UNKNOWN", Severity.REMARK), ("FMT-UNKNOWN", Severity.HOLD), ("HLD-ACCEPTED", Severity.REMARK)
    ]  # fmt: skip
    assert doubt[-1].params == {"code": "SIG-ISSUER-UNKNOWN", "reason": "已核对", "by": "甲、乙", "at": "2026-11-21"}
    assert [(f.code, f.weight) for f in bad] == [("SIG-REVOKED", Severity.REJECT)]


def test_killed_between_two_groups_the_rest_goes_on_and_nothing_twice(
    held: HeldHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.held import release as module

    names = [held.hold(UNKNOWN, name=f"r{n}") for n in range(45)]
    decide(held.ledger, held.home.agencies(), names, Action.RECHECK, by="甲", reason="已导入")
    real, calls = module._start_again, iter(range(100))

    def dies(*args, **columns):  # type: ignore[no-untyped-def]
        if next(calls) == 30:
            raise KeyboardInterrupt
        return real(*args, **columns)

    monkeypatch.setattr(module, "_start_again", dies)
    with pytest.raises(KeyboardInterrupt):
        held.release()
    assert [held.row(n)["state"] for n in names].count("received") == 20
    monkeypatch.setattr(module, "_start_again", real)
    assert held.release() == {"decision": 25}
    assert sum(kind == "released" for kind, _ in held.events()) == 45
    with held.ledger.read() as conn:
        assert list(chain.verify(conn)) == []


def test_the_command_lists_decides_and_says_what_it_refused(held: HeldHome, capsys: pytest.CaptureFixture[str]) -> None:
    held.hold(UNKNOWN)
    held.hold(Finding("FIL-UNSCHEDULED", params={"matter": "裁决"}), name="r2")
    at = ["--home", str(held.home.root)]
    assert main(["held", "list", "--cause", "FIL-UNSCHEDULED", "--json", *at]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["id"], row["codes"], row["decisions"]) == ("r2", ["FIL-UNSCHEDULED"], ["recheck", "return"])
    said = ["--by", "甲", "--reason", "已核对"]
    assert main(["held", "decide", "accept", "--cause", "SIG-ISSUER-UNKNOWN", *said, *at]) == 0
    assert main(["held", "decide", "accept", "r2", *said, *at]) == 1
    assert "guidang schedule rule" in capsys.readouterr().out
    assert main(["held", "decide", "accept", *said, *at]) == 1
    assert main(["held", "list", *at]) == 0
    out = capsys.readouterr().out
    assert "已决定" in out and "待定 2 件 / 2 held　FIL-UNSCHEDULED 1　SIG-ISSUER-UNKNOWN 1" in out and "某 CA" in out
    assert main(["held", "withdraw", "99", *said, *at]) == 1
    assert "99" in capsys.readouterr().err


def test_an_agency_that_left_the_registry_needs_four_eyes_and_stops_no_night(held: HeldHome) -> None:
    held.hold(UNKNOWN)
    held.hold(Finding("FIL-UNSCHEDULED"), name="r2")
    registry = held.home.config / "agencies.json"
    registry.write_text('{"agencies": []}', "utf-8")
    (answer,) = decide(held.ledger, {}, ["r1"], Action.ACCEPT, by="甲", reason="已核对")
    assert answer.status == "proposed"
    assert held.release() == {}


def test_rulings_that_cannot_be_read_are_one_clear_error(held: HeldHome) -> None:
    (held.home.schedules / "rulings").mkdir(parents=True)
    (held.home.schedules / "rulings/T001.json").write_text("{", "utf-8")
    with pytest.raises(ConfigError, match=r"T001\.json"):
        held.release()
