"""The desk inside Airflow: its pages under ``/desk-app``, an entry in the navigation, a tab on the run. Who asks is Airflow's user.

Airflow does not protect what plugins mount, and loads plugins in every process: so the desk asks by itself, and is made only
where the first request comes in. Installed by the entry point ``airflow.plugins`` of the distribution.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from desk.hooks import Pending
    from desk.roles import User

PREFIX = "/desk-app"
_ROOT = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
_NIGHT = "nightly_ingest"
_OURS = (_NIGHT, "fixity_audit", "schedule_review", "archive_transfer", "emergency_drill", "trust_refresh")
_MOST = 200  # questions on one page


class AirflowSessions:
    """Airflow's token, from its cookie or an Authorization header, and the desk's role of its user. Logging in is Airflow's."""

    own = False

    def user(self, request: Request) -> User | None:
        found: User | None = request.state.of_airflow
        return found

    def login_page(self, request: Request, back: str) -> str | None:
        """Airflow's, for those it does not know; one whom it knows and who has no role here would only go round in circles."""
        from airflow.api_fastapi.app import get_auth_manager

        return None if request.state.known else str(get_auth_manager().get_url_login(next_url=back))


class AirflowScheduler:
    """What the desk asks of the Airflow that it runs in, through Airflow's own database as its API does."""

    def pending(self) -> list[Pending]:
        """Questions of our DAGs that wait for an answer, oldest first."""
        from airflow.models.dagrun import DagRun
        from airflow.models.hitl import HITLDetail
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from airflow.utils.state import State
        from sqlalchemy import select

        from desk.hooks import Pending

        ti = TaskInstance
        asked = (
            select(HITLDetail.subject, HITLDetail.created_at, ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
            .join(ti, ti.id == HITLDetail.ti_id)
            .join(DagRun, (DagRun.dag_id == ti.dag_id) & (DagRun.run_id == ti.run_id))
            .where(HITLDetail.responded_at.is_(None), ti.state.not_in(State.finished), ti.dag_id.in_(_OURS))
            .order_by(HITLDetail.created_at)
            .limit(_MOST)
        )
        with create_session() as session:
            return [
                Pending(row.subject, row.dag_id, row.run_id, row.task_id, row.created_at.isoformat(), _page(row))
                for row in session.execute(asked)
            ]

    def start_night(self, by: str, reason: str) -> None:
        """Trigger ``nightly_ingest`` in that person's name. Raises NotStarted where it is paused or not there."""
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.exceptions import AirflowException
        from airflow.models.dag import DagModel
        from airflow.utils.types import DagRunTriggeredByType

        from desk.hooks import NotStarted

        known = DagModel.get_dagmodel(_NIGHT)
        if known is None or known.is_paused:
            what = "没有载入" if known is None else "已暂停"
            raise NotStarted(
                f"Airflow 中 {_NIGHT} {what}，请先恢复 / {_NIGHT} is paused or not loaded in Airflow: mend that first"
            )
        try:
            trigger_dag(_NIGHT, triggered_by=DagRunTriggeredByType.UI, triggering_user_name=by, conf={}, note=reason)
        except (AirflowException, ValueError) as error:
            raise NotStarted(f"Airflow 未接受 / Airflow did not take it: {error}") from error


def _page(row: Any) -> str:
    """Where Airflow's own page puts a question."""
    mapped = f"/mapped/{row.map_index}" if row.map_index >= 0 else ""
    dag, run, task = (quote(part, safe="") for part in (row.dag_id, row.run_id, row.task_id))
    return f"{_ROOT}/dags/{dag}/runs/{run}/tasks/{task}{mapped}/required_actions"


class Desk:
    """The desk as an ASGI application that is made at its first request; every request has its user looked up before."""

    def __init__(self) -> None:
        self._made: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            app = self._made
            if app is None:  # its imports take a while, and Airflow goes on meanwhile
                app = await asyncio.to_thread(self._make)
            # a state of our own: Airflow keeps its user in the one that came
            known, user = await _user(scope)
            await app({**scope, "state": {"known": known, "of_airflow": user}}, receive, send)

    def _make(self) -> ASGIApp:
        from desk.app import create_app
        from ingest.settings import Home

        with self._lock:
            if self._made is None:
                self._made = create_app(Home.of(), AirflowSessions(), mounted=PREFIX, scheduler=AirflowScheduler())
            return self._made


async def _user(scope: Scope) -> tuple[bool, User | None]:
    """Whether Airflow knows who asks, and who that is at the desk."""
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from fastapi import HTTPException, Request

    from desk.people import People
    from ingest.settings import Home

    request = Request(scope)
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return False, None
    role = getattr(user, "role", None)  # SimpleAuth's users have one, FAB's several
    roles = [role] if role else [r.name for r in getattr(user, "roles", ())]
    return True, People.of(Home.of()).find(user.get_name(), [str(r) for r in roles])


_BASE = _ROOT + PREFIX


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
