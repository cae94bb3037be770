"""Sessions of the desk alone. The cookie is a random name; what it stands for is in the server's memory, so an end is an end."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from desk.people import People
from desk.roles import User
from ingest.servers.secrets import AIRFLOW_ROLES
from ingest.settings import Home

COOKIE = "guidang_session"
IDLE = 30 * 60.0  # seconds without a request
LONGEST = 10 * 3600.0  # a working day, however busy


@dataclasses.dataclass(slots=True)
class _Session:
    name: str
    mark: bytes  # of the password it began with: a changed one ends it
    since: float
    used: float


class AloneSessions:
    """Users and passwords are those of Airflow on a single machine, ``secrets/airflow-passwords.json``; roles as `desk.people` says.

    ``now`` gives seconds that never go back.
    """

    own = True

    def __init__(self, home: Home, now: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._now = now
        self._key = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def user(self, request: Request) -> User | None:
        """Who the session belongs to, if it has not ended; asking keeps it from ending idle."""
        now = self._now()
        with self._lock:
            found = self._sessions.get(request.cookies.get(COOKIE, ""))
            if found is None or now - found.used > IDLE or now - found.since > LONGEST:
                return None
            found.used = now
        if not hmac.compare_digest(found.mark, self._mark(self._passwords().get(found.name, ""))):
            return None
        return self._find(found.name)

    def login_page(self, request: Request, back: str) -> str | None:
        return f"{request.app.url_path_for('login')}?{urlencode({'next': back})}"

    def check(self, name: str, password: str) -> User | None:
        """The user of a name and a password, compared in constant time whether or not there is such a user."""
        known = self._passwords()
        same = hmac.compare_digest(self._mark(known.get(name, secrets.token_hex())), self._mark(password))
        return self._find(name) if same else None

    def begin(self, response: Response, request: Request, user: User) -> None:
        """A new session for this browser; the one it had ends."""
        now, id_ = self._now(), secrets.token_urlsafe(32)
        mark = self._mark(self._passwords().get(user.name, ""))
        with self._lock:
            self._sessions.pop(request.cookies.get(COOKIE, ""), None)
            alive = {k: s for k, s in self._sessions.items() if now - s.used <= IDLE and now - s.since <= LONGEST}
            self._sessions = alive | {id_: _Session(user.name, mark, now, now)}
        response.set_cookie(
            COOKIE, id_, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )

    def end(self, response: Response, request: Request) -> None:
        with self._lock:
            self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    def _find(self, name: str) -> User | None:
        return People.of(self._home).find(name, [AIRFLOW_ROLES[name]] if name in AIRFLOW_ROLES else [])

    def _passwords(self) -> dict[str, str]:
        try:
            given = json.loads((self._home.secrets / "airflow-passwords.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {str(n): str(p) for n, p in given.items()}

    def _mark(self, password: str) -> bytes:
        return hmac.new(self._key, password.encode(), hashlib.sha256).digest()
