"""A night in which no agency speaks our own form: every record of every form ends deposited, with its metadata as given."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from night_home import NightHome

import samplenight
from ingest.cli import main
from sip.verify import verify

for room in ("metadata", "checks", "profiles"):
    sys.path.insert(0, str(Path(__file__).parent.parent / room))
from form_samples import (  # noqa: E402
    Files,
    Sent,
    batch_files,
    dat93_files,
    deployed_files,
    exported_eep,
    exported_zip,
    foreign_eep,
    gdbs_files,
    laid,
    zipped,
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
UNIT_RECORDS = 11
BY_HANDLING_ITEM = (
    "11440300FAKE0003XC3440505002000"  # its schedule asks for the 业务办理项, which most forms do not carry
)


def deliver(inbox: Path, name: str, files: Files) -> None:
    """A delivery in a folder, its mark written last."""
    laid(inbox / name, files)
    (inbox / name / "_DONE").touch()


def test_each_form_goes_through_a_night(night_home: NightHome, tmp_path: Path) -> None:
    root = night_home.home.root
    samplenight.make(root, count=60, faults=())
    inbox = max((p for p in (root / "inbox").iterdir()), key=lambda p: len(list(p.iterdir())))
    every = (Sent.of(folder) for folder in sorted(inbox.iterdir()))
    good = [s for s in every if s.case["case"]["matter"]["implementation_code"] != BY_HANDLING_ITEM][:UNIT_RECORDS]
    shutil.rmtree(root / "inbox")
    laid(inbox, {"1 包.zip": zipped(deployed_files(good[0]), "gb18030")})  # a file by itself, its mark beside it
    (inbox / "1 包.zip_DONE").touch()
    deliver(inbox, "2 deployed open", deployed_files(good[1]))
    deliver(inbox, "3 eep", {"x.xml": exported_eep(good[2])})
    deliver(inbox, "4 eep of others", {"x.eep": foreign_eep(good[3])})
    deliver(inbox, "5 export", {"x.zip": exported_zip(good[4])})
    deliver(inbox, "6 transfer", {"移交包.zip": zipped(dat93_files(good[5:7]))})
    deliver(inbox, "7 rows", gdbs_files("csv", "gb18030", given=good[7:9]))
    deliver(inbox, "8 batch", batch_files(good[9:11]))
    faulty = {n: d for n, d in dat93_files(good[:2]).items() if "00002/" not in n}
    deliver(inbox, "9 transfer without one item", faulty)
    laid(inbox, {"not complete.zip": b"PK"})
    night = night_home.run()
    rejected = {
        r["delivery"]: [f["code"] for f in r["findings"]] for r in night_home.records() if r["state"] == "rejected"
    }
    assert rejected == {"9 transfer without one item": ["PRF-ITEM-NO-FOLDER"]}  # all or nothing
    assert (root / "outbox" / inbox.name / "9 transfer without one item.receipt.json").exists()
    rows = [r for r in night_home.records() if r["state"] != "rejected"]
    undone = {r["delivery"]: [f for f in r["findings"] if f["severity"] in ("reject", "hold")] for r in rows}
    assert {name: found for name, found in undone.items() if found} == {}
    assert (len(rows), night.unfinished) == (UNIT_RECORDS, 0)
    assert sorted(r["case_no"] for r in rows) == sorted(s.case["case"]["case_no"] for s in good)
    contents = {s.case["case"]["case_no"]: sorted(s.contents.values()) for s in good}
    for row in rows:
        with night_home.package(row) as package:
            names = package.namelist()
            payload = sorted(package.read(n) for n in names if "/data/" in n)
            form = json.loads(package.read(next(n for n in names if n.endswith("as_given/form.json"))))
        assert payload == contents[row["case_no"]]
        assert form["profile"] in ("deployed-fz", "eep-dat48", "dat93", "gdbs")
        target = tmp_path / "package.zip"
        target.write_bytes(b"".join(night_home.objects.stream(row["object_key"])))
        assert verify(target).valid
    assert not (root / "containers").exists() or not list((root / "containers").iterdir())
    assert {p.name for p in (root / "outbox" / inbox.name).iterdir()} >= {f"{r['delivery']}.receipt.json" for r in rows}
    wholes = [json.loads((root / "outbox" / inbox.name / f"{name}.receipt.json").read_bytes())
              for name in {r["delivery"].partition("#")[0] for r in rows if "#" in r["delivery"]}]  # fmt: skip
    assert wholes and all(w["state"] == "answered" and w["safe_to_delete"] and w["receipt_code"] == 1 for w in wholes)
    told = [(part["delivery"], part["archival_code"]) for whole in wholes for part in whole["records"]]
    assert sorted(told) == sorted((r["delivery"], r["archival_code"]) for r in rows if "#" in r["delivery"])
    for form, name in (("eep", "x.xml"), ("deployed", "x.zip")):
        (tmp_path / form).mkdir()
        assert main(["export", str(target), "--form", form, "-o", str(tmp_path / form / name)]) == 0
    before = night_home.stored()
    night_home.run("the next night")
    assert len(night_home.records()) == UNIT_RECORDS + 1
    assert night_home.stored() == before
