"""What rooms in which people decide have in common: who acts, what a refusal looks like, and where one goes after an act."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Form, HTTPException, Path, Query
from fastapi.responses import RedirectResponse
from pydantic import BeforeValidator

from desk.roles import User
from ingest.model import CST

# What addresses and forms may hold, so that no database is asked for what it cannot take: its largest number, a zero byte.
_TEXT = r"^[^\x00]*$"
Number = Annotated[int, Path(ge=1, le=2**62)]
Name = Annotated[str, Path(max_length=60, pattern=r"^[^\x00/]+$")]
Word = Annotated[str, Query(max_length=200, pattern=_TEXT)]
Words = Annotated[str, Form(max_length=4000, pattern=_TEXT)]


def _none(value: Any) -> Any:
    return value or None


Chosen = BeforeValidator(_none)  # of a filter: the empty choice is none


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
