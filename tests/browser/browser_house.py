"""What the walks through the pages have in common: the running house, and a person at a browser."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, expect

from ingest.settings import Home

_SERIOUS = ("serious", "critical")


@dataclasses.dataclass(frozen=True)
class House:
    """``airflow`` and ``desk`` are addresses; ``said`` is what `guidang run` printed."""

    home: Home
    airflow: str
    desk: str
    passwords: Mapping[str, str]
    browser: Browser
    said: str


class Person:
    """Somebody in a browser context of their own. What a page logs as an error, or a request that fails on our side, is kept:
    `leave` insists that there was none but those that a test expects."""

    def __init__(self, house: House, name: str, language: str, width: int, height: int) -> None:
        self.house, self.name, self.language = house, name, language
        self._context = house.browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN" if language == "zh" else "en-US",
            timezone_id="Asia/Shanghai", reduced_motion="reduce",
        )  # fmt: skip
        self._context.set_default_timeout(20_000)
        self.wrong: list[str] = []

    @cached_property
    def page(self) -> Page:
        page = self._context.new_page()
        page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.wrong.append(str(e)))
        return page

    def leave(self) -> None:
        self._context.close()
        # a refusal that a test asks for is logged by the browser too, with its status
        assert not [text for text in self.wrong if not re.search(r"status of 4\d\d", text)], self.wrong

    def say(self, zh: str, en: str) -> str:
        """What a page says in this person's language."""
        return zh if self.language == "zh" else en

    def at_the_desk(self, where: str) -> Page | Frame:
        """The desk's first page: ``alone``, or in its frame inside ``airflow``."""
        if where == "alone":
            return self.enter_desk()
        self.enter_airflow()
        return self.desk_in_airflow()

    # -------------------------------------------------------------------------------------------- alone

    def enter_desk(self, path: str = "/") -> Page:
        """Log in at the desk alone and go to ``path``."""
        page = self.page
        page.goto(self.house.desk + "/login")
        if self.language == "en":
            self._switch(page)
        page.locator("input[name=name]").fill(self.name)
        page.locator("input[name=password]").fill(self.house.passwords[self.name])
        page.locator("form:has(input[name=password]) button").click()
        page.wait_for_url(self.house.desk + "/")
        if path != "/":
            self.go(path)
        return page

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.house.desk + path)
        assert answer is not None and answer.status < 400, (path, answer and answer.status)
        return self.page

    def _switch(self, page: Page | Frame) -> None:
        page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")

    # -------------------------------------------------------------------------------------------- inside Airflow

    def enter_airflow(self) -> Page:
        """Log in at Airflow."""
        page = self.page
        page.goto(self.house.airflow + "/")
        page.locator("input[name=username]").fill(self.name)
        page.locator("input[name=password]").fill(self.house.passwords[self.name])
        page.locator("button[type=submit]").click()
        page.wait_for_url(re.compile(re.escape(self.house.airflow) + r"/(home)?(\?.*)?$"))
        return page

    def desk_in_airflow(self) -> Frame:
        """The desk's frame, once the navigation's entry was clicked."""
        self.page.get_by_text("归档工作台").first.click()
        frame = self.desk_frame()
        if self.language == "en":
            self._switch(frame)
        return frame

    def desk_frame(self) -> Frame:
        """The frame that Airflow shows the desk in, once it has its page."""
        found = self.page.wait_for_selector("iframe[src*='desk-app']")
        frame = found.content_frame() if found else None
        assert frame is not None
        frame.wait_for_selector("main h1")
        return frame


def faults(page: Page | Frame) -> list[dict[str, Any]]:
    """What axe calls serious or critical on the page as it stands, with the first places."""
    found = Axe().run(page).response["violations"]  # type: ignore[arg-type]
    return [
        {"rule": v["id"], "impact": v["impact"], "where": [n["html"][:200] for n in v["nodes"][:4]]}
        for v in found
        if v["impact"] in _SERIOUS
    ]


def overflows(page: Page) -> bool:
    """Whether the page is wider than its window, so that one must scroll sideways to read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))
