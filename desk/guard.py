"""What stands before every route: who asks, may they, did the request come from our own page, and how often."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

import limits
from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.roles import Right, User
from ingest.ledger import Ledger
from ingest.settings import Home

NONCE_COOKIE = "guidang_form"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_BODY_LIMIT = 16 * 1024**2  # bytes of a form or an uploaded table
EVERYBODY = limits.parse("900/minute")  # of one person: a page that polls, several tabs

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cache-Control": "no-store",  # what is shown may name people; static files say otherwise themselves
}


class Sessions(Protocol):
    """Who asks: Airflow's user inside Airflow, a logged-in one alone, whomever a test says in a test."""

    own: bool  # whether the desk logs people in and out itself

    def user(self, request: Request) -> User | None:
        """The person, or None for nobody known or nobody with a role here."""

    def login_page(self, request: Request, back: str) -> str | None:
        """Where nobody known is sent to log in, to come ``back`` afterwards; None where there is no such page."""


# ------------------------------------------------------------------------------------------------ who may


def allowed(right: Right) -> Callable[[Request], User]:
    """A dependency: the user, if ``right`` is theirs; 401 for nobody, 403 for somebody else. Every route has one."""

    def check(request: Request) -> User:
        user = visitor(request)
        if user is None:
            raise HTTPException(401)
        if not user.may(right):
            raise HTTPException(403)
        limit(request, EVERYBODY, "all", user.name)
        return user

    check.right = right  # type: ignore[attr-defined]  # for the test that goes through all routes
    return check


def visitor(request: Request) -> User | None:
    """Who asks, looked up once a request. (The name ``user`` is taken in Airflow: it means its own.)"""
    if not hasattr(request.state, "desk_user"):
        request.state.desk_user = request.app.state.sessions.user(request)
    user: User | None = request.state.desk_user
    return user


# ------------------------------------------------------------------------------------------------ our own pages only


def nonce(request: Request) -> str:
    """The random value that this browser's forms are bound to; `pages` sends the cookie when it is new."""
    if not hasattr(request.state, "nonce"):
        request.state.nonce = request.cookies.get(NONCE_COOKIE) or secrets.token_urlsafe(24)
    return str(request.state.nonce)


def form_token(request: Request) -> str:
    """What a form must send back: bound to the browser and to who is logged in, and useless to anybody else."""
    user = visitor(request)
    text = f"{nonce(request)}|{user.name if user else ''}".encode()
    return hmac.new(request.app.state.form_key, text, hashlib.sha256).hexdigest()


async def own_form(request: Request) -> None:
    """Refuses (403) whatever changes something and was not sent by a page of ours. A dependency of the whole app.

    Two proofs are asked for, so that a hole in one is no hole: the browser's Origin, and a token in the field ``csrf`` or the
    header X-CSRF-Token. A request with a bearer token is no form: another site's page cannot make a browser send one.
    """
    if request.method in _SAFE or request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    if not _own_origin(request):
        raise HTTPException(403, "请求来自其他站点 / the request came from another site")
    given = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        field = (await request.form()).get("csrf")
        given = field if isinstance(field, str) else None
    if given is None or not hmac.compare_digest(given.encode(), form_token(request).encode()):
        raise HTTPException(403, "表单已失效，请刷新页面再试 / the form has expired: reload the page and try again")


def plain_address(request: Request) -> None:
    """Refuses (400) an address with a NUL in it, which no database takes. A dependency of the whole app."""
    if "\0" in request.url.path or "%00" in request.url.query or "\0" in request.scope["path"]:
        raise HTTPException(400, "地址无效 / no such address")


def _own_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return urlsplit(origin).netloc == request.headers.get("host")


# ------------------------------------------------------------------------------------------------ how often


class Limiter:
    """Counts in this process's memory: of one server process, which is what a desk runs as."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def take(self, what: limits.RateLimitItem, *of: str) -> bool:
        """Whether one more is within the limit."""
        return bool(self._window.hit(what, *of))

    def room(self, what: limits.RateLimitItem, *of: str) -> bool:
        """Whether one more would be within the limit; counts nothing."""
        return bool(self._window.test(what, *of))


def limit(request: Request, rate: limits.RateLimitItem, *of: str) -> None:
    """Count one request; 429 when there were too many."""
    if not request.app.state.limiter.take(rate, *of):
        raise _too_many()


def ensure_room(request: Request, rate: limits.RateLimitItem, *of: str) -> None:
    """429 where one more would be too many; counts nothing, for what is counted only when it goes wrong."""
    if not request.app.state.limiter.room(rate, *of):
        raise _too_many()


def _too_many() -> HTTPException:
    return HTTPException(429, "请求过于频繁，请稍后再试 / too many requests: wait a little")


def rate(text: str, name: str) -> Callable[[Request], None]:
    """A dependency for what costs much: ``rate("10/minute", "verify")`` for each person."""
    item = limits.parse(text)

    def check(request: Request) -> None:
        user = visitor(request)
        limit(request, item, name, user.name if user else client(request))

    return check


def client(request: Request) -> str:
    return request.client.host if request.client else "?"


# ------------------------------------------------------------------------------------------------ what routes work on


def the_home(request: Request) -> Home:
    home: Home = request.app.state.home
    return home


def the_ledger(request: Request) -> Iterator[Ledger]:
    """The ledger, its schema brought up to date before the first use."""
    yield request.app.state.ledger()


HomeDep = Annotated[Home, Depends(the_home)]
LedgerDep = Annotated[Ledger, Depends(the_ledger)]


# ------------------------------------------------------------------------------------------------ what every answer says


class SecurityHeaders:
    """ASGI: the headers of every answer, errors too; a route that set one of them itself knows why."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > _BODY_LIMIT:
            await _with_headers(Response("too large", 413))(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, _bounded(receive), sending)


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _bounded(receive: Receive) -> Receive:
    """A body without a length, or with a wrong one, ends at the limit all the same."""
    seen = 0

    async def bounded() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > _BODY_LIMIT:
            raise HTTPException(413)
        return message

    return bounded
