"""A house with a real night behind it, opened to browsers: `guidang run` left open, and the desk alone beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_house import House, Person
from browser_terminal import Terminal
from playwright.sync_api import Browser, expect, sync_playwright

from ingest.servers.ports import Ports, variable
from ingest.settings import Home

_GUIDANG = str(Path(sys.executable).with_name("guidang"))
_CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
# Chromium looks for its maker at every start; here it meets nobody but our own servers.
_QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--force-prefers-reduced-motion",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if _CHROMIUM is None:
        pytest.skip("没有 Chromium / no Chromium: apt-get install chromium fonts-noto-cjk, or make test-browser")
    with sync_playwright() as playwright:
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
        expect.set_options(timeout=20_000)  # another worker's tests load the machine meanwhile
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_QUIET, *sandbox])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(chromium: Browser) -> Iterator[House]:
    """Airflow, the store and a finished sample night of 24 cases, as `make run` leaves them in a terminal, and the desk alone
    over the same home."""
    with tempfile.TemporaryDirectory(prefix="gdb") as folder:  # a short path, for the store's unix sockets
        home, ports, desk_port = Path(folder) / "home", Ports.free(), Ports.free().api
        environ = (
            os.environ | {variable(n): str(p) for n, p in ports.as_dict().items()} | {"TERM": "xterm", "COLUMNS": "160"}
        )
        with contextlib.ExitStack() as ends:
            run = ends.enter_context(Terminal(_GUIDANG, "run", "--count", "24", "--home", str(home), env=environ))
            run.wait_for("Ctrl-C", 420)  # it waits, with everything open to look at
            desk = ends.enter_context(
                Terminal(_GUIDANG, "desk", "--port", str(desk_port), "--home", str(home), env=environ)
            )
            address = f"http://127.0.0.1:{desk_port}"
            desk.wait_for(address, 60)
            _answering(address + "/login", 60)
            passwords = _with_a_producer(Home.of(home))
            yield House(Home.of(home), f"http://127.0.0.1:{ports.api}", address, passwords, chromium, run.said())


@pytest.fixture
def person(house: House) -> Iterator[Callable[..., Person]]:
    """``person(name, language="zh", width=1366, height=768)``: somebody at a browser of their own."""
    people: list[Person] = []

    def make(name: str, language: str = "zh", width: int = 1366, height: int = 768) -> Person:
        people.append(Person(house, name, language, width, height))
        return people[-1]

    yield make
    for one in people:
        one.leave()


def _with_a_producer(home: Home) -> dict[str, str]:
    """Let somebody of the first agency in, as docs/desk.md says; everybody's passwords."""
    file, agency = home.secrets / "airflow-passwords.json", min(home.agencies())
    passwords: dict[str, str] = json.loads(file.read_text("utf-8")) | {"producer": "a producer's password"}
    file.write_text(json.dumps(passwords), "utf-8")
    users = {"users": {"producer": {"role": "producer", "agency": agency}}}
    (home.config / "desk.json").write_text(json.dumps(users), "utf-8")
    return passwords


def _answering(url: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        assert time.monotonic() < end, url
        time.sleep(0.2)
