import json
import string

import pytest
from case_samples import IMPLEMENTATION, USCC
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.metadata import codes
from ingest.paths import SCHEMAS

USCCS = [
    "11440000FAKE00013A", "11440100FAKE00021A", "11440300FAKE0003XC", "91440101FAKE000488",
    "91440300FAKE00056Y", "12440000FAKE00064F", "52440000FAKE000726", "92440106FAKE00080Q",
]  # fmt: skip
CITIZENS = ["440106190001010012", "440106190001010020", "440305190002280035", "44190019000630004X"]
LICENCE = "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0"
BODY_17 = st.text(codes.USCC_ALPHABET, min_size=9, max_size=9).map(lambda subject: "11440100" + subject)


@pytest.mark.parametrize("code", USCCS)
def test_right_credit_codes_hold(code: str) -> None:
    assert codes.check_uscc(code).ok
    assert codes.check_organisation(code[8:17]).ok


@pytest.mark.parametrize("code", CITIZENS)
def test_right_citizen_numbers_hold(code: str) -> None:
    assert codes.check_citizen(code).ok


@pytest.mark.parametrize(
    ("check", "code", "reason"),
    [
        (codes.check_uscc, USCC[:-1], "length"),
        (codes.check_uscc, USCC[:-1] + "B", "check_digit"),
        (codes.check_uscc, "11440100FAKEI0021A", "alphabet"),
        (codes.check_uscc, "11４40100FAKE00021A", "alphabet"),
        (codes.check_uscc, "1144A100FAKE00021A", "region"),
        (codes.check_organisation, "FAKE00022", "check_digit"),
        (codes.check_organisation, "FAKE0002", "length"),
        (codes.check_organisation, "fake00021", "alphabet"),
        (codes.check_citizen, "440106190001010011", "check_digit"),
        (codes.check_citizen, "44010619001332001X", "date"),
        (codes.check_citizen, "44010619000101001x", "alphabet"),
        (codes.check_citizen, "٤40106190001010012", "alphabet"),
        (codes.check_citizen, "4401061900010100", "length"),
        (codes.check_region, "440113000001", "length"),
        (codes.check_region, "44011A", "alphabet"),
        (codes.check_region, "001234", "region"),
        (codes.check_basic, "44011600100", "length"),
        (codes.check_basic, "44011600100-", "alphabet"),
        (codes.check_implementation, IMPLEMENTATION[:30], "length"),
        (codes.check_implementation, USCC + "7" + "440116001000", "level"),
        (codes.check_implementation, USCC[:-1] + "B" + "3440116001000", "check_digit"),
        (codes.check_implementation, "11440100FAKE0002IA3440116001000", "alphabet"),
        (codes.check_handling_item, IMPLEMENTATION + "0", "length"),
        (codes.check_handling_item, IMPLEMENTATION + "0A", "alphabet"),
        (codes.check_case_no, IMPLEMENTATION + "202413060001", "date"),
        (codes.check_case_no, IMPLEMENTATION + "20240306000A", "alphabet"),
        (codes.check_licence, LICENCE[:-1] + "1", "check_digit"),
        (codes.check_licence, LICENCE.replace("1.2.156", "1.2.157"), "shape"),
        (codes.check_document_no, "南粤食许[2024]1号", "shape"),
        (codes.check_document_no, "南粤食许〔2024〕01号", "shape"),
        (codes.check_document_no, "南粤食许〔2024〕第1号", "shape"),
        (codes.check_project, "2024-440100-01-01-12345", "shape"),
    ],
)
def test_wrong_codes_are_refused_with_the_reason(check, code, reason) -> None:
    assert (answer := check(code)).reason == reason
    assert not answer.ok


def test_right_codes_of_every_other_kind_hold() -> None:
    for check, code in (
        (codes.check_implementation, IMPLEMENTATION),
        (codes.check_implementation, "114401134554137174" + "4" + "44TC12049000"),  # letters occur in live basic codes
        (codes.check_handling_item, IMPLEMENTATION + "01"),
        (codes.check_case_no, IMPLEMENTATION + "202403060001"),
        (codes.check_licence, LICENCE),
        (codes.check_organisation, "FAKE0002-1"),
        (codes.check_region, "440113000000"),
        (codes.check_document_no, "南粤食许〔2024〕1号"),
        (codes.check_project, "2024-440100-01-01-123456"),
    ):
        assert check(code).ok, code


@given(BODY_17, st.integers(0, 16), st.sampled_from(codes.USCC_ALPHABET))
@settings(max_examples=200)
def test_one_changed_character_never_keeps_a_credit_code_right(body: str, at: int, char: str) -> None:
    code = body + codes.uscc_check_character(body)
    assert codes.check_uscc(code).ok
    changed = code[:at] + char + code[at + 1 :]
    assert changed == code or not codes.check_uscc(changed).ok


@given(st.dates().filter(lambda d: 1800 <= d.year < 2200), st.integers(0, 999), st.integers(0, 15))
@settings(max_examples=200)
def test_neighbours_swapped_break_a_citizen_number(birth, serial: int, at: int) -> None:
    body = f"440106{birth:%Y%m%d}{serial:03d}".replace(" ", "0")
    code = body + codes.citizen_check_character(body)
    assert codes.check_citizen(code).ok
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert swapped == code or not codes.check_citizen(swapped).ok


@given(st.text(string.digits + string.ascii_uppercase, min_size=1, max_size=60), st.data())
@settings(max_examples=200)
def test_mod_37_36_finds_every_single_error(body: str, data) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    char = data.draw(st.sampled_from(string.digits + string.ascii_uppercase))
    changed = body[:at] + char + body[at + 1 :]
    assert changed == body or codes.mod_37_36(changed) != codes.mod_37_36(body)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_gets_an_answer(text: str) -> None:
    for check in codes.CHECKS.values():
        answer = check(codes.normalise(text))
        assert answer.ok == (answer.reason is None)


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        ("１１４４０１００ＦＡＫＥ０００２１Ａ", USCC),
        ("11440100FАKE00021А", USCC),  # two Cyrillic А
        (" 11440100fake00021a\u200b", USCC),
        ("2024—440100—01", "2024-440100-01"),
        ("11440100FAKEO0021A", "11440100FAKEO0021A"),  # O for 0 is the producer's to mend
    ],
)
def test_look_alikes_are_made_plain(given_: str, plain: str) -> None:
    assert codes.normalise(given_) == plain


def test_region_levels() -> None:
    assert [codes.region_level(r) for r in ("000000", "440000", "440100", "440113")] == ["1", "2", "3", "4"]


def test_archival_codes_in_each_template() -> None:
    sheet = json.loads((SCHEMAS / "codelists" / "archival_code.json").read_text("utf-8"))
    for row in sheet["templates"]:
        for example in row["examples"]:
            found = codes.check_archival(example)
            assert found.ok and found.parts["fonds"] == example.partition("-")[0], example
    for bad in (
        "",
        "T001",
        "T001-ZY·XK·2024·D30-1",
        "T001-ZY·XK·2024·X30-00001",
        "T001-ZY.XK.2024.D30-00001",
        "t001-WS·2024·Y-001",
    ):
        assert not codes.check_archival(bad).ok, bad
