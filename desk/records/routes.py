"""档案 / Records: the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from desk.guard import allowed
from desk.pages import PageDep
from desk.roles import Right, User

router = APIRouter()


@router.get("/records", name="records", response_class=HTMLResponse)
def records(page: PageDep, user: Annotated[User, Depends(allowed(Right.SEE))]) -> HTMLResponse:
    """档案."""
    return page.render("records/index.html")
