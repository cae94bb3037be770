"""The desk inside Airflow: its pages under ``/desk-app``, an entry in the navigation, a tab on the run. Who asks is Airflow's user.

Airflow does not protect what plugins mount, and loads plugins in every process: so the desk asks by itself, and is made only
where the first request comes in. Installed by the entry point ``airflow.plugins`` of the distribution.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from desk.roles import User

PREFIX = "/desk-app"


class AirflowSessions:
    """Airflow's token, from its cookie or an Authorization header, and the desk's role of its user. Logging in is Airflow's."""

    login: str | None = None

    def user(self, request: Request) -> User | None:
        found: User | None = request.state.of_airflow
        return found


class Desk:
    """The desk as an ASGI application that is made at its first request; every request has its user looked up before."""

    def __init__(self) -> None:
        self._made: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # a state of our own: Airflow keeps its user in the one that came
            await self._app()({**scope, "state": {"of_airflow": await _user(scope)}}, receive, send)

    def _app(self) -> ASGIApp:
        from desk.app import create_app
        from ingest.settings import Home

        with self._lock:
            if self._made is None:
                self._made = create_app(Home.of(), AirflowSessions(), mounted=PREFIX)
            return self._made


async def _user(scope: Scope) -> User | None:
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from fastapi import HTTPException, Request

    from desk.people import People
    from ingest.settings import Home

    request = Request(scope)
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None
    role = getattr(user, "role", None)  # SimpleAuth's users have one, FAB's several
    roles = [role] if role else [r.name for r in getattr(user, "roles", ())]
    return People.of(Home.of()).find(user.get_name(), [str(r) for r in roles])


_BASE = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX


class DeskPlugin(AirflowPlugin):  # type: ignore[misc]
    """What Airflow reads of it."""

    name = "guidang_desk"
    fastapi_apps = [{"app": Desk(), "url_prefix": PREFIX, "name": "guidang_desk"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "归档工作台 Archive desk",
            "href": f"{_BASE}/",
            "destination": "nav",
            "url_route": "desk",
            "nav_top_level": True,
            "icon": f"{_BASE}/static/mark.svg",
        },
        {
            "name": "夜报 Night report",
            "href": f"{_BASE}/?run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "night",
        },
    ]
