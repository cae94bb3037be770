"""档案包 / Packages: the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from desk.guard import allowed
from desk.pages import PageDep
from desk.roles import Right, User

router = APIRouter()


@router.get("/packages", name="packages", response_class=HTMLResponse)
def packages(page: PageDep, user: Annotated[User, Depends(allowed(Right.SEE))]) -> HTMLResponse:
    """档案包."""
    return page.render("packages/index.html")
