from typing import Any

import pytest
from case_samples import IMPLEMENTATION, good_case

from ingest.checks import materials
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
