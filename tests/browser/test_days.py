"""The operator's, the archivist's and the auditor's day at the pages, in a real browser, on a real night: alone and inside Airflow.

With DESK_SCREENSHOTS=FOLDER the main pages are kept there as pictures (docs/images).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_house import House, Person, faults, overflows
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Persons = Callable[..., Person]
PAGES = {
    "tonight": "/", "nights": "/nights", "records": "/records", "held": "/queues/held", "rejected": "/queues/rejected",
    "schedules": "/schedules", "inspection": "/inspection", "numbers": "/numbers",
}  # fmt: skip


def picture(page: Page, name: str) -> None:
    """Keep the page as a picture where pictures are wanted."""
    if folder := os.environ.get("DESK_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"desk-{name}.png")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [1366, 390], ids=["laptop", "telephone"])
def test_main_pages_are_right_for_everybody(person: Persons, language: str, width: int) -> None:
    """No serious finding of axe, nothing to scroll sideways for, one heading, on a laptop and on a telephone."""
    one = person("admin", language, width=width)
    page = one.enter_desk()
    wrong: dict[str, object] = {}
    paths = dict(PAGES)
    one.go("/records?state=acknowledged")
    record = page.locator("main tbody a[href*='/records/']").first.get_attribute("href")
    assert record is not None
    paths |= {"record": record, "package": record.replace("/records/", "/packages/")}
    for name, path in paths.items():
        one.go(path)
        page.wait_for_load_state("networkidle")
        expect(page.locator("h1")).to_have_count(1)
        if found := faults(page):
            wrong[name] = found
        if overflows(page):
            wrong[f"{name} overflows"] = path
        if width > 1000 and language == "zh":
            picture(page, name)
        if width < 1000 and language == "zh" and name in ("tonight", "record"):
            picture(page, f"{name}-telephone")
    assert not wrong


def test_a_newcomer_finds_why_a_record_was_rejected_and_a_manifest(person: Persons, house: House) -> None:
    """From what `make run` prints: four clicks each, after the login."""
    printed = re.search(r"http://127\.0\.0\.1:\d+/\S*desk\S*", house.said)
    assert printed, house.said[-3000:]
    one = person("admin")
    one.enter_airflow()
    one.page.goto(printed[0])
    desk = one.desk_frame() if "/plugin/" in printed[0] else one.page.main_frame

    desk.locator(".cards a[href*='state=rejected']").click()  # 1
    desk.locator("main tbody a[href*='/records/']").first.click()  # 2
    expect(desk.locator("main")).to_contain_text(re.compile(r"[A-Z]{3}-[A-Z-]+"))
    expect(desk.locator("main .badge").first).to_contain_text("已退回")

    one.page.goto(printed[0])
    desk = one.desk_frame() if "/plugin/" in printed[0] else one.page.main_frame
    desk.locator(".cards a[href*='state=acknowledged']").click()  # 1
    desk.locator("main tbody a[href*='/records/']").first.click()  # 2
    desk.get_by_role("link", name="归档信息包").first.click()  # 3
    expect(desk.locator("main")).to_contain_text(re.compile(r"[0-9a-f]{64}"))
    expect(desk.locator("main")).to_contain_text("SM3")


def test_the_operators_day_inside_airflow(person: Persons) -> None:
    """The night in figures, what is stuck, the run's own tab; an operator decides nothing."""
    one = person("operator")
    page = one.enter_airflow()
    desk = one.desk_in_airflow()
    expect(desk.locator(".cards")).to_contain_text("已归档")
    picture(page, "in-airflow")
    desk.locator("nav a", has_text="待定与退回").click()
    desk.locator("main tbody a code", has_text="FIL-UNSCHEDULED").click()
    expect(desk.locator("h1")).to_contain_text("FIL-UNSCHEDULED")
    expect(desk.locator("input[name=action]")).to_have_count(0)
    page.goto(one.house.airflow + "/dags/nightly_ingest/runs")
    page.locator("a[href*='/runs/manual']").first.click()
    page.locator("a[href$='/plugin/night']").click()
    tab = one.desk_frame()
    expect(tab.locator(".cards")).to_contain_text("已归档")


def test_the_archivists_day_inside_airflow(person: Persons) -> None:
    """A held record is looked at, decided on with a reason, and carried out by a run that is started from the page."""
    one = person("archivist", "en")
    page = one.enter_airflow()
    desk = one.desk_in_airflow()
    desk.locator("nav a", has_text="Held & rejected").click()
    desk.locator("main tbody a code", has_text="RCV-VERSION-CONFLICT").click()
    desk.locator("input[name=record]").first.check()
    desk.locator("input[name=action][value=return]").check()
    desk.locator("input[name=reason]").fill("the first one was right (test)")
    desk.get_by_role("button", name="Look ahead").click()
    expect(desk.locator("main")).to_contain_text("Nothing has been decided yet")
    assert not faults(desk)
    desk.get_by_role("button", name=re.compile("^Decide")).click()
    expect(desk.locator("h1")).to_contain_text("What was decided")
    desk.get_by_role("button", name=re.compile("Carry out now")).click()
    desk.locator("nav a", has_text="Held & rejected").wait_for()

    def gone() -> bool:
        desk.locator("nav a", has_text="Held & rejected").click()
        desk.wait_for_load_state()
        return desk.locator("code", has_text="RCV-VERSION-CONFLICT").count() == 0

    for _ in range(90):
        if gone():
            break
        page.wait_for_timeout(2000)
    else:
        pytest.fail("the decision was not carried out")


def test_the_auditors_day_alone(person: Persons) -> None:
    """A package is proved on the spot, each look with its evidence; the certificate confirms itself."""
    one = person("auditor")
    page = one.enter_desk("/records?state=acknowledged")
    page.locator("main tbody a[href*='/records/']").first.click()
    page.get_by_role("link", name="归档信息包").first.click()
    expect(page.locator("main table").first).to_be_visible()
    member = page.locator("main a[href*='/member']", has_text=re.compile(r"\.pdf")).first
    member.click()
    expect(page.locator("main img").first).to_be_visible()
    assert page.locator("main img").first.evaluate("i => i.complete && i.naturalWidth > 100")
    picture(page, "member")
    page.go_back()
    page.get_by_role("button", name="立即核验").click()
    expect(page.get_by_role("link", name=re.compile("证明|证书")).first).to_be_visible(timeout=120_000)
    picture(page, "verified")
    assert not faults(page)
    address = page.get_by_role("link", name=re.compile(r"PDF")).first.get_attribute("href")
    printed = page.request.get(one.house.desk + str(address))
    assert printed.ok and printed.body().startswith(b"%PDF-")
    # nothing on any page lets an auditor change anything
    for path in PAGES.values():
        one.go(path)
        expect(page.locator("form button.danger")).to_have_count(0)


@pytest.mark.parametrize("name", ["admin", "operator", "archivist", "reviewer", "auditor"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_role_sees_its_desk_alone(person: Persons, name: str, language: str) -> None:
    """Everybody gets in, reads in their language, and leaves."""
    one = person(name, language)
    page = one.enter_desk()
    for path in ("/", "/records", "/queues/held"):
        one.go(path)
        expect(page.locator("html")).to_have_attribute("lang", re.compile("^zh" if language == "zh" else "^en"))
    page.get_by_role("button", name="退出" if language == "zh" else "Log out").click()
    page.wait_for_url(one.house.desk + "/login")
    page.goto(one.house.desk + "/records")
    expect(page.locator("input[name=password]")).to_be_visible()


def test_the_desk_is_worked_by_keyboard(person: Persons) -> None:
    """The skip link is first, focus can be seen, and the search works without a mouse."""
    one = person("auditor")
    page = one.enter_desk("/records")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main input[name=q]")).to_be_focused()
    page.keyboard.type("SIG-REVOKED")
    page.keyboard.press("Enter")
    expect(page.locator("main tbody tr")).to_have_count(1)
