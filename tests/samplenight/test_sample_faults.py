"""Each fault is really in its delivery, alone, and its codes stand in the table of findings."""

from __future__ import annotations

import json
import unicodedata

import pytest
from sample_inbox import Night

from ingest.findings import Severity, table
from ingest.model import State
from samplenight.codes import uscc
from samplenight.faults import TABLE, Fault


@pytest.mark.parametrize("fault", TABLE, ids=lambda f: f.name)
def test_codes_and_states_are_the_houses_own(fault: Fault) -> None:
    for state, codes in ((fault.state, fault.codes), (fault.state_again, fault.codes_again)):
        grave = {Severity(table()[code]["severity"]) for code in codes}
        assert not state or State(state) in (State.ACKNOWLEDGED, State.REJECTED, State.HELD, State.DUPLICATE)
        assert Severity.INFO not in grave
        assert (Severity.REJECT in grave) == (state == "rejected")
        assert (Severity.HOLD in grave) == (state == "held")


def test_there_are_more_than_twenty_faults_each_named_once() -> None:
    assert len({f.name for f in TABLE}) == len(TABLE) >= 22


def test_only_the_digest_of_one_file_is_wrong(night: Night) -> None:
    import hashlib

    one = night.faulty("wrong-source-digest")
    wrong = [f["role"] for f in one.meta["files"]
             if f["digest"]["MD5"] != hashlib.md5((one.folder / f["path"]).read_bytes(), usedforsecurity=False).hexdigest()]  # fmt: skip
    assert wrong == ["decision"]


@pytest.mark.parametrize(
    ("fault", "missing", "extra"), [("file-missing", 1, 0), ("file-extra", 0, 1), ("delivered-twice", 0, 0)]
)
def test_files_named_and_files_present(night: Night, fault: str, missing: int, extra: int) -> None:
    one = night.faulty(fault)
    named = {f["path"] for f in one.meta["files"]}
    present = {p.relative_to(one.folder).as_posix() for p in one.folder.rglob("*") if p.is_file()} - {"case.json"}
    assert (len(named - present), len(present - named)) == (missing, extra)


def test_the_same_delivery_again_has_the_same_bytes(night: Night) -> None:
    first, second = (one for one in night.laid if one.expected["fault"] == "delivered-twice")
    assert first.folder.name + "-again" == second.folder.name
    for path in first.folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second.folder / path.relative_to(first.folder)).read_bytes()
    assert (first.expected["state"], second.expected["state"]) == ("acknowledged", "duplicate")


def test_newer_and_conflicting_versions(night: Night) -> None:
    versions = [one.meta["case"]["version"] for one in night.laid if one.expected["fault"] == "newer-version"]
    assert versions == [1, 2]
    first, other = (one for one in night.laid if one.expected["fault"] == "version-conflict")
    assert first.meta["case"] == other.meta["case"] and first.meta["record"]["title"] != other.meta["record"]["title"]


def test_broken_json_does_not_parse(night: Night) -> None:
    with pytest.raises(json.JSONDecodeError):
        night.faulty("broken-json").meta  # noqa: B018


def test_names_that_must_not_be_used(night: Night) -> None:
    def path(fault: str) -> str:
        return str(next(f["path"] for f in night.faulty(fault).meta["files"] if f["role"] == "decision"))

    assert "/../" in path("path-outside")
    assert len(path("name-of-300-bytes").rsplit("/", 1)[1].encode()) == 300
    decomposed = path("name-not-nfc")
    assert decomposed != unicodedata.normalize("NFC", decomposed)
    assert (night.faulty("name-not-nfc").folder / decomposed).is_file()
    assert night.faulty("name-not-nfc").file("decision").name in {
        p.name for p in night.faulty("name-not-nfc").folder.rglob("*")
    }


def test_metadata_faults_say_what_they_should(night: Night) -> None:
    assert night.faulty("classified").meta["record"]["security_classification"] == "机密"
    assert night.faulty("no-files").meta["files"] == []
    case = night.faulty("impossible-time-order").meta["case"]
    assert case["accepted_at"] < case["applied_at"]
    number = night.faulty("wrong-check-digit").meta["case"]["applicant"]["id_no"]
    assert "FAKE" not in number or uscc(number[:2], number[2:8], int(number[12:16])) != number


def test_files_that_are_not_what_they_seem(night: Night) -> None:
    assert night.faulty("file-empty").file("decision").stat().st_size == 0
    assert night.faulty("jpeg-named-pdf").file("decision").read_bytes()[:3] == b"\xff\xd8\xff"
    assert b"<!ENTITY" in night.faulty("xml-entities").file("form_data").read_bytes()
