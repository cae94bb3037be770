"""指标 / Numbers: the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from desk.guard import allowed
from desk.pages import PageDep
from desk.roles import Right, User

router = APIRouter()


@router.get("/numbers", name="numbers", response_class=HTMLResponse)
def numbers(page: PageDep, user: Annotated[User, Depends(allowed(Right.SEE))]) -> HTMLResponse:
    """指标."""
    return page.render("numbers/index.html")
