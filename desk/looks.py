"""Every look at what a package or a record says of people is an event in the chain: who, when, what, and whether in clear."""

from __future__ import annotations

import threading
import time

from fastapi import HTTPException, Request

from desk.guard import visitor
from desk.roles import Right, User
from ingest.ledger import Ledger

WINDOW = 600.0  # seconds in which the same look of the same person is one look (docs/decisions/0018)
_MOST = 20_000


class Once:
    """Tells a look from one that goes on: turning pages and reloading must not fill the chain with the same event."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, ...], float] = {}

    def first(self, *of: str) -> bool:
        """Whether this is the first look within the window; it is noted then. Kept in memory: after a restart it is told again."""
        now = time.monotonic()
        with self._lock:
            if len(self._seen) > _MOST:
                self._seen = {k: at for k, at in self._seen.items() if now - at < self._window}
            if now - self._seen.get(of, -self._window) < self._window:
                return False
            self._seen[of] = now
            return True

    def looked(self, ledger: Ledger, user: User, record_id: str, what: str) -> None:
        """`looked`, once within the window for each person, record and part."""
        if self.first(user.name, record_id, what):
            looked(ledger, user, record_id, what)


def looked(ledger: Ledger, user: User, record_id: str, what: str, *, unmasked: bool = False) -> int:
    """Write the event ``looked`` (or ``unmasked``) of ``record_id``; returns its number in the chain.

    ``what`` says which part was shown: ``record``, ``manifest``, ``member:data/结果文件/1.pdf``.
    """
    with ledger.begin() as tx:
        return tx.chain.append(
            "unmasked" if unmasked else "looked", record_id, {"by": user.name, "role": user.role.value, "what": what}
        )


def in_clear(request: Request, ledger: Ledger, record_id: str, what: str) -> bool:
    """Whether this page shows personal data in clear: ``?unmask=1`` was asked and may be; it is an event then. 403 otherwise."""
    if request.query_params.get("unmask") != "1":
        return False
    user = visitor(request)
    if user is None or not user.may(Right.SEE_PERSONAL):
        raise HTTPException(403, "无权查看个人信息 / personal data is not yours to see")
    looked(ledger, user, record_id, what, unmasked=True)
    return True
