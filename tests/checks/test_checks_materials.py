from typing import Any

import pytest
from case_samples import IMPLEMENTATION, good_case

from ingest.checks import items, materials
from ingest.findings import Severity


def _missing(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    found = materials.check(good_case(), {"materials": rules})
    return [(finding.params["material"], finding.weight.value) for finding in found]


PLAN = {"material_code": "CL0007", "zh": "经营场所平面布局图"}
TWO_RESULTS = {"group": "结果文件", "at_least": 2, "zh": "两份结果文件"}


def test_what_the_case_brings_is_not_missed() -> None:
    need = [{"group": "申报文件", "at_least": 2, "zh": "两份申报文件"}, {"file_code": "B8", "zh": "受理通知书"}]
    assert _missing({"when": {}, "need": need}) == []


def test_what_it_lacks_is_named_with_the_rules_severity() -> None:
    rule = {"when": {"implementation_code": [IMPLEMENTATION]}, "need": [PLAN, TWO_RESULTS], "severity": "reject"}
    assert _missing(rule) == [(PLAN["zh"], "reject"), (TWO_RESULTS["zh"], "reject")]


@pytest.mark.parametrize(
    "when", [{"implementation_code": ["X"]}, {"result": ["1"]}, {"result": ["0"], "situation_code": ["S1"]}]
)
def test_rules_for_other_matters_ask_for_nothing(when) -> None:
    assert _missing({"when": when, "need": [PLAN]}) == []


def test_without_a_severity_it_is_a_remark() -> None:
    assert _missing({"when": {"service_kind": ["2"]}, "need": [PLAN]}) == [(PLAN["zh"], Severity.REMARK)]


LEASE, DEED, CONSENT = ({"material_code": code} for code in ("A1", "B1", "B2"))
PREMISES = {"any_of": [LEASE, {"all_of": [DEED, CONSENT]}], "zh": "场地证明"}


@pytest.mark.parametrize(
    ("brought", "missing"),
    [([], True), (["A1"], False), (["B1"], True), (["B2"], True), (["B1", "B2"], False), (["A1", "B1"], False)],
)
def test_one_of_several_or_several_together(brought: list[str], missing: bool) -> None:
    case = good_case()
    for file, code in zip(case["files"], [*brought, *[None] * len(case["files"])], strict=False):
        file["material_code"] = code
    found = list(materials.check(case, {"materials": [{"when": {}, "need": [PREMISES]}]}))
    assert [f.params["material"] for f in found] == (["场地证明"] if missing else [])


def test_what_happened_in_the_case_can_ask_for_more() -> None:
    rule = {"when": {"action": ["补正"]}, "need": [PLAN]}
    assert _missing(rule) == []
    case = good_case()
    case["events"].append({"event_id": "X", "action": "补正", "at": "2024-03-07T10:00:00+08:00"})
    assert [f.code for f in materials.check(case, {"materials": [rule]})] == ["MAT-MISSING"]


def test_missing_material_is_second_level_item_2_4() -> None:
    assert items.items_of("MAT-MISSING") == ("GD-2-4", "GD-2-9")
    levels = {item.code: item.level2 for item in items.catalogue()}
    assert levels["GD-2-9"] == "2-4"
