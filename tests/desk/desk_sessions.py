"""Clients of the desk for tests: somebody is logged in without a login, and forms carry their token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from desk.roles import User


class FakeSessions:
    """Whoever asks is ``user``."""

    own = False

    def __init__(self, user: User | None) -> None:
        self.somebody = user

    def user(self, request: Request) -> User | None:
        return self.somebody

    def login_page(self, request: Request, back: str) -> str | None:
        return None


class DeskClient(TestClient):
    """``get`` as it is; ``submit`` posts a form as one of the desk's pages would, with its token and origin."""

    app: FastAPI

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, base_url="http://127.0.0.1", follow_redirects=False)

    def submit(self, url: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        return self.post(
            url, data={"csrf": self.token(), **(data or {})}, headers={"Origin": "http://127.0.0.1"}, **more
        )

    def token(self, page: str = "/records") -> str:
        """The form token of this client's pages."""
        found = re.search(r'data-csrf="(\w+)"', self.get(page).text)
        assert found, "no page to take a token from"
        return found[1]
