"""Fake codes have right check digits: the project's published fake codes come out of the maker."""

from __future__ import annotations

import datetime as dt

import pytest

from samplenight import codes

USCCS = ["11440000FAKE00013A", "11440100FAKE00021A", "11440300FAKE0003XC", "91440101FAKE000488", "91440300FAKE00056Y",
         "12440000FAKE00064F", "52440000FAKE000726", "92440106FAKE00080Q"]  # fmt: skip
CITIZENS = ["440106190001010012", "440106190001010020", "440305190002280035", "44190019000630004X"]


@pytest.mark.parametrize("code", USCCS)
def test_credit_code_of_known_organisation(code: str) -> None:
    assert codes.uscc(code[:2], code[2:8], int(code[12:16])) == code


@pytest.mark.parametrize("code", CITIZENS)
def test_citizen_number_of_known_person(code: str) -> None:
    born = dt.date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    assert codes.citizen_id(code[:6], born, int(code[14:17])) == code


def test_no_citizen_number_of_a_living_person() -> None:
    with pytest.raises(ValueError, match="1900"):
        codes.citizen_id("440106", dt.date(1990, 1, 1), 1)


def test_case_number_is_43_characters() -> None:
    number = codes.case_number("11440100FAKE00021A3440116001000", dt.date(2026, 11, 2), 7)
    assert number == "11440100FAKE00021A3440116001000202611020007"
