"""The desk alone: its login, its sessions' end, and where it refuses to listen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_sessions import DeskClient

from desk.alone import alone, serve
from desk.sessions import IDLE, LONGEST, AloneSessions
from ingest.servers.secrets import ensure
from ingest.settings import ConfigError, Home


@pytest.fixture
def server(empty_home: Home) -> Iterator[DeskClient]:
    ensure(empty_home.root)
    with DeskClient(alone(empty_home)) as client:
        yield client
        client.app.state.ledger().close()


def passwords(client: DeskClient) -> Path:
    home: Home = client.app.state.home
    return home.secrets / "airflow-passwords.json"


def log_in(client: DeskClient, name: str = "auditor", password: str | None = None, **more: str):
    password = password or json.loads(passwords(client).read_text())[name]
    token = client.token("/login")
    return client.post("/login", data={"csrf": token, "name": name, "password": password, **more},
                       headers={"Origin": "http://127.0.0.1"})  # fmt: skip


def test_a_session_from_login_to_logout(server: DeskClient) -> None:
    asked = server.get("/records?q=1")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Frecords%3Fq%3D1")
    done = log_in(server, next="/records?q=1")
    assert (done.status_code, done.headers["location"]) == (303, "/records?q=1")
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert server.get("/records").status_code == 200
    copied = dict(server.cookies)
    assert server.submit("/logout").status_code == 303
    server.cookies.update(copied)
    assert server.get("/records").status_code == 303, "a copied cookie is worth nothing after logging out"


def test_who_knows_the_password_gets_in_however_many_come_from_one_address(server: DeskClient) -> None:
    for _ in range(30):
        assert log_in(server).status_code == 303
        assert server.submit("/logout").status_code == 303


def test_wrong_names_and_passwords_are_told_alike_and_only_so_often(server: DeskClient) -> None:
    wrong = [log_in(server, "auditor", "x"), log_in(server, "nobody", "x")]
    assert [w.status_code for w in wrong] == [401, 401]
    assert "guidang_session" not in server.cookies
    for _ in range(20):
        last = log_in(server, "auditor", "x")
    assert last.status_code == 429
    assert log_in(server).status_code == 429, "the right password does not help any more for a while"


@pytest.mark.parametrize("next", ["//elsewhere.example", "https://elsewhere.example/", "/\\elsewhere.example"])
def test_a_login_leads_to_no_other_site(server: DeskClient, next: str) -> None:
    assert log_in(server, next=next).headers["location"] == "/"


def test_a_login_from_another_site_is_refused(server: DeskClient) -> None:
    token = server.token("/login")
    password = json.loads(passwords(server).read_text())["auditor"]
    form = {"csrf": token, "name": "auditor", "password": password}
    assert server.post("/login", data=form, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert server.post("/login", data=form | {"csrf": "0" * 64}).status_code == 403


def test_a_changed_password_ends_the_sessions_it_began(server: DeskClient) -> None:
    log_in(server)
    known = json.loads(passwords(server).read_text())
    passwords(server).write_text(json.dumps(known | {"auditor": "another"}))
    assert server.get("/records").status_code == 303


def test_a_session_ends_when_idle_and_after_a_day(empty_home: Home) -> None:
    ensure(empty_home.root)
    clock = [0.0]
    app = alone(empty_home)
    app.state.sessions = AloneSessions(empty_home, lambda: clock[0])
    with DeskClient(app) as client:
        log_in(client)
        clock[0] = IDLE + 1
        assert client.get("/records").status_code == 303
        log_in(client)
        for _ in range(int(LONGEST // (IDLE - 1))):
            clock[0] += IDLE - 1
            assert client.get("/records").status_code == 200
        clock[0] += IDLE - 1
        assert client.get("/records").status_code == 303
        app.state.ledger().close()


def test_it_answers_to_its_own_names_only(server: DeskClient) -> None:
    assert server.get("/login", headers={"Host": "elsewhere.example"}).status_code == 400


def test_passwords_do_not_cross_a_network_in_clear(empty_home: Home) -> None:
    with pytest.raises(ConfigError, match="tls-cert"):
        serve(empty_home, "0.0.0.0", 0, tls=None, behind_proxy=False, names=[])
