"""The desk as one application: its rooms, and what all their routes have in common."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from desk.api.push import router as push
from desk.api.routes import router as api
from desk.guard import HEADERS, Limiter, SecurityHeaders, Sessions, own_form, plain_address, visitor
from desk.hooks import Scheduler
from desk.inspection.routes import router as inspection
from desk.numbers.routes import router as numbers
from desk.packages.routes import router as packages
from desk.pages import Page, PageDep
from desk.queues.routes import router as queues
from desk.records.routes import router as records
from desk.schedules.routes import router as schedules
from desk.tonight.routes import router as tonight
from ingest.ledger import Ledger
from ingest.servers.secrets import publish
from ingest.settings import Home

STATIC = Path(__file__).parent / "static"


def create_app(home: Home, sessions: Sessions, *, mounted: str = "", scheduler: Scheduler | None = None) -> FastAPI:
    """The desk over one home. ``mounted`` is where another server puts it (``/desk-app`` in Airflow); "" alone. ``scheduler`` is the
    one that it is mounted in, if any."""
    app = FastAPI(
        title="归档工作台 Archive desk",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # served by the API's own, protected route
        dependencies=[Depends(plain_address), Depends(own_form)],
        exception_handlers={HTTPException: _refused, RequestValidationError: _unreadable, Exception: _broken},
    )
    app.state.home = home
    app.state.sessions = sessions
    app.state.mounted = mounted
    app.state.scheduler = scheduler
    app.state.form_key = key(home, "forms")
    app.state.limiter = Limiter()
    app.state.ledger = _once(home)
    for router in (tonight, records, packages, queues, schedules, inspection, numbers, api, push, _common):
        app.include_router(router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(SecurityHeaders)
    return app


def key(home: Home, purpose: str) -> bytes:
    """A key of this home for one purpose (32 bytes), the same in every process: drawn from ``secrets/desk``, made at first use."""
    home.secrets.mkdir(parents=True, mode=0o700, exist_ok=True)
    path = home.secrets / "desk"
    publish(path, lambda: secrets.token_urlsafe(48))
    return hmac.new(path.read_bytes(), purpose.encode(), hashlib.sha256).digest()


class _Static(StaticFiles):
    """Style sheets and scripts: they say nothing of anybody, and the login page needs them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response


def _once(home: Home) -> Any:
    """Opens the ledger at the first request, brought up to date, and the same one ever after."""
    lock = threading.Lock()
    opened: list[Ledger] = []

    def ledger() -> Ledger:
        with lock:
            if not opened:
                home.root.mkdir(parents=True, exist_ok=True)
                found = Ledger(home.database_url)
                found.upgrade()
                opened.append(found)
            return opened[0]

    return ledger


# ------------------------------------------------------------------------------------------------ common routes

_common = APIRouter()


@_common.post("/language", name="language")
def language(page: PageDep, to: Annotated[Literal["zh", "en"], Form()], back: Annotated[str, Form()] = "") -> Response:
    """Switch between Chinese and English. Open to all: the login page has two languages too."""
    answer = RedirectResponse(local(back) or page.url("tonight"), 303)
    page.keep_language(answer, to)
    return answer


def local(address: str) -> str | None:
    """An address to go back to, if it is one of this server: no scheme, no host, no tricks with slashes."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if fine and "\\" not in address else None


# ------------------------------------------------------------------------------------------------ refusals

_REASONS = {
    400: ("请求无效", "The request makes no sense"),
    401: (
        "请先登录；已登录的，请管理员在 config/desk.json 给予角色",
        "Log in first; if you have, ask the administrator for a role in config/desk.json",
    ),
    403: ("无权进行此操作", "This is not yours to do"),
    404: ("没有这个页面或这件档案", "No such page or record"),
    405: ("不支持的操作", "This cannot be done here"),
    409: ("已被他人改变，请刷新", "Somebody changed it meanwhile: reload"),
    413: ("内容过大", "Too large"),
    422: ("填写的内容有误", "What was filled in cannot be right"),
    429: ("请求过于频繁，请稍后再试", "Too many requests: wait a little"),
}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _say(
        request,
        error.status_code,
        error.detail if error.detail != HTTPStatus(error.status_code).phrase else "",
        error.headers,
    )


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    what = "; ".join(f"{'/'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
    return _say(request, 422, what, None)


async def _broken(request: Request, error: Exception) -> Response:
    """Machine trouble: the log has the error, the page says no more of it than what to do. Sent outside of SecurityHeaders."""
    logging.getLogger(__name__).error("%s %s", request.method, request.scope["path"], exc_info=error)
    text = "服务出错，详情在日志中；请稍后再试，或告知管理员 / the log has what went wrong: try again, or tell the administrator"
    return JSONResponse({"detail": text}, 500, headers=HEADERS)


def _say(request: Request, status: int, detail: str, headers: Any) -> Response:
    """A refusal in the form the asker reads: JSON for programs, a page for people, the login page for those who have one."""
    zh, en = _REASONS.get(status, ("出错了", "Something went wrong"))
    inside = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    if inside.startswith("/api/"):
        return JSONResponse({"detail": detail or f"{zh} / {en}"}, status, headers=headers)
    page = Page(request)
    if status == 401 and request.method == "GET" and not page.partial and visitor(request) is None:
        login = request.app.state.sessions.login_page(request, page.here)
        if login is not None:
            return RedirectResponse(login, 303)
    response = page.render("_parts/error.html", status, status=status, reason=page.t(zh, en), detail=detail)
    response.headers.update(headers or {})
    return response
