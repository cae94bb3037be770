"""指标 / Numbers: rates with their rules, calendars of transfer and opening, and the export for 业务建设评价."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse, Response

from desk.guard import HomeDep, LedgerDep, allowed, rate
from desk.numbers import shapes
from desk.numbers.kept import kept
from desk.pages import PageDep
from desk.roles import Right, User
from ingest.ledger import Ledger
from ingest.lists.indicators import Indicators, forms
from ingest.settings import Agency, ConfigError, Home
from sip.forms import to_xlsx

router = APIRouter(prefix="/numbers")
Reader = Annotated[User, Depends(allowed(Right.SEE))]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NATURES = {
    "all": ("四性全部", "all four"),
    "authenticity": ("真实性", "authenticity"),
    "integrity": ("完整性", "integrity"),
    "usability": ("可用性", "usability"),
    "safety": ("安全性", "safety"),
}


@router.get("", name="numbers", response_class=HTMLResponse)
def numbers(page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, counted: int = 0) -> HTMLResponse:
    """The frame at once, the figures when they are counted: htmx asks again with ``counted=1``, as a browser without it can."""
    if not counted:
        return page.render("numbers/frame.html")
    found = figures(home, ledger, user)
    return page.render(
        "numbers/figures.html" if page.partial else "numbers/whole.html",
        found=found, archived=shapes.total(found.archiving), natures=NATURES, passing=shapes.natures(found.passing),
        passed=shapes.total([r for r in found.passing if r.of["nature"] == "all"]),
        calendars=((True, shapes.years(found.transfer, found.day)), (False, shapes.years(found.opening, found.day))),
    )  # fmt: skip


@router.get("/export.{form}", name="numbers_export", dependencies=[Depends(rate("12/minute", "export"))])
def export(home: HomeDep, ledger: LedgerDep, user: Reader, form: str) -> Response:
    """All indicators as a workbook (``xlsx``) or for programs (``json``)."""
    if form not in ("xlsx", "json"):
        raise HTTPException(404)
    found = figures(home, ledger, user)
    name = {"Content-Disposition": f'attachment; filename="indicators-{found.day}.{form}"'}
    if form == "json":
        text = json.dumps(found.as_json(), ensure_ascii=False, indent=1)
        return Response(text, media_type="application/json", headers=name)
    return Response(to_xlsx(*forms(found)), media_type=_XLSX, headers=name)


def figures(home: Home, ledger: Ledger, user: User) -> Indicators:
    """What this user may see of them: a producer its own agency's. 422 where a declaration in config/ cannot be read."""
    try:
        return kept.of(home, ledger, _own(home, user))
    except ConfigError as error:
        raise HTTPException(422, str(error)) from error


def _own(home: Home, user: User) -> Agency | None:
    if user.agency is None:
        return None
    agency = home.agencies().get(user.agency)
    if agency is None:
        raise HTTPException(404, "该机构已不在登记表中 / this agency is in the registry no more")
    return agency
