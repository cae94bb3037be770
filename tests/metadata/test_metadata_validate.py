import copy
import datetime as dt
import json

import pytest
from case_faults import FAULTS, HARMLESS
from case_samples import AGENCY, AS_OF, good_case
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks import materials
from ingest.findings import table
from ingest.metadata import schema, validate
from ingest.metadata.accepts import compile_schema
from ingest.metadata.canonical import normalised
from ingest.metadata.validation import MAX_FINDINGS


def codes_of(case: object) -> set[str]:
    return {f.code for f in [*validate(case, AS_OF, AGENCY), *materials.check(case, AGENCY)]}  # type: ignore[arg-type]


@pytest.mark.parametrize(("change", "codes"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_fault_gives_exactly_its_codes(change, codes) -> None:
    case = good_case()
    change(case)
    assert codes_of(case) == codes


@pytest.mark.parametrize("change", [h[1] for h in HARMLESS], ids=[h[0] for h in HARMLESS])
def test_good_cases_give_none(change) -> None:
    case = good_case()
    change(case)
    assert codes_of(case) == set()


def test_every_metadata_finding_has_a_fault() -> None:
    own = {code for code in table() if code.startswith(("MET-", "MAT-"))}
    shown = set().union(*(codes for _, _, codes in FAULTS))
    # These two have tests of their own below.
    assert own - shown == {"MET-TOO-MANY", "MET-SCHEMA"}


def test_the_faults_of_shape_are_capped() -> None:
    case = good_case()
    case["agents"] = [{"agent_id": 1, "type": 1, "name": 1}] * 100
    found = schema.check(case)
    assert len(found) == schema.MAX_FINDINGS + 1
    assert found[-1].code == "MET-TOO-MANY"


def test_a_list_beyond_all_measure_is_refused() -> None:
    case = good_case()
    case["relations"] = case["relations"] * 5001
    assert [(f.code, f.field) for f in validate(case, AS_OF, AGENCY)] == [("MET-SCHEMA", "/relations")]


def test_findings_are_capped_over_all_checks() -> None:
    case = good_case()
    case["events"] = case["events"] + [{"event_id": "E", "action": "x", "at": "2124-01-01T00:00:00Z"}] * 4000
    found = validate(case, AS_OF, AGENCY)
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].code == "MET-TOO-MANY"


def test_findings_name_the_place_and_never_quote_a_person() -> None:
    case = good_case()
    case["case"]["applicant"]["agent"]["id_no"] = "440106190001010021"
    (finding,) = validate(case, AS_OF, AGENCY)
    assert finding.field == "/case/applicant/agent/id_no"
    assert "440106190001010021" not in json.dumps(finding.as_json())


def test_all_faults_at_once_are_all_reported() -> None:
    case = good_case()
    case["record"]["total_files"] = 6
    case["case"]["accepted_at"] = "2024-03-05T00:00:00+08:00"
    case["case"]["applicant"]["id_no"] = "91440101FAKE000489"
    case["record"]["title"] = ""
    assert {"MET-TOTAL-FILES", "MET-TIME-ORDER", "MET-CHECK-DIGIT", "MET-EMPTY"} <= codes_of(case)


def test_the_night_is_the_judge_of_future_not_the_clock() -> None:
    early = AS_OF - dt.timedelta(days=10)
    assert {f.code for f in validate(good_case(), early, AGENCY)} == {"MET-TIME-FUTURE"}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def _places(value: object, at: tuple = ()) -> list[tuple]:
    here = [at] if at else []
    if isinstance(value, dict):
        return here + [p for key, item in value.items() for p in _places(item, (*at, key))]
    if isinstance(value, list):
        return here + [p for i, item in enumerate(value) for p in _places(item, (*at, i))]
    return here


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_stands_anywhere_is_judged_without_falling_over(data) -> None:
    case = good_case()
    place = data.draw(st.sampled_from(_places(case)))
    holder: object = case
    for step in place[:-1]:
        holder = holder[step]  # type: ignore[index]
    holder[place[-1]] = data.draw(ANY)  # type: ignore[index]
    assert (schema.check(case) == []) == (schema.explain(case) == [])  # the short way and jsonschema agree
    before = copy.deepcopy(case)
    found = validate(case, AS_OF, AGENCY)
    assert all(finding.text("zh") and finding.text("en") for finding in found)
    assert found == validate(case, AS_OF, AGENCY)
    normalised(case)
    assert case == before


@pytest.mark.parametrize("change", [f[1] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_the_short_way_and_jsonschema_agree_on_every_fault(change) -> None:
    case = good_case()
    change(case)
    assert schema.check(case) == schema.explain(case)


@pytest.mark.parametrize("unknown", [{"oneOf": []}, {"items": {"format": "date"}}, {"const": 1}, {"enum": [None]}])
def test_what_the_short_way_does_not_know_it_refuses(unknown) -> None:
    with pytest.raises(ValueError, match="compiled"):
        compile_schema(unknown)


def test_the_canonical_record_keeps_what_was_given() -> None:
    case = good_case()
    case["record"]["unit_uscc"] = "１１４４０１００FAKE00021A"
    case["x-own"] = {"任意": 1}
    record = normalised(case)
    assert record["record"]["unit_uscc"] == "11440100FAKE00021A"
    assert record["as_given"] == {"/record/unit_uscc": "１１４４０１００FAKE00021A"}
    assert record["x-own"] == {"任意": 1}
    assert normalised(good_case()) == good_case()
