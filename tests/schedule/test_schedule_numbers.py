"""档号 and 电子文件号: forms, look-alikes, widths, scopes."""

from __future__ import annotations

import pytest

from ingest.metadata import codes
from ingest.schedule import numbers
from ingest.schedule.model import Category

LICENCE = Category("ZY", "行政许可", "DAT13", 5, "XK")
LETTERS = Category("WS", "文书", "DAT22", 4, with_org=True)
ELECTRONIC = ("440100", "T001", "11440100FAKE00021A3440116001000", 2024, "D30")


@pytest.mark.parametrize(
    ("text", "template"),
    [  # the examples of DA/T 22-2015 and DA/T 13-2022
        ("Z109-WS·2011-Y-BGS-0001", "DAT22"),
        ("Z109-WS·2011-Y-0001", "DAT22"),
        ("Z109-WS·2011·Y·办公室-0001", "DAT13"),
        ("A439-WS·2015·D30·003-005", "DAT13"),
        ("Z008-WS·2019·Y-037", "DAT13"),
        ("C015-WY·TZGG·2019·D10-00001", "DAT13"),
        ("T001-ZY·XK·2024·D30·SPC-00001", "DAT13"),
    ],
)
def test_examples_of_the_standards_are_read_by_their_template_only(text: str, template: str) -> None:
    assert numbers.parse_archival_code(text, template).fonds_no == text[:4]
    with pytest.raises(ValueError, match="not a 档号"):
        numbers.parse_archival_code(text, "DAT22" if template == "DAT13" else "DAT13")


@pytest.mark.parametrize("dot", "•・‧.．∙")
def test_look_alike_dots_and_dashes_are_read_as_the_normal_form(dot: str) -> None:
    assert codes.normalise_archival(f" T001—ZY{dot}XK{dot}2024{dot}D30－00001 ") == "T001-ZY·XK·2024·D30-00001"
    assert codes.normalise_archival("Ｔ００１") == "T001"


def test_written_numbers_read_back() -> None:
    text = numbers.archival_code(LETTERS, "T001", 2024, "Y", "BGS", 12)
    assert text == "T001-WS·2024-Y-BGS-0012"
    parsed = numbers.parse_archival_code(text, "DAT22")
    assert (parsed.code, parsed.year, parsed.retention_code, parsed.org_code, parsed.item_no) == (
        "WS",
        2024,
        "Y",
        "BGS",
        "0012",
    )
    code = numbers.electronic_record_code(*ELECTRONIC, 21)
    assert numbers.parse_electronic_record_code(code) == numbers.ElectronicRecordCode(*ELECTRONIC, 21)


def test_a_scope_is_the_number_without_its_last_part() -> None:
    assert numbers.archival_scope(LICENCE, "T001", 2024, "D30", "SPK") == "档号:T001-ZY·XK·2024·D30"
    assert numbers.archival_scope(LETTERS, "T001", 2024, "D30", "BGS") == "档号:T001-WS·2024-D30-BGS"
    assert numbers.electronic_scope(*ELECTRONIC).endswith("-2024-D30")


def test_organs_share_one_run_where_the_template_does_not_write_them() -> None:
    scopes = {numbers.archival_scope(LICENCE, "T001", 2024, "D30", org) for org in ("SPK", "JSK", None)}
    assert len(scopes) == 1


@pytest.mark.parametrize("serial", [0, -1])
def test_serials_run_from_one(serial: int) -> None:
    with pytest.raises(ValueError, match="run from 1"):
        numbers.electronic_record_code(*ELECTRONIC, serial)


def test_a_full_number_space_is_an_error_not_a_longer_number() -> None:
    assert numbers.archival_code(LICENCE, "T001", 2024, "D30", None, 99_999).endswith("-99999")
    with pytest.raises(numbers.NumberSpaceExhausted):
        numbers.archival_code(LICENCE, "T001", 2024, "D30", None, 100_000)


def test_bad_parts_never_become_a_number() -> None:
    with pytest.raises(ValueError, match="retention"):
        numbers.archival_code(LICENCE, "T001", 2024, "30年", None, 1)
    with pytest.raises(ValueError, match="organ"):
        numbers.archival_code(LETTERS, "T001", 2024, "Y", None, 1)
    with pytest.raises(ValueError, match="电子文件号"):
        numbers.electronic_record_code("4401", *ELECTRONIC[1:], 1)
