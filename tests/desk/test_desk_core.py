"""What every page of the desk has in common: it opens for whom it may, in both languages, and refuses the rest."""

from __future__ import annotations

import re

import pytest
from desk_routes import OPEN, concrete, routes

from desk.guard import EVERYBODY
from desk.masking import mask_id, mask_name, mask_phone, mask_text
from desk.pages import NAV, TEMPLATES
from desk.roles import RIGHTS, Role, User


def test_every_entry_of_the_navigation_opens_in_both_languages(client_of, empty_home) -> None:
    client = client_of(empty_home, "administrator")
    assert client.submit("/language", {"to": "en", "back": "/records"}).headers["location"] == "/records"
    english = {n.route: client.get(client.app.url_path_for(n.route)) for n in NAV}
    client.submit("/language", {"to": "zh"})
    for n in NAV:
        page = client.get(client.app.url_path_for(n.route))
        assert page.status_code == english[n.route].status_code == 200
        assert 'lang="zh-CN"' in page.text and 'lang="en"' in english[n.route].text
        assert 'aria-current="page"' in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]


def test_a_page_without_a_night_says_so(client_of, empty_home) -> None:
    client = client_of(empty_home, "operator")
    for n in NAV:
        assert client.get(client.app.url_path_for(n.route)).status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_a_producer_and_nobody_else_belongs_to_an_agency(role: Role) -> None:
    agency = "440100-tax"
    with pytest.raises(ValueError, match="producer"):
        User("x", role, None if role is Role.PRODUCER else agency)


def test_every_route_asks_for_a_right_and_refuses_whoever_has_not_got_it(client_of, empty_home) -> None:
    anonymous = client_of(empty_home, None)
    clients = {role: client_of(empty_home, role, "some-agency" if role is Role.PRODUCER else None) for role in Role}
    found = routes(anonymous.app)
    assert {"tonight", "records", "held", "schedules", "inspection", "numbers", "openapi"} <= {r[2] for r in found}
    for method, path, name, right in found:
        if name in OPEN:
            continue
        assert right is not None, f"{method} {path} asks for no right"
        assert anonymous.request(method, concrete(path)).status_code in (401, 403), (method, path)
        for role, client in clients.items():
            if right not in RIGHTS[role]:
                headers = {"X-CSRF-Token": client.token(), "Origin": "http://127.0.0.1"}
                assert client.request(method, concrete(path), headers=headers).status_code == 403, (role, method, path)


def test_every_change_wants_the_forms_token_and_our_own_origin(client_of, empty_home) -> None:
    client = client_of(empty_home, "administrator")
    token = client.token()
    changing = [(m, p) for m, p, name, _ in routes(client.app) if m not in ("GET", "HEAD") and name != "push"]
    assert ("POST", "/language") in changing
    for method, path in changing:
        for headers in (
            {},
            {"Origin": "http://127.0.0.1"},
            {"Origin": "http://127.0.0.1", "X-CSRF-Token": "0" * 64},
            {"Origin": "http://elsewhere.example", "X-CSRF-Token": token},
            {"Origin": "null", "X-CSRF-Token": token},
            {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token},
            {"Authorization": "Basic eDp4"},  # what a browser sends by itself where a proxy asked for it
        ):
            assert client.request(method, concrete(path), headers=headers).status_code == 403, (method, path, headers)


def test_a_token_of_one_person_is_worth_nothing_to_another(client_of, empty_home) -> None:
    one = client_of(empty_home, "administrator", name="one")
    token = one.token()
    other = client_of(empty_home, "administrator", name="other")
    other.cookies.update(dict(one.cookies))
    answer = other.post("/language", data={"csrf": token, "to": "en"}, headers={"Origin": "http://127.0.0.1"})
    assert answer.status_code == 403


def test_every_answer_has_its_security_headers(client_of, empty_home) -> None:
    client = client_of(empty_home, "auditor")
    for path in ("/records", "/no-such-page", "/static/desk.css", "/static/none", "/api/v1/openapi.json"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-" not in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/records").headers["cache-control"] == "no-store"


def test_no_page_has_script_or_style_of_its_own() -> None:
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:|hx-on", text), template


def test_too_much_is_refused(client_of, empty_home) -> None:
    client = client_of(empty_home, "auditor")
    assert client.post("/language", content=b"x" * (17 * 1024**2)).status_code == 413
    endless = (b"x" * 1024**2 for _ in range(20))
    assert client.post(
        "/language", content=endless, headers={"Content-Type": "multipart/form-data; boundary=x"}
    ).status_code in (403, 413)


def test_one_person_does_not_ask_without_end(client_of, empty_home) -> None:
    client, another = client_of(empty_home, "auditor"), client_of(empty_home, "auditor", name="another")
    another.app.state.limiter = client.app.state.limiter
    assert client.get("/records").status_code == 200
    while client.app.state.limiter.take(EVERYBODY, "all", "auditor"):
        pass
    assert client.get("/records").status_code == 429 and client.get("/api/v1/runs").status_code == 429
    assert another.get("/records").status_code == 200


def test_masking_leaves_enough_to_tell_two_people_apart_and_no_more() -> None:
    assert [mask_name(n) for n in ("", "张", "张三", "欧阳修远", "某某市大华有限公司")] == [
        "",
        "张",
        "张*",
        "欧***",
        "某某***公司",
    ]
    assert mask_id("110101199001011237") == "110*************37"
    assert mask_id("1234567") == "*******"
    assert mask_phone("13800001234") == "138****1234" and mask_phone("8861234") == "*******"
    assert mask_text("签名证书“C=CN, CN=张三丰”，110101199001011237，电话 13800001234") == (
        "签名证书“C=CN, CN=张**”，110*************37，电话 138****1234"
    )
    assert mask_text("CN=南粤市政务服务和数据管理局") == "CN=南粤市政务服务和数据管理局", "an organisation is no person"
