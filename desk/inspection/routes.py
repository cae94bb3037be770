"""监督检查 / Inspection: the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from desk.guard import allowed
from desk.pages import PageDep
from desk.roles import Right, User

router = APIRouter()


@router.get("/inspection", name="inspection", response_class=HTMLResponse)
def inspection(page: PageDep, user: Annotated[User, Depends(allowed(Right.SEE))]) -> HTMLResponse:
    """监督检查."""
    return page.render("inspection/index.html")
