"""JSON under /api/v1: what the pages show, for programs; and its own description."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.openapi.utils import get_openapi

from desk.api import models
from desk.api.rooms import router as rooms
from desk.guard import HomeDep, LedgerDep, allowed
from desk.paging import Part
from desk.records import queries as records
from desk.records.asking import Asked
from desk.records.facts import facts
from desk.records.routes import understood
from desk.records.veil import Veil, by_digest
from desk.roles import RIGHTS, Right, User
from desk.tonight import queries as nights
from ingest.findings import table
from ingest.model import CST, State

_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": models.Problem, "description": text}
    for code, text in ((400, "No such part of the list"), (401, "Nobody is logged in"), (403, "Not yours to see"),
                       (404, "No such thing"), (422, "Cannot be asked so"), (429, "Too many requests"))
}  # fmt: skip
router = APIRouter(prefix="/api/v1", tags=["desk"], responses=_REFUSALS)
router.include_router(rooms)
Reader = Annotated[User, Depends(allowed(Right.SEE))]
After = Annotated[str, Query(max_length=400, description="`next` of the answer before")]
Agency = Annotated[str, Query(max_length=80)]


@router.get("/openapi.json", include_in_schema=False, name="openapi")
def description(request: Request, user: Reader) -> dict[str, Any]:
    """What the API can do, for those who may use it (OpenAPI 3.1)."""
    routes = [r for r in request.app.routes if getattr(r, "path", "").startswith("/api/")]
    root: str = request.scope.get("root_path", "")
    return get_openapi(title=request.app.title, version="1", routes=routes, servers=[{"url": root or "/"}])


@router.get("/me", name="api_me")
def me(user: Reader) -> models.Me:
    """Who asks, and what they may."""
    return models.Me(name=user.name, role=user.role, agency=user.agency, rights=sorted(RIGHTS[user.role]))


# ------------------------------------------------------------------------------------------------ nights


@router.get("/runs", name="api_runs")
def runs(user: Reader, ledger: LedgerDep) -> list[models.Run]:
    """The newest hundred runs, newest first."""
    return [models.Run.model_validate(run) for run in nights.runs(ledger, 100)]


@router.get("/runs/{run_id}", name="api_run")
def run(run_id: str, user: Reader, home: HomeDep, ledger: LedgerDep) -> models.RunDetail:
    """What became of a run so far, as much of it as the user may see."""
    found = nights.find(ledger, run_id)
    if found is None:
        raise HTTPException(404, "没有这次运行 / no such run")
    night = nights.night(ledger, user, found, dt.datetime.now(CST))
    return models.RunDetail(
        **models.Run.model_validate(found).model_dump(),
        agencies=[models.AgencyLine.model_validate(line) for line in night.lines],
        sources=[models.Source.model_validate(s) for s in night.sources],
        stages=[models.Stage.model_validate(s) for s in night.stages],
        causes=[models.Cause(code=c.code, records=c.records, zh=c.example.text("zh"), en=c.example.text("en"))
                for c in nights.causes(home, ledger, user, found)],
        minutes_left=night.left,
    )  # fmt: skip


@router.get("/nights", name="api_nights")
def history(user: Reader, ledger: LedgerDep, agency: Agency = "") -> list[models.Night]:
    """The last thirty nights, oldest first, of one agency or of all that the user may see."""
    return [models.Night.model_validate(day) for day in nights.history(ledger, user, agency or None)]


# ------------------------------------------------------------------------------------------------ records


@router.get("/records", name="api_records")
def search(
    user: Reader, home: HomeDep, ledger: LedgerDep, q: Annotated[str, Query(max_length=200)] = "", agency: Agency = "",
    state: State | None = None, finding: Annotated[str, Query(max_length=60)] = "",
    case_no: Annotated[str, Query(max_length=80)] = "", archival_code: Annotated[str, Query(max_length=120)] = "",
    came_from: dt.date | None = None, came_to: dt.date | None = None,
    after: After = "",
) -> models.Several[models.Record]:  # fmt: skip
    """Search, newest first, as the page of the records does."""
    days = {name: day.isoformat() for name, day in (("came_from", came_from), ("came_to", came_to)) if day}
    asked = Asked.of({"q": q, "agency": agency, "state": state, "finding": finding, "case_no": case_no,
                      "archival_code": archival_code, **days})  # fmt: skip
    return _several(records.page(ledger, user, understood(home, asked), after or None), models.Record)


@router.get("/records/{record_id}", name="api_record")
def record(record_id: str, user: Reader, home: HomeDep, ledger: LedgerDep) -> models.RecordDetail:
    """One record with its findings, files, copies and history."""
    found = facts(ledger, user, record_id)
    row, veil = (
        found.row,
        by_digest(home, found.row["applicant_keys"]),
    )  # people stay masked here; the page may be asked for more
    codes = sorted({f["code"] for f in row["findings"]})
    return models.RecordDetail.model_validate(
        row
        | {"title": row["title_masked"] or row["title"], "entered_on": row["entered_on"] or row["as_of"][:10], "codes": codes,
           "findings": [_veiled(veil, f) for f in row["findings"]],
           "files": [{**f, "path": veil.path(f["path"])} for f in found.files], "copies": found.copies, "events": found.events}
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ findings


@router.get("/findings", name="api_findings")
def findings(user: Reader) -> list[models.FindingCode]:
    """The codes that records are judged by."""
    return [
        models.FindingCode(code=code, severity=row["severity"], nature=row["nature"], zh=row["zh"], en=row["en"])
        for code, row in sorted(table().items())
    ]


def _veiled(veil: Veil, finding: dict[str, Any]) -> dict[str, Any]:
    path = finding.get("path")
    words = {lang: veil.text(finding[lang]) for lang in ("zh", "en")}
    return finding | words | {"path": veil.path(path) if path else None}


def _several(found: Part[Any], model: type[models.T]) -> models.Several[models.T]:
    return models.Several(items=[model.model_validate(row) for row in found.rows], next=found.next)
