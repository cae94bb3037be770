"""A house with a real night behind it, opened to browsers: `guidang run` left open, and the desk alone beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_house import House, Person
from playwright.sync_api import Browser, sync_playwright

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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if _CHROMIUM is None:
        pytest.skip("没有 Chromium / no Chromium: apt-get install chromium fonts-noto-cjk, or make test-browser")
    with sync_playwright() as playwright:
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_QUIET, *sandbox])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(chromium: Browser) -> Iterator[House]:
    """Airflow, the store and a finished sample night of 24 cases, and the desk alone over the same home."""
    with tempfile.TemporaryDirectory(prefix="gdb") as folder:  # a short path, for the store's unix sockets
        home, ports = Path(folder) / "home", Ports.free()
        desk_port = Ports.free().api
        names = os.environ | {variable(n): str(p) for n, p in ports.as_dict().items()}
        started: list[subprocess.Popen[bytes]] = []
        try:
            log = Path(folder) / "run.log"
            with log.open("wb") as out:
                started.append(_start("run", "--count", "24", "--home", str(home), out=out, env=names))
            _wait(lambda: "结果与预期" in log.read_text("utf-8", "replace"), started[0], log, 420)
            with (Path(folder) / "desk.log").open("wb") as out:
                started.append(_start("desk", "--port", str(desk_port), "--home", str(home), out=out, env=names))
            airflow, desk = f"http://127.0.0.1:{ports.api}", f"http://127.0.0.1:{desk_port}"
            _wait(lambda: _answers(desk + "/login"), started[1], Path(folder) / "desk.log", 60)
            passwords = json.loads((home / "secrets" / "airflow-passwords.json").read_text())
            yield House(Home.of(home), airflow, desk, passwords, chromium, log.read_text("utf-8"))
        finally:
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
            for process in reversed(started):
                process.wait(90)


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


def _start(*command: str, out: object, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [_GUIDANG, *command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        env=env,  # type: ignore[call-overload]
    )


def _wait(done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        said = log.read_text("utf-8", "replace")[-5000:]
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.5)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
