"""What rooms in which people decide have in common: who acts, what a refusal looks like, and where one goes after an act."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException
from fastapi.responses import RedirectResponse

from desk.roles import User
from ingest.model import CST


def via(user: User) -> str:
    """How events say that the desk knows who acted: its user is the name, nothing is typed."""
    return f"desk:{user.name}"


def now() -> dt.datetime:
    """This moment in China, to the second."""
    return dt.datetime.now(CST).replace(microsecond=0)


def gone(address: str) -> RedirectResponse:
    """After an act: to a page that can be reloaded without acting again."""
    return RedirectResponse(address, 303)


@contextmanager
def refusals(refused: type[Exception], stale: type[Exception] | None = None) -> Iterator[None]:
    """Turns a domain's refusal into an answer with its words: 409 for what somebody else was faster with, else 422."""
    try:
        yield
    except refused as why:
        raise HTTPException(409 if stale is not None and isinstance(why, stale) else 422, str(why)) from None
