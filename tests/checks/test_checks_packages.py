"""The three stages: every item that is judged has inputs that fail it and inputs that pass it, shown by the fault catalogues."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import package_faults
import pytest
from case_faults import FAULTS as CASE_FAULTS
from case_samples import AGENCY, AS_OF, good_case
from file_faults import FAULTS as FILE_FAULTS
from file_samples import GOOD, stage

from ingest.checks import CheckContext, items, packages
from ingest.checks import run as run_record
from ingest.checks.items import Circumstances, Stage
from ingest.checks.kept import kept_package
from ingest.checks.report import of_package
from ingest.checks.reportform import check_report
from ingest.checks.subject import PARTS, PackagedRecord, Subject, Totals
from ingest.checks.virus import Scan, State
from ingest.findings import Finding
from ingest.settings import Limits
from ingest.signatures import TrustStore
from ingest.sources import local_delivery
from ingest.steps.receive import receive
from sip.forms import to_html

Results = Mapping[str, str]
CODES = ("T001-ZY·XK·2024·D30-00001", "T001-ZY·XK·2024·D30-00002")
CONTENT = sum(len(data) for data, _ in GOOD.values())


class _Engine:
    """An anti-virus engine that finds what is told."""

    def __init__(self, state: State = State.CLEAN) -> None:
        self._state = state

    def version(self) -> str:
        return "ClamAV 1.4.6/27412/Mon Sep  9 08:31:01 2026"

    def scan(self, path: Path) -> Scan:
        return Scan(self._state, "" if self._state is State.CLEAN else "detail")


def _context(engine: _Engine | None = None) -> CheckContext:
    return CheckContext(AS_OF, AGENCY, TrustStore(), (), engine or _Engine())


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A package of two good records, as it was sent."""
    records = []
    for number, code in enumerate(CODES, 1):
        base = tmp_path_factory.mktemp("record")
        files = stage(base, {path: data for path, (data, _) in GOOD.items()})
        case = run_record(good_case(GOOD), files, base, _context()).record
        case["record"] |= {"archival_code": code, "electronic_record_code": f"E{number}"}
        records.append(PackagedRecord(f"E{number}", code, case, files, base, frozenset(PARTS)))
    totals = Totals(len(records), len(records) * len(GOOD), len(records) * CONTENT)
    return Subject("移交包", records, (), totals, "a" * 64, "a" * 64, restored=True)


def _results(report: packages.PackageReport) -> Results:
    return {row["code"]: row["result"] for row in report.items}


def _of_record(good: Subject, change: Any) -> Subject:
    """The package with its first record's metadata changed."""
    first, *others = good.records
    case = json.loads(json.dumps(first.case))
    change(case)
    return dataclasses.replace(good, records=[dataclasses.replace(first, case=case), *others])


@pytest.mark.parametrize("at", [Stage.YJ, Stage.BC])
def test_the_good_package(good: Subject, at: Stage) -> None:
    report = packages.run(at, good, _context())
    assert report.findings == []
    assert report.accepted
    assert set(_results(report).values()) == {"pass", "manual", "not_applicable"}
    for item in items.catalogue(at):
        expected = {"automatic": "pass", "scanner": "pass", "evidence": "pass", "manual": "manual"}
        assert _results(report)[item.code] == expected.get(item.mode, "not_applicable"), item.code
    assert json.loads(json.dumps(report.as_json()))["bytes"] == 2 * CONTENT


@pytest.mark.parametrize("at", [Stage.YJ, Stage.BC])
@pytest.mark.parametrize("fault", package_faults.FAULTS, ids=lambda f: f[0])
def test_each_faulty_package_gives_exactly_its_results(good: Subject, at: Stage, fault) -> None:
    _, change, expected = fault
    before = _results(packages.run(at, good, _context()))
    after = _results(packages.run(at, change(good), _context()))
    own = {code: result for code, result in after.items() if before[code] != result}
    skipped = {code for code, result in own.items() if result == "not_applicable"}
    depends = {item.code for item in items.catalogue(at) if set(item.depends_on) & own.keys()}
    assert skipped <= depends  # only what depends on a failed item is skipped
    assert {code: own[code] for code in own.keys() - skipped} == {f"{at}-{number}": r for number, r in expected.items()}


@pytest.mark.parametrize("fault", package_faults.ON_KEEPING, ids=lambda f: f[0])
def test_restore_drills(good: Subject, fault) -> None:
    _, change, expected = fault
    after = _results(packages.run(Stage.BC, change(good), _context()))
    assert {number: after[f"BC-{number}"] for number in expected} == expected


def test_the_carrier_is_for_a_person(good: Subject) -> None:
    on_disc = _results(packages.run(Stage.YJ, dataclasses.replace(good, carrier="光盘 001"), _context()))
    on_line = _results(packages.run(Stage.YJ, good, _context()))
    assert {on_disc[code] for code in ("YJ-4-4", "YJ-4-5", "YJ-4-6")} == {"manual"}
    assert {on_line[code] for code in ("YJ-4-4", "YJ-4-5", "YJ-4-6")} == {"not_applicable"}


def test_a_record_of_a_package_says_where_its_fault_is(good: Subject) -> None:
    def change(case: dict[str, Any]) -> None:
        case["record"]["total_files"] = 99

    report = packages.run(Stage.YJ, _of_record(good, change), _context())
    assert [(f.code, f.path) for f in report.findings] == [("MET-TOTAL-FILES", CODES[0])]
    assert [len(record.findings) for record in report.records] == [1, 0]
    assert not report.accepted


def test_what_a_person_accepted_at_archiving_is_not_asked_again(good: Subject, tmp_path: Path) -> None:
    first, *others = good.records
    contents = {path: data for path, (data, _) in GOOD.items()} | {"过程文件/03_未知.bin": b"\x01\x02\x03" * 99}
    base = tmp_path / "r"
    files = stage(base, contents)
    case = good_case({path: (data, GOOD.get(path, (b"", 0))[1]) for path, data in contents.items()})
    odd = dataclasses.replace(first, case=case, files=files, base=base)
    told = {"code": "FMT-UNKNOWN", "reason": "已人工打开", "by": "甲、乙", "at": "2024-03-22"}
    accepted = dataclasses.replace(odd, accepted=[Finding("HLD-ACCEPTED", params=told)])
    weights = []
    for record in (odd, accepted):
        subject = dataclasses.replace(good, records=[record, *others], stated=None)
        report = packages.run(Stage.BC, subject, _context())
        weights.append({f.code: f.weight.value for f in report.findings if f.code != "PAK-NO-TOTALS"})
    assert weights[0]["FMT-UNKNOWN"] == "hold"
    assert weights[1]["FMT-UNKNOWN"] == "remark"
    assert "HLD-ACCEPTED" in weights[1]


def test_what_a_form_of_delivery_cannot_carry_is_not_missed(good: Subject) -> None:
    def change(case: dict[str, Any]) -> None:
        del case["case"]["matter"]["name"]

    changed = _of_record(good, change)
    first, *others = changed.records
    lenient = dataclasses.replace(
        changed, records=[dataclasses.replace(first, lacks=frozenset({"/case/matter/name"})), *others]
    )
    assert [f.code for f in packages.run(Stage.BC, changed, _context()).findings] == ["MET-REQUIRED"]
    told = packages.run(Stage.BC, lenient, _context())
    assert [f.code for f in told.findings] == ["PRF-NOT-CARRIED"]
    assert told.accepted


def test_a_record_is_taken_out_with_what_its_package_says(tmp_path: Path) -> None:
    accepted = {
        "code": "HLD-ACCEPTED",
        "params": {"code": "FMT-UNKNOWN", "reason": "x", "by": "甲", "at": "2024-03-22"},
    }
    bag = tmp_path / "bag"
    for path, text in {
        "bagit.txt": "BagIt-Version: 1.0",
        "data/申报文件/甲.txt": "甲",
        "metadata/record.json": '{"files": [{"path": "原名.txt", "archived": {"path": "申报文件/甲.txt"}}],'
        ' "record": {"archival_code": "T001", "electronic_record_code": "E1", "title": "题名"}}',
        "metadata/checks.json": json.dumps({"findings": [accepted, {"code": "SIG-UNSIGNED"}, 3]}),
        "metadata/as_given/form.json": '{"lacks": ["/case/matter/name", 5]}',
    }.items():
        (bag / path).parent.mkdir(parents=True, exist_ok=True)
        (bag / path).write_text(text, "utf-8")
    (record,) = kept_package(bag, "bag", tmp_path / "work").records
    assert (record.identifier, record.archival_code, record.title) == ("E1", "T001", "题名")
    assert [(f.path, f.source_path, f.size) for f in record.files] == [("申报文件/甲.txt", "原名.txt", 3)]
    assert (record.base / record.files[0].staged).read_text("utf-8") == "甲"
    assert record.lacks == {"/case/matter/name"}
    assert [f.params["code"] for f in record.accepted] == ["FMT-UNKNOWN"]


@pytest.mark.parametrize("name", ["record.json", "checks.json", "as_given/form.json"])
def test_broken_metadata_beside_a_record_stops_nothing(tmp_path: Path, name: str) -> None:
    bag = tmp_path / "bag"
    for path in ("bagit.txt", "data/a.txt", f"metadata/{name}"):
        (bag / path).parent.mkdir(parents=True, exist_ok=True)
        (bag / path).write_text("[" * 1000, "utf-8")
    (record,) = kept_package(bag, "bag", tmp_path / "work").records
    assert (record.case, record.lacks, list(record.accepted)) == (None, frozenset(), [])
    assert [f.code for f in record.findings] == ["PAK-RECORD-UNREADABLE" if name == "record.json" else "PAK-NO-RECORD"]


@pytest.mark.parametrize(
    ("change", "conclusion"),
    [
        (lambda s: s, "通过"),
        (lambda s: dataclasses.replace(s, sent=None), "通过（有提示）"),
        (lambda s: dataclasses.replace(s, received="0" * 64), "不通过，整包退回移交单位"),
    ],
)
def test_the_report_of_a_transfer(good: Subject, change, conclusion) -> None:
    checked = packages.run(Stage.YJ, change(good), _context())
    report = of_package(checked, AS_OF, {"移交单位": "某某局（测试）", "接收单位": "某某档案馆（测试）"})
    page = to_html(check_report(report))
    for words in (
        "□归档　■移交与接收　□长期保存",
        "某某档案馆（测试）",
        "移交包",
        f'<td colspan="3">{conclusion}</td>',
        "ClamAV 1.4.6",
    ):
        assert words in page
    assert {line.result for line in report.lines} <= {"pass", "warn", "fail", "manual", "not_applicable"}
    assert {sum(line.counts.values()) for line in report.lines} == {1}  # the package is judged as one
    assert report.number == of_package(checked, AS_OF, report.head).number


# ------------------------------------------------------------------------------------------------ the proof by catalogue


def _broken_deliveries(tmp_path: Path) -> Iterator[list[Finding]]:
    """What receive itself finds: metadata that is no JSON, a file of other bytes, one too many, one that is not there."""
    case = good_case(GOOD)
    for number, change in enumerate(("json", "bytes", "extra", "missing")):
        folder = tmp_path / str(number)
        for path, (data, _) in GOOD.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        text = json.dumps(case, ensure_ascii=False)
        (folder / "case.json").write_text("{" if change == "json" else text, "utf-8")
        first = folder / next(iter(GOOD))
        if change == "bytes":
            first.write_bytes(b"%PDF-1.4")
        elif change == "extra":
            (folder / "结果文件/99_多.pdf").write_bytes(b"%PDF-1.4")
        elif change == "missing":
            first.unlink()
        (into := tmp_path / f"into{number}").mkdir()
        yield receive(local_delivery(folder), into, Limits()).findings


def _at_archiving(tmp_path: Path, good: Subject) -> Iterator[Results]:
    """Results of GD over all catalogues: metadata, files, deliveries, virus, and the batch's own checks after filing."""
    base = next(iter(good.records)).base
    files = list(next(iter(good.records)).files)

    def run(case: dict[str, Any], engine: _Engine | None = None, prior: tuple[Finding, ...] = ()) -> Results:
        context = dataclasses.replace(_context(engine), prior=prior)
        return {row["code"]: row["result"] for row in run_record(case, files, base, context).items}

    yield run(good_case(GOOD))
    for _, change, _ in CASE_FAULTS:
        case = good_case(GOOD)
        change(case)
        yield run(case)
    for number, (_, path, make, _) in enumerate(FILE_FAULTS):
        (folder := tmp_path / f"f{number}").mkdir()
        staged = stage(folder, {path: make()})
        report = run_record(good_case({path: (b"", 0)}), staged, folder, _context())
        yield {row["code"]: row["result"] for row in report.items}
    for found in _broken_deliveries(tmp_path):
        yield {row["code"]: row["result"] for row in items.results(found)}
    for state in State:
        yield run(good_case(GOOD), _Engine(state))
    for own in ([], [Finding("PAK-ARCHIVAL-CODE", params={"code": "x"})], [Finding("PAK-RECORD-UNREADABLE")]):
        yield {row["code"]: row["result"] for row in items.results(own, Circumstances(filed=True))}


def _of_package(tmp_path: Path, good: Subject, at: Stage) -> Iterator[Results]:
    """Results of YJ or BC over all catalogues, the faulty metadata and files inside a record of the package."""
    yield _results(packages.run(at, good, _context()))
    for _, change, _ in CASE_FAULTS:
        yield _results(packages.run(at, _of_record(good, change), _context()))
    for number, (_, path, make, _) in enumerate(FILE_FAULTS):
        (folder := tmp_path / f"f{number}").mkdir()
        first, *others = good.records
        case = good_case({path: (b"", 0)})
        bad = dataclasses.replace(first, case=case, files=stage(folder, {path: make()}), base=folder)
        yield _results(packages.run(at, dataclasses.replace(good, records=[bad, *others]), _context()))
    for _, change, _ in (*package_faults.FAULTS, *package_faults.ON_KEEPING):
        yield _results(packages.run(at, change(good), _context()))
    for state in State:
        yield _results(packages.run(at, good, _context(_Engine(state))))


@pytest.mark.slow
@pytest.mark.parametrize("at", Stage)
def test_every_item_fails_for_some_input_and_passes_for_another(tmp_path: Path, good: Subject, at: Stage) -> None:
    runs = _at_archiving(tmp_path, good) if at is Stage.GD else _of_package(tmp_path, good, at)
    seen: dict[str, set[str]] = {item.code: set() for item in items.catalogue(at)}
    count = 0
    for results in runs:
        count += 1
        for code, result in results.items():
            seen[code].add(result)
    assert count >= 120
    for item in items.catalogue(at):
        if item.mode in ("automatic", "scanner", "evidence", "later"):
            assert "pass" in seen[item.code], item.code
            assert seen[item.code] & {"fail", "warn", "manual"}, item.code
        else:
            assert "pass" not in seen[item.code], item.code  # never by the machine
