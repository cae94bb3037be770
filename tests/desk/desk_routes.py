"""All routes of the desk, found in the application itself, so that no route escapes the tests that go through them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from desk.roles import Right

# open to all, and why: two languages before the login, the login itself, a token of its own instead of a user
OPEN = {"language", "login", "log_in", "push"}


def routes(app: FastAPI) -> list[tuple[str, str, str, Right | None]]:
    """(method, path, name, right) of every route; the static files, which are open too, are no routes."""
    return list(_walk(app.routes, ""))


def _walk(found: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str, str, str, Right | None]]:
    for route in found:
        if isinstance(route, Mount):
            if route.name != "static":
                yield from _walk(route.routes, prefix + route.path)
            continue
        assert isinstance(route, Route), route
        right = _right(route.dependant) if isinstance(route, APIRoute) else None
        for method in sorted(route.methods or ()):
            yield method, prefix + route.path, route.name, right


def _right(dependant: Dependant) -> Right | None:
    for d in dependant.dependencies:
        if (right := getattr(d.call, "right", None)) or (right := _right(d)):
            return Right(right)
    return None


def concrete(path: str) -> str:
    """An address of this route: something for each of its parameters."""
    return re.sub(r"\{\w+(:\w+)?\}", "1", path)
