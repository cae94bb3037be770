"""今夜 / Tonight: the run as it goes, what it left behind, and the nights before it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse

from desk.guard import HomeDep, LedgerDep, allowed
from desk.pages import PageDep, size
from desk.roles import Right, User
from desk.tonight import chart, queries
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.show import STAGE_NAMES
from ingest.trouble import causes

router = APIRouter()
Reader = Annotated[User, Depends(allowed(Right.SEE))]
RunId = Annotated[str, Query(max_length=250)]
LANES = {"night": ("每夜", "nightly"), "backfill": ("补收", "backfill")}


@router.get("/", name="tonight", response_class=HTMLResponse)
def tonight(page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, run_id: RunId = "") -> HTMLResponse:
    """A run, the newest unless another is named: also the tab of Airflow's page of that run."""
    runs = queries.runs(ledger)
    chosen = queries.find(ledger, run_id) if run_id else next(iter(runs), None)
    if chosen is None:
        return page.render("tonight/none.html", run_id=run_id)
    return page.render(
        "tonight/index.html",
        runs=runs,
        causes=queries.causes(home, ledger, user, chosen),
        **_live(ledger, user, chosen),
    )


@router.get("/tonight/live", name="tonight_live", response_class=HTMLResponse)
def live(page: PageDep, ledger: LedgerDep, user: Reader, run_id: RunId) -> HTMLResponse:
    """The part of the page that changes while the run goes on."""
    chosen = queries.find(ledger, run_id)
    if chosen is None:
        raise HTTPException(404)
    return page.render("tonight/live.html", **_live(ledger, user, chosen))


@router.get("/nights", name="nights", response_class=HTMLResponse)
def nights(
    page: PageDep, ledger: LedgerDep, user: Reader, agency: Annotated[str, Query(max_length=80)] = ""
) -> HTMLResponse:
    """The last thirty nights as charts and as a table, of one agency or of all."""
    days = queries.history(ledger, user, agency or None)
    series: list[tuple[str, chart.Value]] = [
        ("accepted", lambda d: d.accepted), ("rejected", lambda d: d.rejected), ("held", lambda d: d.held)
    ]  # fmt: skip
    return page.render(
        "tonight/part.html" if page.partial else "tonight/nights.html",
        days=days, agency=agency, agencies=queries.agencies(ledger, user),
        records=chart.bars(days, series, lambda n: f"{n:,.0f}"),
        bytes=chart.bars(days, [("bytes", lambda d: d.bytes)], lambda n: size(int(n))),
        minutes=chart.bars(days, [("minutes", lambda d: d.minutes or 0.0)], lambda n: f"{n:,.1f} min"),
    )  # fmt: skip


def _live(ledger: Ledger, user: User, chosen: queries.Run) -> dict[str, Any]:
    night = queries.night(ledger, user, chosen, dt.datetime.now(CST))
    return {
        "night": night, "run": chosen, "day": chosen.as_of[:10], "stage_names": STAGE_NAMES,
        "lanes": LANES, "stuck": queries.stuck(ledger, user), "known_causes": causes(),
    }  # fmt: skip
