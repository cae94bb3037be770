"""The night as a whole: repeatable, in the promised sizes, and saying of itself what is true."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import json
import unicodedata
from pathlib import Path

import pytest
from sample_inbox import GOOD, Laid, Night

import samplenight
from samplenight import codes, plan
from samplenight.night import ALL_FAULTS

NIGHT = dt.date(2026, 11, 20)
SOME_FAULTS = ("pdf-encrypted", "pdf-page-replaced", "ofd-seal-swapped", "delivered-twice")


def tree(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_two_runs_and_any_number_of_workers_give_the_same_bytes(night: Night, tmp_path: Path) -> None:
    samplenight.make(tmp_path / "alone", count=2, jobs=1, faults=SOME_FAULTS)
    samplenight.make(tmp_path / "three", count=2, jobs=3, faults=SOME_FAULTS)
    alone = tree(tmp_path / "alone")
    assert alone == tree(tmp_path / "three")
    # Nor does the size of the night matter: what both nights hold is the same.
    large = tree(night.home)
    shared = {name for name in alone if name.startswith(("inbox/", "config/"))}
    assert {name: large.get(name) for name in shared} == {name: alone[name] for name in shared}


def test_another_seed_gives_other_cases_under_the_same_trust(tmp_path: Path, night: Night) -> None:
    samplenight.make(tmp_path, count=2, seed="night-2", jobs=1, faults=())
    assert tree(tmp_path / "config" / "trust") == tree(night.home / "config" / "trust")
    ours = {p.name for p in (tmp_path / "inbox").glob("*/*")}
    assert len(ours) == 2 and not ours & {one.folder.name for one in night.laid}


def test_summary_counts_what_lies_there(night: Night) -> None:
    files = [p for p in (night.home / "inbox").rglob("*") if p.is_file() and p.name != "case.json"]
    folders = list((night.home / "inbox").glob("*/*"))
    assert night.summary.cases == GOOD and night.summary.faulty == len(ALL_FAULTS)
    assert (night.summary.deliveries, night.summary.files) == (len(folders), len(files))
    assert night.summary.size == sum(p.stat().st_size for p in files)
    assert not (night.home / "sample-work").exists()


def test_progress_ends_at_the_number_of_cases(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    samplenight.make(
        tmp_path, count=1, jobs=1, faults=("no-files",), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("count", [-1, 10_000])
def test_more_cases_than_serials_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match="cases"):
        samplenight.make(tmp_path, count=count)
    assert not list(tmp_path.iterdir())


def test_good_files_keep_to_the_promised_sizes_and_groups(night: Night) -> None:
    for one in night.good:
        entries = one.meta["files"]
        assert 5 <= len(entries) <= 12
        assert {f["group"] for f in entries} >= {"申报文件", "结果文件"}
        for f in entries:
            assert 20_000 <= f["size"] <= 2_000_000, f["path"]
            assert f["path"].startswith(f["group"] + "/") and any(
                "\u4e00" <= c <= "\u9fff" for c in Path(f["path"]).name
            )
            assert f["path"] == unicodedata.normalize("NFC", f["path"])


def test_good_metadata_agrees_with_its_files(night: Night) -> None:
    for one in night.good:
        meta = one.meta
        contents = [(one.folder / f["path"]).read_bytes() for f in meta["files"]]
        assert [f["size"] for f in meta["files"]] == [len(c) for c in contents]
        assert [f["digest"]["MD5"] for f in meta["files"]] == [
            hashlib.md5(c, usedforsecurity=False).hexdigest() for c in contents
        ]
        given = [
            (f["digest"]["SHA-256"], c) for f, c in zip(meta["files"], contents, strict=True) if f["digest"]["SHA-256"]
        ]
        assert all(digest == hashlib.sha256(c).hexdigest() for digest, c in given)
        record = meta["record"]
        assert (record["total_files"], record["total_bytes"]) == (len(contents), sum(map(len, contents)))
        assert record["total_pages"] == sum(f["pages"] for f in meta["files"])
        assert {seq for e in meta["events"] for seq in e["files"]} <= {f["seq"] for f in meta["files"]}


def test_three_hundred_planned_cases_are_as_mixed_as_promised() -> None:
    cases = [plan.plan("night-1", serial, NIGHT) for serial in range(1, 301)]
    kinds = collections.Counter(
        p.kind if p.signer or p.kind in ("xml", "txt", "jpeg") else "plain pdf" for c in cases for p in c.papers
    )
    total = kinds.total()
    assert all(5 <= len(c.papers) <= 12 for c in cases)
    assert 0.5 < kinds["pdf"] / total < 0.65 and 0.15 < kinds["ofd"] / total < 0.3
    assert {c.result[0] for c in cases} == {"0", "1", "5", "6"}
    assert {c.matter["service_kind"]["code"] for c in cases} == {"1", "2"}
    matters = {a: {c.matter["implementation_code"] for c in cases if c.agency["id"] == a} for a in plan.agencies()}
    assert len(matters) == 3 and all(len(found) >= 4 for found in matters.values())


def test_planned_codes_are_valid_and_case_numbers_unique() -> None:
    cases = [plan.plan("night-1", serial, NIGHT) for serial in range(1, 301)]
    assert len({c.case_no for c in cases}) == 300
    for c in cases:
        assert len(c.case_no) == 43 and c.case_no.startswith(c.matter["implementation_code"])
        people = [c.applicant.representative, c.applicant.agent]
        numbers = [c.applicant.id_no, *(number for person in people if person for _, number in [person])]
        for number in numbers:
            if "FAKE" in number:
                assert codes.uscc(number[:2], number[2:8], int(number[12:16])) == number
            else:
                born = dt.datetime.strptime(number[6:14], "%Y%m%d").date()
                assert codes.citizen_id(number[:6], born, int(number[14:17])) == number


def test_planned_events_follow_each_other_and_end_before_the_night() -> None:
    for serial in range(1, 301):
        case = plan.plan("night-1", serial, NIGHT)
        times = [e.at for e in case.events]
        assert times == sorted(times) and times[-1].date() < NIGHT
        actions = [e.action for e in case.events]
        assert ("accept" in actions) == (case.result[0] in "06")
        assert actions.count("special_start") == actions.count("special_end")


def test_matters_have_codes_of_the_right_make() -> None:
    for m in plan.matters():
        agency = plan.agencies()[m["agency"]]
        assert m["implementation_code"] == agency["uscc"] + m["exercise_level"] + m["basic_code"]
        assert m["handling_item_code"] == m["implementation_code"] + "01" and len(m["handling_item_code"]) == 33
        assert m["basic_code"][:4] == "44" + m["type"]["code"] and len(m["basic_code"]) == 12
        assert m["exercise_level"] == ("2" if agency["region_code"].endswith("0000") else "3")


def test_expectations_tell_of_every_delivery_and_every_fault_once(night: Night) -> None:
    data = json.loads((night.home / "expectations.json").read_text("utf-8"))
    lying = {(p.parent.name, p.name) for p in (night.home / "inbox").glob("*/*")}
    told = [(r["agency"], r["delivery"]) for r in data["records"]]
    assert set(told) == lying and len(told) == len(lying)
    second = [one.folder.name for one in night.laid if one.expected["fault"] and not _is_first(one)]
    assert len(second) == 3
    assert sorted(one.expected["fault"] for one in night.laid if _is_first(one) and one.expected["fault"]) == sorted(
        ALL_FAULTS
    )
    for agency, totals in data["totals"].items():
        mine = collections.Counter(r["state"] for r in data["records"] if r["agency"] == agency)
        assert totals == {"deliveries": mine.total()} | mine
    assert dt.datetime.fromisoformat(data["as_of"]).utcoffset() == dt.timedelta(hours=8)


def _is_first(one: Laid) -> bool:
    return one.folder.name.endswith("-v1")
