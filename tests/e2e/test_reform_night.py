"""A night across an agency reform: what was closed before stays in the old fonds, the rest goes to its successor."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from night_home import AS_OF, NightHome

import samplenight
from ingest.cli import main
from ingest.paths import SCHEMAS
from ingest.schedule.numbers import parse_archival_code

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_night_across_a_reform(night_home: NightHome, capsys: pytest.CaptureFixture[str]) -> None:
    root = night_home.home.root
    samplenight.make(root, count=24, faults=())
    mine = [json.loads(p.read_text("utf-8"))["case"] for p in (root / "inbox/nanyue-zwfw").rglob("case.json")]
    days = sorted({case["closed_at"][:10] for case in mine})
    reform = dt.date.fromisoformat(days[1])  # that very day goes to the successor
    step = {"predecessor": "T001", "successor": "T009", "date": reform.isoformat(), "document_no": "测编〔2026〕1号"}
    (root / "config/lineage.json").write_text(json.dumps({"schema": "guidang.lineage/1.0", "steps": [step]}), "utf-8")
    successor = json.loads((SCHEMAS / "schedules/T001-2024-V1.json").read_text("utf-8"))
    successor |= {"fonds_no": "T009", "fonds_name": "南粤市政务和数据局（测试）全宗", "schedule_id": "T009-SHY"}
    (root / "config/schedules/T009.json").write_text(json.dumps(successor, ensure_ascii=False), "utf-8")
    assert night_home.run().unfinished == 0

    rows = [r for r in night_home.records() if r["agency"] == "nanyue-zwfw" and r["state"] == "acknowledged"]
    assert {r["fonds_no"] for r in rows} == {"T001", "T009"}
    for r in rows:
        expected = "T001" if r["closed_on"] < reform.isoformat() else "T009"
        assert parse_archival_code(r["archival_code"], "DAT13").fonds_no == r["fonds_no"] == expected
        assert r["object_key"].startswith(f"{expected}/")
    moved = next(r for r in rows if r["fonds_no"] == "T009")
    with night_home.package(moved) as package:
        name = next(n for n in package.namelist() if n.endswith("/metadata/record.json"))
        about = json.loads(package.read(name))["record"]
    assert (about["fonds_no"], about["fonds_name"]) == ("T009", "南粤市政务和数据局（测试）全宗")
    assert "由T009承继" in moved["filing"]["why"]
    assert {"FIL-SUCCESSOR-FONDS"} <= {f["code"] for f in moved["findings"]}

    # the old fonds is frozen: its numbers stay, and its list is whole
    capsys.readouterr()
    assert main(["schedule", "handover", "T001", "--json", "--home", str(root)]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [x["archival_code"] for x in listed] == sorted({r["archival_code"] for r in rows if r["fonds_no"] == "T001"})
    before = {r["id"]: r["archival_code"] for r in rows}
    night_home.run("another")
    assert {r["id"]: r["archival_code"] for r in night_home.records() if r["id"] in before} == before
    assert dt.datetime.fromisoformat(rows[0]["as_of"]) == AS_OF
