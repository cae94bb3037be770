"""What every page of the desk has in common: it opens for whom it may, in both languages, and refuses the rest."""

from __future__ import annotations

import pytest

from desk.pages import NAV
from desk.roles import Role


def test_every_entry_of_the_navigation_opens_in_both_languages(desk_client) -> None:
    client = desk_client("administrator")
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
    from desk.roles import User

    agency = "440100-tax"
    with pytest.raises(ValueError, match="producer"):
        User("x", role, None if role is Role.PRODUCER else agency)
