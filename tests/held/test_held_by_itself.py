"""What lets a held record go without a decision on it: a ruling on its matter, a version that now holds, new trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from held_records import NEXT, HeldHome

from ingest.cli import main
from ingest.findings import Finding
from ingest.held import trust
from ingest.held.decide import decide
from ingest.held.questions import Action
from ingest.held.rulings import note_rulings
from ingest.ledger import chain
from ingest.ledger.tables import held_decision
from ingest.paths import SCHEMAS
from ingest.report import report
from ingest.review.desk import Desk
from ingest.review.kept import Ref
from ingest.schedule.load import schedule_from_data
from ingest.schedule.model import Approval
from ingest.schedule.review import Act, Done
from ingest.signatures import TrustStore
from ingest.steps import house

SHEET = json.loads((SCHEMAS / "schedules" / "T001-2024-V1.json").read_text("utf-8"))
MATTER = "11440100FAKE00021A3440904001000"  # 行政裁决: the example schedule of this fonds is cut down to one entry
ENTRY = SHEET["entries"][0] | {"entry_no": "1.1", "archive": True, "retention_code": "D30", "material_kind": "all"}
RULE = ["schedule", "rule", MATTER, "--fonds", "T001", "--version", f"{SHEET['schedule_id']}/2024-V1", "--entry", "1.1"]
WHO = ["--by", "档案员甲", "--reason", "比照同类事项"]
CASE = {"case": {"matter": {"implementation_code": MATTER, "name": "裁决"}, "region_code": "440100",
                 "closed_at": "2026-11-19T16:00:00+08:00"}, "record": {}, "files": []}  # fmt: skip


@pytest.fixture
def waiting(held: HeldHome) -> HeldHome:
    """Two records of the matter held, and a schedule in force that does not know it."""
    held.home.schedules.mkdir()
    write(held, "V1", "2024-V1")
    for name in ("r1", "r2"):
        held.hold(Finding("RCV-NEW-VERSION"), Finding("FIL-UNSCHEDULED"), name=name)
        row = held.row(name)
        (held.home.staging / row["batch_id"] / name / "record.json").write_text(json.dumps(CASE), "utf-8")
    assert held.release() == {}
    return held


def write(held: HeldHome, file: str, version: str) -> None:
    (held.home.schedules / f"{file}.json").write_text(json.dumps(sheet(version)), "utf-8")


def sheet(version: str, *codes: str, **more: Any) -> dict[str, Any]:
    entry = ENTRY | {"matter_codes": list(codes), "matter_type": None, "keywords": [], "category_default": False}
    return SHEET | {"version": version, "entries": [entry]} | more


def put_into_force(held: HeldHome, draft: dict[str, Any]) -> None:
    desk, version, at = Desk(held.home, held.ledger), schedule_from_data(draft, "draft"), _moment(NEXT)
    desk.take_in(version, "起草员", at, "")
    approval = Approval("测档审2号", "测试档案局", at.date())
    steps = [Act("submit", "起草员", at)]
    steps += [Act(action, "审核员", at, approval=approval) for action in ("accept", "pass", "approve", "enforce")]
    assert isinstance(desk.do(Ref.of(version), *steps), Done)


def test_one_ruling_releases_every_record_that_waits_on_the_matter(waiting: HeldHome) -> None:
    assert main([*RULE, *WHO, "--home", str(waiting.home.root)]) == 0
    (ruled,) = (detail for kind, detail in waiting.events() if kind == "ruling")
    assert (ruled["decided_by"], ruled["reason"], ruled["matter_code"]) == ("档案员甲", "比照同类事项", MATTER)
    assert waiting.release() == {"schedule": 2}
    for name in ("r1", "r2"):
        row = waiting.row(name)
        assert (row["state"], row["as_of"], waiting.codes(name)) == ("checked", NEXT, {"RCV-NEW-VERSION": "info"})
    assert [k for k, _ in waiting.events()].count("ruling") == 1
    with waiting.ledger.read() as conn:
        assert list(chain.verify(conn)) == []


def test_a_ruling_is_withdrawn_with_who_and_why_and_files_changed_by_hand_are_noted(waiting: HeldHome) -> None:
    at = ["--home", str(waiting.home.root)]
    main([*RULE, *WHO, *at])
    assert main(["schedule", "unrule", MATTER, "--fonds", "T001", *WHO, *at]) == 0
    assert main(["schedule", "unrule", MATTER, "--fonds", "T001", *WHO, *at]) == 1
    assert [k for k, _ in waiting.events()][-3:] == ["ruling", "ruling_withdrawn", "ruling_gone"]
    assert waiting.release() == {}
    main([*RULE, *WHO, *at])
    file = waiting.home.schedules / "rulings/T001.json"
    file.write_text(file.read_text("utf-8").replace("档案员甲", "档案员丙"), "utf-8")
    assert note_rulings(waiting.ledger, waiting.home.schedules) == 1
    assert waiting.events()[-1][1]["decided_by"] == "档案员丙"
    assert note_rulings(waiting.ledger, waiting.home.schedules) == 0


def test_a_ruling_whose_event_was_lost_with_the_process_is_chained_by_the_next_run(
    waiting: HeldHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.held import rulings

    def dies(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(rulings, "note_rulings", dies)
    assert main([*RULE, *WHO, "--home", str(waiting.home.root)]) == 130
    assert not [k for k, _ in waiting.events() if k == "ruling"]
    assert waiting.release() == {"schedule": 2}
    assert [k for k, _ in waiting.events()].count("ruling") == 1


def test_a_version_approved_since_that_names_the_matter_releases_them(waiting: HeldHome) -> None:
    put_into_force(waiting, sheet("2026-V2", MATTER, status="draft", approval=None, effective_from="2026-11-21"))
    assert waiting.release("2026-11-20T23:00:00+08:00") == {}
    assert waiting.release() == {"schedule": 2}
    answer = house.schedules(waiting.home).match(CASE, "T001", as_of=_moment(NEXT))
    assert [f.code for f in answer.findings] == ["FIL-LATER-VERSION"]


def test_a_record_on_which_a_person_decided_waits_for_nothing_else(waiting: HeldHome) -> None:
    decide(waiting.ledger, waiting.home.agencies(), ["r1"], Action.RETURN, by="甲", reason="不归档")
    main([*RULE, *WHO, "--home", str(waiting.home.root)])
    assert waiting.release() == {"decision": 1, "schedule": 1}
    assert report(waiting.ledger, f"night {NEXT}").released == {"decision": 1, "schedule": 1}
    assert report(waiting.ledger, "run b1").released == {}
    assert (waiting.row("r1")["state"], waiting.row("r2")["state"]) == ("rejected", "checked")


def test_what_answers_itself_voids_an_acceptance_that_nobody_confirmed(waiting: HeldHome) -> None:
    with waiting.ledger.begin() as tx:
        tx.conn.execute(
            sa.insert(held_decision).values(
                id=999, record_id="r1", action="return", codes=["FIL-UNSCHEDULED"], accepted=[], reason="x",
                decided_by="甲", decided_at=tx.now, status="proposed",
            )
        )  # fmt: skip
    main([*RULE, *WHO, "--home", str(waiting.home.root)])
    assert waiting.release() == {"schedule": 2}
    assert list(waiting.statuses()) == ["void"]


def test_trust_that_helps_releases_and_the_same_trust_never_twice(
    held: HeldHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.hold(Finding("SIG-ISSUER-UNKNOWN", path="a.pdf"))
    signatures = next(held.home.staging.rglob("signatures.json"))
    signatures.write_text(json.dumps({"trust": "before", "files": [{"verdict": "INDETERMINATE"}]}), "utf-8")
    monkeypatch.setattr("ingest.held.release.helps", lambda files, store: None)
    assert held.release() == {}
    monkeypatch.setattr("ingest.held.release.helps", lambda files, store: "CN=新根")
    signatures.write_text(json.dumps({"trust": TrustStore().digest, "files": []}), "utf-8")
    assert held.release() == {}  # judged with the store as it stands
    signatures.write_text(json.dumps({"trust": "before", "files": []}), "utf-8")
    assert held.release() == {"trust": 1}
    assert (held.row()["state"], held.events()[-1][1]["helped"]) == ("received", "CN=新根")


def test_a_revocation_list_that_was_missing_helps(tmp_path: Path) -> None:
    import datetime as dt

    from ingest.signatures.certs import name_text
    from samplenight import sealpki

    authority = sealpki.authority(dt.datetime(2026, 11, 19, tzinfo=dt.UTC))
    (tmp_path / "crls").mkdir()
    for name, crl in authority.crls.items():
        (tmp_path / "crls" / f"{name}.crl").write_bytes(crl)
    store = TrustStore.load(tmp_path)
    issuer = name_text(store.crls[0].issuer)
    cause = {"code": "SIG-REVOCATION-UNKNOWN", "params": {"issuer": issuer}}
    verdict = {"verdict": "INDETERMINATE", "signatures": [{"results": {"revocation": {"causes": [cause]}}}]}
    assert trust.helps([verdict], store) == issuer
    assert trust.helps([verdict | {"verdict": "INVALID"}], store) is None
    assert trust.helps([verdict], TrustStore()) is None


def _moment(text: str):  # type: ignore[no-untyped-def]
    import datetime as dt

    return dt.datetime.fromisoformat(text)
