"""The desk alone, without Airflow: its login, and the server behind ``guidang desk``."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import limits
import uvicorn
from fastapi import APIRouter, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from desk.app import create_app, local
from desk.guard import client, ensure_room, limit, visitor
from desk.pages import PageDep
from desk.sessions import AloneSessions
from ingest.settings import ConfigError, Home

PORT = 8090
# wrong tries only: an office behind one address comes to work at the same minute
_TRIES = limits.parse("10/minute")  # of one address
_TRIES_NAME = limits.parse("20/hour")  # of one name, from wherever: slow enough for a random password of 18 bytes
router = APIRouter()


def alone(home: Home, hosts: Sequence[str] = ("127.0.0.1", "localhost", "[::1]")) -> FastAPI:
    """The desk with its own login. It answers to these host names only: a page elsewhere that points its name here gets nothing."""
    app = create_app(home, AloneSessions(home))
    app.include_router(router)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*hosts])
    return app


@router.get("/login", name="login", response_class=HTMLResponse)
def login(page: PageDep, next: str = "") -> Response:
    """The form; whoever is logged in goes on at once."""
    if page.user:
        return RedirectResponse(local(next) or page.url("tonight"), 303)
    return page.render("login/index.html", next=local(next) or "", wrong=False, name="")


@router.post("/login", response_class=HTMLResponse)
def log_in(
    request: Request, page: PageDep, name: Annotated[str, Form(max_length=80)],
    password: Annotated[str, Form(max_length=200)], next: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Begin a session, or say that name and password do not belong together (never which of them is wrong)."""
    ensure_room(request, _TRIES, "login", client(request))
    sessions: AloneSessions = request.app.state.sessions
    user = sessions.check(name, password)
    if user is None:
        limit(request, _TRIES, "login", client(request))
        limit(request, _TRIES_NAME, "login name", name)
        return page.render("login/index.html", 401, next=local(next) or "", wrong=True, name=name)
    answer = RedirectResponse(local(next) or page.url("tonight"), 303)
    sessions.begin(answer, request, user)
    return answer


@router.post("/logout", name="logout")
def log_out(request: Request, page: PageDep) -> Response:
    """End the session."""
    if visitor(request) is None:
        raise HTTPException(401)
    answer = RedirectResponse(page.url("login"), 303)
    sessions: AloneSessions = request.app.state.sessions
    sessions.end(answer, request)
    return answer


def serve(
    home: Home, host: str, port: int, *, tls: tuple[Path, Path] | None, behind_proxy: bool, names: Sequence[str]
) -> int:
    """Run until it is stopped. ConfigError where passwords would go over a network in clear."""
    if not _loopback(host) and tls is None and not behind_proxy:
        raise ConfigError(
            f"{host} 不是本机地址，口令会明文经过网络：给出 --tls-cert 与 --tls-key，或由前面的代理终止 TLS 并加 --behind-proxy。"
            f" / {host} is not this machine alone and passwords would cross the network in clear: give --tls-cert and"
            " --tls-key, or end TLS at a proxy in front and say --behind-proxy."
        )
    app = alone(home, ["127.0.0.1", "localhost", "[::1]", host, *names])
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, server_header=False,
        proxy_headers=behind_proxy, ssl_certfile=tls and str(tls[0]), ssl_keyfile=tls and str(tls[1]),
    )  # fmt: skip
    return 0


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
