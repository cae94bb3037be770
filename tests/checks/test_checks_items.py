import json

import pytest
from case_faults import FAULTS as CASE_FAULTS
from file_faults import FAULTS as FILE_FAULTS

from ingest.checks import items
from ingest.findings import Finding, Severity, table
from ingest.paths import ROOT


def _result(code: str, *findings: Finding) -> str:
    return next(row["result"] for row in items.results(findings) if row["code"] == code)


_NATURE_OF = {"1": "authenticity", "2": "integrity", "3": "usability", "4": "safety"}
_MODES = ("automatic", "manual", "later", "not_applicable", "scanner", "carrier", "evidence")
_PACKAGE_FAULTS = {
    code for path in ROOT.glob("packaging/sip/**/faults.json") for code in json.loads(path.read_text("utf-8"))
}


@pytest.mark.parametrize("stage", items.Stage)
def test_the_catalogue_is_sound(stage: items.Stage) -> None:
    codes = [item.code for item in items.catalogue(stage)]
    assert len(codes) == len(set(codes))
    known = table().keys() | _PACKAGE_FAULTS
    for item in items.catalogue(stage):
        assert item.code.startswith(f"{stage}-{item.level2[0]}-")
        assert item.nature == _NATURE_OF[item.level2[0]]
        assert item.mode in _MODES
        assert set(item.depends_on) <= set(codes)
        assert item.mode == "automatic" or item.note
        for own in item.findings:
            if not own.startswith("TRF-"):  # their sheet comes with sip.transfer
                assert any(item.concerns(code) and code.startswith(own.rstrip("*")) for code in known), own


@pytest.mark.parametrize(("stage", "second", "first"), [("GD", 16, 40), ("YJ", 16, 39), ("BC", 17, 41)])
def test_every_second_level_item_is_there_and_has_items_of_its_own(stage: str, second: int, first: int) -> None:
    numbers = items.sheet(items.Stage(stage))["second_level"]
    assert len(numbers) == second
    assert {item.level2 for item in items.catalogue(items.Stage(stage))} == set(numbers)
    assert len(items.catalogue(items.Stage(stage))) == first


@pytest.mark.parametrize("stage", [items.Stage.YJ, items.Stage.BC])
def test_every_fault_of_a_package_belongs_to_an_item(stage: items.Stage) -> None:
    assert {code for code in _PACKAGE_FAULTS if not items.items_of(code, stage)} == set()
    own = {code for code in table() if code.startswith("PAK-") and not items.items_of(code, stage)}
    # passed on under the code of the fault; and only what is kept is ever restored
    assert own == {"PAK-FAULT"} | ({"PAK-NOT-RESTORED"} if stage is items.Stage.YJ else set())


def test_every_finding_up_to_the_check_belongs_to_an_item() -> None:
    mine = {code for code in table() if code.startswith(("MET-", "MAT-", "FMT-", "VIR-", "RCV-", "SIG-"))}
    assert {code for code in mine if not items.items_of(code)} == set()


def test_without_findings_the_machine_passes_only_what_it_judged() -> None:
    for row, item in zip(items.results([]), items.catalogue(), strict=True):
        expected = {
            "automatic": "pass",
            "manual": "manual",
            "scanner": "manual",
            "later": "not_applicable",
            "not_applicable": "not_applicable",
        }
        assert row["result"] == expected[item.mode]


# What receive, signatures and the store find is not made here; its codes still fail their items.
_RECEIVE = {code for code in table() if code.startswith("RCV-")}
_SHOWN = set().union(*(c for *_, c in CASE_FAULTS), *(c for *_, c in FILE_FAULTS)) | _RECEIVE | {"MET-TOO-MANY"}


@pytest.mark.parametrize("item", [i for i in items.catalogue() if i.mode == "automatic"], ids=lambda i: i.code)
def test_every_automatic_item_has_an_input_that_does_not_pass(item) -> None:
    bad = [code for code in sorted(_SHOWN) if item.concerns(code)]
    assert {_result(item.code, Finding(code)) for code in bad} - {"pass"}


@pytest.mark.parametrize(
    ("severity", "result"),
    [(Severity.REJECT, "fail"), (Severity.HOLD, "manual"), (Severity.REMARK, "warn"), (Severity.INFO, "pass")],
)
def test_the_gravest_finding_decides(severity: Severity, result: str) -> None:
    assert _result("GD-1-2", Finding("MET-LENGTH", severity=severity)) == result
    assert (
        _result("GD-1-2", Finding("MET-LENGTH", severity=Severity.INFO), Finding("MET-LENGTH", severity=severity))
        == result
    )


def test_what_depends_on_a_failed_item_is_not_passed() -> None:
    rows = {row["code"]: row for row in items.results([Finding("RCV-FILE-MISSING", path="x")])}
    for code in ("GD-1-1", "GD-1-10", "GD-3-3", "GD-3-4"):
        assert rows[code]["result"] == "not_applicable"
        assert "GD-1-11" in rows[code]["note"]["zh"]
    assert rows["GD-1-2"]["result"] == "pass"


def test_a_finding_of_its_own_outweighs_a_failed_dependency() -> None:
    assert _result("GD-3-4", Finding("RCV-FILE-MISSING", path="x"), Finding("FMT-EMPTY", path="y")) == "fail"


@pytest.mark.parametrize("stage", items.Stage)
def test_the_catalogue_in_the_docs_is_this_one(stage: items.Stage) -> None:
    page = (ROOT / "docs/check-items.md").read_text("utf-8")
    for item in items.catalogue(stage):
        assert f"| {item.code} | {item.level2} |" in page
        assert f"| {item.zh} | {item.object} | {item.method} |" in page
