"""The operator's, the archivist's and the auditor's day at the pages, in a real browser, on a real night: alone and inside Airflow.

With DESK_SCREENSHOTS=FOLDER the main pages are kept there as pictures (docs/images).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
from browser_house import House, Person, faults, overflows
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Persons = Callable[..., Person]
WHERE = pytest.mark.parametrize("where", ["alone", "airflow"])
LANGUAGE = pytest.mark.parametrize("language", ["zh", "en"])
PAGES = {
    "tonight": "/", "nights": "/nights", "records": "/records", "held": "/queues/held", "rejected": "/queues/rejected",
    "schedules": "/schedules", "inspection": "/inspection", "numbers": "/numbers",
}  # fmt: skip


def picture(page: Page, name: str) -> None:
    """Keep the page as a picture where pictures are wanted."""
    if folder := os.environ.get("DESK_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"desk-{name}.png")


@LANGUAGE
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
    assert "结果与预期一致" in house.said
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


@WHERE
@LANGUAGE
def test_the_operators_day(person: Persons, where: str, language: str) -> None:
    """The night in figures and the nights before it, what waits and what went back and why, one record's story; an operator
    decides nothing. Inside Airflow the run's own tab says the same."""
    one = person("operator", language)
    desk = one.at_the_desk(where)
    expect(desk.locator(".cards")).to_contain_text(one.say("已归档", "Archived"))
    if (where, language) == ("airflow", "zh"):
        picture(one.page, "in-airflow")
    desk.locator("form a[href*='/nights']").click()
    expect(desk.locator("svg.chart")).to_have_count(3)
    desk.locator("nav a", has_text=one.say("待定与退回", "Held & rejected")).click()
    desk.locator("main tbody a code", has_text="FIL-UNSCHEDULED").click()
    expect(desk.locator("h1")).to_contain_text("FIL-UNSCHEDULED")
    expect(desk.locator("input[name=action]")).to_have_count(0)
    assert not faults(desk)
    desk.locator("main a.button", has_text=one.say("已退回", "Rejected")).click()
    expect(desk.locator("main")).to_contain_text(one.say("须整改", "To be mended"))
    desk.locator("nav a", has_text=one.say("档案", "Records")).first.click()
    desk.locator("main input[name=q]").fill("SIG-REVOKED")
    desk.locator("main input[name=q]").press("Enter")
    expect(desk.locator("main tbody tr")).to_have_count(1)
    desk.locator("main tbody a[href*='/records/']").first.click()
    expect(desk.locator("#findings")).to_contain_text(one.say("如何整改", "what to mend"))
    assert not faults(desk)
    if where == "airflow":
        one.page.goto(one.house.airflow + "/dags/nightly_ingest/runs")
        one.page.locator("a[href*='/runs/manual']").first.click()
        one.page.locator("a[href$='/plugin/night']").click()
        expect(one.desk_frame().locator(".cards")).to_contain_text(one.say("已归档", "Archived"))


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


@WHERE
@LANGUAGE
def test_the_auditors_day(person: Persons, where: str, language: str) -> None:
    """A package is proved on the spot, each look with its evidence; the certificate confirms itself; nothing can be changed."""
    one = person("auditor", language)
    desk = one.at_the_desk(where)
    desk.locator(".cards a[href*='state=acknowledged']").click()
    desk.locator("main tbody a[href*='/records/']").first.click()
    desk.get_by_role("link", name=one.say("归档信息包", "The package")).first.click()
    desk.wait_for_url(re.compile("/packages/"))
    manifest = desk.url
    desk.locator("main a[href*='/member']", has_text=re.compile(r"\.pdf")).first.click()
    drawn = desk.locator("main img").first
    expect(drawn).to_be_visible()
    assert drawn.evaluate("i => i.complete && i.naturalWidth > 100")
    if (where, language) == ("alone", "zh"):
        picture(one.page, "member")
    desk.goto(manifest)
    desk.get_by_role("button", name=one.say("立即核验", "Verify now")).click()
    certificate = desk.get_by_role("link", name="PDF").first
    expect(certificate).to_be_visible(timeout=120_000)
    expect(desk.locator(".notice.good")).to_contain_text(one.say("未发现不符", "Nothing is wrong"))
    if (where, language) == ("alone", "zh"):
        picture(one.page, "verified")
    assert not faults(desk)
    printed = one.page.request.get(urljoin(desk.url, str(certificate.get_attribute("href"))))
    assert printed.ok and printed.body().startswith(b"%PDF-")
    desk.get_by_role("link", name=one.say("确认证明", "Confirm the certificate")).click()
    expect(desk.locator("main")).to_contain_text(re.compile("[0-9a-f]{64}"))
    base = desk.url.partition("/packages/")[0]
    for path in PAGES.values():
        desk.goto(base + path)
        expect(desk.locator("form button.danger")).to_have_count(0)


@WHERE
@LANGUAGE
@pytest.mark.parametrize("name", ["admin", "operator", "archivist", "reviewer", "auditor"])
def test_each_role_sees_its_desk(person: Persons, name: str, language: str, where: str) -> None:
    """Everybody gets in, reads in their language, and, where the desk has its own login, leaves."""
    one = person(name, language)
    desk = one.at_the_desk(where)
    base = desk.url.rstrip("/")
    for path in ("/records", "/queues/held"):
        desk.goto(base + path)
        expect(desk.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
        expect(desk.locator("h1")).to_have_count(1)
    if where == "alone":
        desk.get_by_role("button", name=one.say("退出", "Log out")).click()
        one.page.wait_for_url(one.house.desk + "/login")
        one.page.goto(one.house.desk + "/records")
        expect(one.page.locator("input[name=password]")).to_be_visible()


@LANGUAGE
def test_a_producer_sees_its_own_agency_alone(person: Persons, house: House, language: str) -> None:
    """Its own night, records and reasons; not a word of the others, and no package's contents."""
    mine, *others = [agency.name for _, agency in sorted(house.home.agencies().items())]
    auditor = person("auditor").enter_desk("/records")
    hidden = auditor.locator("main tbody tr", has_text=others[0]).locator("a[href*='/records/']").first
    foreign = str(hidden.get_attribute("href"))
    one = person("producer", language)
    page = one.enter_desk()
    expect(page.locator("main")).to_contain_text(mine)
    for path in PAGES.values():
        one.go(path)
        expect(page.locator("h1")).to_have_count(1)
        text = page.locator("main").inner_text()
        assert not [name for name in others if name in text], path
    one.go("/queues/rejected")
    page.locator("main tbody a[href*='/records/']").first.click()
    expect(page.locator("#findings")).to_contain_text(one.say("如何整改", "what to mend"))
    assert page.request.get(house.desk + foreign).status == 404


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
