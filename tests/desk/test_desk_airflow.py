"""The desk inside a real Airflow: nobody unknown gets in anywhere, and Airflow's users are who the desk takes them for."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator

import httpx
import pytest
from desk_routes import OPEN, concrete, routes
from desk_sessions import FakeSessions

from desk.app import create_app
from desk.people import People
from ingest import runs
from ingest.ledger import Ledger
from ingest.servers import airflow
from ingest.servers.component import Component
from ingest.servers.ports import Ports
from ingest.servers.secrets import Secrets, ensure
from ingest.settings import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DESK = "/desk-app"


class Server:
    """A running api-server with the desk in it."""

    def __init__(self, base: str, secrets: Secrets) -> None:
        self.base = base
        self._passwords = secrets.passwords

    def client(self, name: str | None = None) -> httpx.Client:
        """A browser in which ``name`` has logged in to Airflow, or nobody has."""
        cookies = {"_token": self._token(name)} if name else {}
        return httpx.Client(base_url=self.base, cookies=cookies, follow_redirects=False, trust_env=False, timeout=120)

    def _token(self, name: str) -> str:
        known = {"username": name, "password": self._passwords[name]}
        answer = httpx.post(f"{self.base}/auth/token", json=known, trust_env=False, timeout=120)
        return str(answer.json()["access_token"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = Home.of(tmp_path_factory.mktemp("airflow") / "home")
    home.root.mkdir()
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        runs.begin(ledger, "night", "2026-11-20T01:00:00+08:00", "test")
    ports = Ports.free()
    secrets = ensure(home.root)
    env = airflow.environment(home.root, ports)
    airflow.migrate(home.root, env)
    (api,) = (c for c in airflow.components(home.root, env) if c.name == "api-server")
    api.start()
    try:
        yield Server(_ready(api, f"http://127.0.0.1:{ports.api}"), secrets)
    finally:
        api.stop()


def _ready(api: Component, base: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        assert api.ended() is None, api.tail(40)
        try:
            with opener.open(f"{base}/api/v2/monitor/health", timeout=5):
                return base
        except OSError:
            time.sleep(0.2)
    raise AssertionError(api.tail(40))


def test_nobody_unknown_gets_in_anywhere(server: Server, empty_home: Home) -> None:
    found = routes(create_app(empty_home, FakeSessions(None)))
    assert len(found) > 8
    with server.client() as nobody, server.client() as liar:
        liar.cookies = httpx.Cookies({"_token": "x.y.z"})
        for method, path, name, _ in found:
            for client in (nobody, liar):
                answer = client.request(method, DESK + concrete(path))
                if answer.status_code == 303:  # a page sends people to Airflow's login, and brings them back
                    assert method == "GET" and answer.headers["location"].startswith("/auth/login?next="), path
                    continue
                assert answer.status_code in ((401, 403, 422) if name in OPEN else (401, 403)), (method, path)
        for path in ("/openapi.json", "/docs", "/redoc", "/login"):  # what FastAPI, or the desk alone, would show
            assert nobody.get(DESK + path).status_code == 404


@pytest.mark.parametrize(
    ("name", "role"),
    [("admin", "管理员"), ("operator", "操作员"), ("archivist", "档案员"), ("reviewer", "复核员"), ("approver", "复核员"),
     ("auditor", "审计员")],
)  # fmt: skip
def test_users_of_airflow_have_their_roles_at_the_desk(server: Server, name: str, role: str) -> None:
    with server.client(name) as client:
        page = client.get(f"{DESK}/records")
        assert page.status_code == 200 and role in page.text
        assert f'href="{DESK}/static/desk.css"' in page.text
        assert client.get(f"{DESK}/static/desk.css").status_code == 200
        bearer = {"Authorization": f"Bearer {client.cookies['_token']}"}
    with server.client() as program:
        assert program.get(f"{DESK}/api/v1/openapi.json", headers=bearer).json()["servers"] == [{"url": DESK}]


def test_another_sites_form_does_nothing_here(server: Server) -> None:
    """Airflow's own cookie is sent with a form of another site's in some browsers; the desk does not care for it alone."""
    with server.client("admin") as client:
        answer = client.post(f"{DESK}/language", data={"to": "en"}, headers={"Origin": "http://elsewhere.example"})
        assert answer.status_code == 403


def test_airflow_shows_the_desk_in_its_navigation_and_on_each_run(server: Server) -> None:
    with server.client("auditor") as client:
        (plugin,) = (p for p in client.get("/api/v2/plugins").json()["plugins"] if p["name"] == "guidang_desk")
        views = {v["destination"]: v for v in plugin["external_views"]}
        assert views["nav"]["name"] == "归档工作台 Archive desk"
        report = client.get(views["dag_run"]["href"].replace("{RUN_ID}", "night"))
        assert report.status_code == 200 and "2026-11-20" in report.text


def test_one_without_a_role_at_the_desk_sees_nothing(empty_home: Home) -> None:
    for name in ("somebody", "reviewer", "archivist"):
        assert People.of(empty_home).find(name, ["Public"]) is None, "a name alone gives nothing"
    empty_home.config.mkdir(parents=True)
    said = {"users": {"somebody": {"role": "producer", "agency": "a"}}, "roles": {"Archive Team": "archivist"}}
    (empty_home.config / "desk.json").write_text(json.dumps(said), "utf-8")
    people = People.of(empty_home)
    assert (found := people.find("somebody", ["Admin"])) and (found.role, found.agency) == ("producer", "a")
    assert (found := people.find("another", ["Viewer", "archive team"])) and found.role == "archivist"
