"""监督检查 / Inspection: the register of findings and hazards, one finding with its history, and what people do with it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, Response

from desk.acting import Chosen, Number, Word, Words, gone, now, refusals, via
from desk.guard import HomeDep, LedgerDep, allowed, rate
from desk.inspection.forms import RaiseForm, day_of
from desk.pages import Page, PageDep
from desk.paging import SIZE, decode, part
from desk.roles import Right, User
from ingest.inspection import acts, book, evidence
from ingest.inspection.acts import Proof, Who
from ingest.inspection.form import ledger_form
from ingest.inspection.model import Item, Kind, Level, Outcome, Refused, Stale, Status
from ingest.inspection.scan import scan
from ingest.ledger import Ledger
from ingest.settings import Home
from sip.forms import to_pdf, to_xlsx

router = APIRouter(prefix="/inspection")
Reader = Annotated[User, Depends(allowed(Right.SEE))]
Inspector = Annotated[User, Depends(allowed(Right.INSPECT))]
Verifier = Annotated[User, Depends(allowed(Right.CONFIRM))]
Seen = Annotated[int, Form()]

STEPS = {
    "inspection_raised": ("登记", "raised"),
    "inspection_measure": ("定措施", "measure planned"),
    "inspection_done": ("整改完成", "done"),
    "inspection_closed": ("销账", "closed"),
    "inspection_reopened": ("重新整改", "reopened"),
    "inspection_seen": ("巡查仍在", "seen again"),
    "inspection_gone": ("巡查已消除", "seen no more"),
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("", name="inspection", response_class=HTMLResponse)
def inspection(
    page: PageDep, ledger: LedgerDep, user: Reader, status: Annotated[Status | None, Chosen] = None,
    kind: Annotated[Kind | None, Chosen] = None, level: Annotated[Level | None, Chosen] = None, show: Word = "",
    after: Word = "",
) -> HTMLResponse:  # fmt: skip
    """The register: what is not closed, soonest day first; ``show`` is ``overdue`` or ``all``."""
    today = now().date().isoformat()
    asked = book.Asked(status, kind, level, user.agency, today if show == "overdue" else None,
                       unclosed=status is None and show != "all")  # fmt: skip
    cursor = decode(after, str, int)
    with ledger.read() as conn:
        rows = book.listing(conn, asked, SIZE + 1, (str(cursor[0]), int(cursor[1])) if cursor else None)
        counts = book.counts(conn, user.agency)
        late = book.late(conn, today, user.agency)
    found = part(rows, lambda item: (item.due, item.id), after=after or None)
    query = {"status": status, "kind": kind, "level": level, "show": show}
    return page.render(
        "inspection/list.html", part=found, counts=counts, late=late, today=today, query=query, statuses=Status,
        kinds=Kind, levels=Level,
    )  # fmt: skip


@router.get("/new", name="inspection_new", response_class=HTMLResponse)
def new(page: PageDep, home: HomeDep, user: Inspector) -> HTMLResponse:
    """The form by which an inspector's finding is entered."""
    agencies = sorted(home.agencies().values(), key=lambda a: a.id) if (home.config / "agencies.json").exists() else []
    return page.render("inspection/new.html", levels=Level, agencies=agencies, year=now().year)


@router.post("", name="inspection_raise")
def raise_(page: PageDep, ledger: LedgerDep, user: Inspector, form: Annotated[RaiseForm, Form()]) -> Response:
    """Enter a finding."""
    with refusals(Refused):
        number = acts.raise_finding(ledger, form.found(), _who(user))
    return gone(page.url("inspection_one", number=number))


@router.post("/scan", name="inspection_scan", dependencies=[Depends(rate("6/minute", "scan"))])
def look(page: PageDep, home: HomeDep, ledger: LedgerDep, user: Inspector) -> HTMLResponse:
    """Look for hazards now, as every night does."""
    told = scan(home, ledger, now())
    return page.render("inspection/scanned.html", told=told)


@router.get("/export.{form}", name="inspection_export")
def export(ledger: LedgerDep, user: Reader, form: str, show: str = "all") -> Response:
    """The register as inspectors use it: ``xlsx`` or ``pdf``; ``show`` is all, open or overdue."""
    if form not in ("xlsx", "pdf"):
        raise HTTPException(404)
    at = now()
    late_on = at.date().isoformat() if show == "overdue" else None
    with ledger.read() as conn:
        items = book.listing(conn, book.Asked(agency=user.agency, late_on=late_on, unclosed=show == "open"))
    made = ledger_form(items, at)
    content = to_xlsx(made) if form == "xlsx" else to_pdf(made)
    name = f'attachment; filename="inspection-{at.date()}.{form}"'
    return Response(
        content, media_type=_XLSX if form == "xlsx" else "application/pdf", headers={"Content-Disposition": name}
    )


@router.get("/{number}", name="inspection_one", response_class=HTMLResponse)
def one(page: PageDep, ledger: LedgerDep, user: Reader, number: Number) -> HTMLResponse:
    """One finding, its history, and what can be done with it now."""
    item = _mine(ledger, user, number)
    with ledger.read() as conn:
        history = book.history(conn, number)
    return page.render(
        "inspection/one.html", item=item, history=history, steps=STEPS, today=now().date().isoformat(), statuses=Status,
    )  # fmt: skip


@router.get("/{number}/evidence/{sha256}", name="inspection_evidence")
def proof(home: HomeDep, ledger: LedgerDep, user: Reader, number: Number, sha256: str) -> Response:
    """A file of evidence, to be saved: it came from anybody and is never shown in the desk's own page."""
    item = _mine(ledger, user, number)
    known = next((e for e in item.evidence if e.sha256 == sha256), None)
    place = evidence.place(home, sha256) if known else None
    if known is None or place is None:
        raise HTTPException(404)
    return FileResponse(place, media_type="application/octet-stream", filename=known.name or sha256)


@router.post("/{number}/measure", name="inspection_measure")
def measure(
    page: PageDep, ledger: LedgerDep, user: Inspector, number: Number, seen: Seen, measure: Words, responsible: Words,
    department: Words = "", due: Words = "",
) -> Response:  # fmt: skip
    """整改措施: what will be done, by whom, until when."""
    with refusals(Refused, Stale):
        plan = acts.Plan(measure, responsible, department, day_of(due) if due.strip() else None)
        acts.measure(ledger, number, plan, _who(user), seen)
    return _back(page, number)


@router.post("/{number}/done", name="inspection_done")
def done(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Inspector, number: Number, seen: Seen, progress: Words,
    text: Words = "", file: Annotated[UploadFile | None, File()] = None,
) -> Response:  # fmt: skip
    """Say that it is done, with evidence in words or a file (at most 16 MB here)."""
    with refusals(Refused, Stale):
        proofs = [Proof(text)] if text.strip() else []
        if file is not None and file.filename:
            proofs.append(_kept(home, file))
        acts.done(ledger, number, progress, proofs, _who(user), seen)
    return _back(page, number)


@router.post("/{number}/close", name="inspection_close")
def close(
    page: PageDep, ledger: LedgerDep, user: Verifier, number: Number, seen: Seen, remark: Words,
    outcome: Annotated[Outcome, Form()] = Outcome.MENDED,
) -> Response:  # fmt: skip
    """销账, by another person than those who mended it."""
    with refusals(Refused, Stale):
        acts.close(ledger, number, remark, _who(user), outcome, seen)
    return _back(page, number)


@router.post("/{number}/reopen", name="inspection_reopen")
def reopen(
    page: PageDep, ledger: LedgerDep, user: Verifier, number: Number, seen: Seen, reason: Words
) -> Response:  # fmt: skip
    """Verification failed, or it has come back."""
    with refusals(Refused, Stale):
        acts.reopen(ledger, number, reason, _who(user), seen)
    return _back(page, number)


def _who(user: User) -> Who:
    return Who(user.name, via(user))


def _back(page: Page, number: int) -> Response:
    return gone(page.url("inspection_one", number=number))


def _mine(ledger: Ledger, user: User, number: int) -> Item:
    """A finding that this user may see; 404 for none and for another agency's alike."""
    with ledger.read() as conn:
        item = book.find(conn, number)
    if item is None or (user.agency is not None and item.agency != user.agency):
        raise HTTPException(404)
    return item


def _kept(home: Home, file: UploadFile) -> Proof:
    return evidence.keep(home, file.filename or "", file.file)
