"""The operator's and the auditor's day at the pages, in a real browser, on a real night: alone and inside Airflow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_house import House, Person, faults, overflows
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGES = ("/", "/records", "/queues/held", "/queues/rejected", "/schedules", "/inspection", "/numbers")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [1366, 390], ids=["desktop", "phone"])
def test_main_pages_are_right_for_everybody(person: Callable[..., Person], language: str, width: int) -> None:
    """No serious finding of axe, nothing to scroll sideways for, one heading, on a laptop and on a telephone."""
    one = person("admin", language, width=width)
    page = one.enter_desk()
    wrong = {}
    for path in PAGES:
        one.go(path)
        expect(page.locator("h1")).to_have_count(1)
        if found := faults(page):
            wrong[path] = found
        if overflows(page):
            wrong[path + " overflows"] = []
    assert not wrong


def test_airflow_shows_the_desk(person: Callable[..., Person], house: House) -> None:
    one = person("operator")
    one.enter_airflow()
    frame = one.desk_in_airflow()
    expect(frame.locator("h1")).to_have_count(1)
