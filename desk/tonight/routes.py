"""今夜 / Tonight: the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from desk.guard import allowed
from desk.pages import PageDep
from desk.roles import Right, User

router = APIRouter()


@router.get("/", name="tonight", response_class=HTMLResponse)
def tonight(page: PageDep, user: Annotated[User, Depends(allowed(Right.SEE))]) -> HTMLResponse:
    """今夜."""
    return page.render("tonight/index.html")
