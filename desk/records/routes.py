"""档案 / Records: the routes."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Form, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from desk.guard import HomeDep, LedgerDep, allowed, rate
from desk.pages import STATE_NAMES, Page, PageDep
from desk.records import export, queries, shown, views
from desk.records.asking import Asked, Understood, understand
from desk.records.facts import Facts, facts
from desk.records.papers import Papers, papers
from desk.records.story import story
from desk.records.veil import Veil, by_digest
from desk.records.words import tone, word
from desk.roles import Right, User
from ingest import findings
from ingest.held.questions import Action
from ingest.ledger import Ledger
from ingest.metadata import applicant
from ingest.model import CST, Filing
from ingest.settings import Home
from ingest.steps import house

router = APIRouter()
Reader = Annotated[User, Depends(allowed(Right.SEE))]
_MOST_QUERY = 4000  # characters of a search that is sent back to be exported or kept


def understood(home: Home, asked: Asked) -> Understood:
    """What was asked, with the digests of what may be applicants."""
    secret = house.applicant_key(home)
    return understand(asked, lambda text: applicant.key(secret, text))


def _again(query: str) -> Asked:
    """The search that a page was showing, as its form sends it back."""
    if len(query) > _MOST_QUERY:
        raise HTTPException(422, "查询过长 / the search is too long")
    return Asked.of(dict(parse_qsl(query)))


@router.get("/records", name="records", response_class=HTMLResponse)
def records(
    page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep, after: Annotated[str, Query(max_length=200)] = ""
) -> HTMLResponse:
    """The search and what it found, newest first."""
    asked = Asked.of(page.request.query_params)
    what = understood(home, asked)
    query = asked.as_query()
    found = queries.page(ledger, user, what, after or None)
    answer = page.render(
        "records/_found.html" if page.partial else "records/list.html",
        asked=asked,
        query=query,
        sent_back=_encoded(page, query),
        found=found,
        count=None if after else queries.count(ledger, user, what),
        nothing=what.nothing,
        first=page.url("records", query),
        next=page.url("records", {**query, "after": found.next}),
        **(_form(page, ledger, user) if not page.partial else {}),
    )
    if page.partial:  # the form sends its empty fields too
        answer.headers["HX-Push-Url"] = page.url("records", query)
    return answer


@router.post("/records/find", name="find_records")
async def find_records(page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep) -> Response:
    """The search form: on to the list, with digests in the address where applicants' names were typed."""
    given = {name: value for name, value in (await page.request.form()).items() if isinstance(value, str)}
    asked = await run_in_threadpool(_without_names, home, ledger, user, Asked.of(given))
    return RedirectResponse(page.url("records", asked.as_query()), 303)


def _without_names(home: Home, ledger: Ledger, user: User, asked: Asked) -> Asked:
    secret = house.applicant_key(home)
    return asked.without_names(
        lambda text: applicant.key(secret, text), lambda key: queries.is_applicant(ledger, user, key)
    )


def _form(page: Page, ledger: Ledger, user: User) -> dict[str, Any]:
    return {
        "agencies": queries.agencies(ledger, user),
        "states": {state: page.t(*names) for state, names in STATE_NAMES.items()},
        "codes": sorted(findings.table()),
        "views": [(view.name, page.url("records", view.asked.as_query())) for view in views.views(ledger, user)],
    }


def _encoded(page: Page, query: dict[str, str]) -> str:
    return page.url("records", query).partition("?")[2]


@router.post("/records/views", name="keep_view")
def keep_view(
    page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep, name: Annotated[str, Form(max_length=200)],
    query: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep the search that is shown under a name, for oneself; applicants in it as digests."""
    asked = _without_names(home, ledger, user, _again(query))
    views.keep(ledger, user, name, asked)
    return RedirectResponse(page.url("records", asked.as_query()), 303)


@router.post("/records/views/forget", name="forget_view")
def forget_view(page: PageDep, user: Reader, ledger: LedgerDep, name: Annotated[str, Form(max_length=200)]) -> Response:
    """Delete one of one's own views."""
    views.forget(ledger, user, name)
    return RedirectResponse(page.url("records"), 303)


@router.post("/records/export", name="export_records", dependencies=[Depends(rate("12/minute", "export"))])
def export_records(
    page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep, form: Annotated[Literal["csv", "xlsx"], Form()],
    query: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """The whole search as a table; an event says who took what."""
    what = understood(home, _again(query))
    most = export.MOST[form]
    number = queries.count(ledger, user, what, most).number
    event = export.note(ledger, user, form, what.asked.told(), number)
    rows = queries.every(ledger, user, what, number)
    name = f"guidang-{dt.datetime.now(CST):%Y%m%d}-{event}.{form}"
    return StreamingResponse(
        export.WRITERS[form](rows, page.t),
        media_type=export.MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# ------------------------------------------------------------------------------------------------ one record

_REASON = 500  # characters of why somebody must see a person's name


@router.get("/records/{record_id}", name="record", response_class=HTMLResponse)
def record(record_id: str, page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep) -> HTMLResponse:
    """What the ledger knows of a record; its papers, which may be far, come after (`record_papers`)."""
    found = facts(ledger, user, record_id)
    return page.render(
        "records/record.html", papers=None, **_ledger_part(page, found, by_digest(home, found.row["applicant_keys"]))
    )


@router.get("/records/{record_id}/papers", name="record_papers", response_class=HTMLResponse)
def record_papers(record_id: str, page: PageDep, user: Reader, home: HomeDep, ledger: LedgerDep) -> HTMLResponse:
    """The record's metadata, files, signatures and checks, people masked; a part of the page, or the whole page without scripts."""
    found = facts(ledger, user, record_id)
    return _with_papers(page, home, found, lifted=False)


@router.post("/records/{record_id}/unmask", name="unmask_record", response_class=HTMLResponse)
def unmask_record(
    record_id: str, page: PageDep, home: HomeDep, ledger: LedgerDep,
    user: Annotated[User, Depends(allowed(Right.SEE_PERSONAL))], reason: Annotated[str, Form(max_length=_REASON)],
) -> HTMLResponse:  # fmt: skip
    """The same page with people in clear, once, for a reason; an event says who saw it and why."""
    if not (reason := " ".join(reason.split())):
        raise HTTPException(422, "请写明理由 / say why")
    found = facts(ledger, user, record_id)
    with ledger.begin() as tx:
        detail = {"by": user.name, "role": user.role.value, "what": "record", "reason": reason}
        tx.chain.append("unmasked", found.row["id"], detail)
    return _with_papers(page, home, facts(ledger, user, record_id), lifted=True)


def _with_papers(page: Page, home: Home, found: Facts, lifted: bool) -> HTMLResponse:
    read = papers(home, found.row, found.copies)
    veil = Veil(read.record, lifted) if read.record or lifted else by_digest(home, found.row["applicant_keys"])
    context = {"row": found.row, "papers": read, "lifted": lifted, **_papers_part(page, found, read, veil)}
    if page.partial:
        return page.render("records/_papers.html", unmasked=lifted, **context)
    return page.render("records/record.html", unmasked=lifted, **(_ledger_part(page, found, veil) | context))


def _ledger_part(page: Page, found: Facts, veil: Veil) -> dict[str, Any]:
    row, t = found.row, page.t
    title = row["title"] if veil.lifted else row["title_masked"] or row["title"]
    return {
        "row": row,
        "lifted": veil.lifted,
        "title": title or row["case_no"] or row["delivery"],
        "findings": shown.told(t, row["findings"], veil),
        "story": story(t, found.events, found.batch, veil),
        "copies": [
            dict(c) | {"state_text": word(t, "copies", c["state"]), "tone": tone("copies", c["state"])}
            for c in found.copies
        ],
        "decisions": [
            dict(d)
            | {
                "action_text": Action(d["action"]).words(page.language),
                "status_text": word(t, "decisions", d["status"]),
            }
            for d in found.decisions
        ],
        "versions": found.versions,
        "original": found.original,
        "transfers": found.transfers,
        "receipts": [dict(r) | {"kind_text": word(t, "receipts", r["kind"])} for r in found.receipts],
        "filing": _filing(page, row["filing"]),
    }


def _filing(page: Page, stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """What filing decided, in words; None where it did not, or where the row was made unreadable."""
    try:
        filing = Filing.from_json(stored or {})
    except TypeError:
        return None
    words = {
        "matched_text": word(page.t, "matched", filing.matched_by),
        "opening_text": word(page.t, "opening", filing.open_control),
    }
    return filing.as_json() | words


def _papers_part(page: Page, found: Facts, read: Papers, veil: Veil) -> dict[str, Any]:
    t = page.t
    return {
        "metadata": shown.metadata(t, read.record, veil) if read.record else [],
        "deeds": shown.deeds(read.record, veil) if read.record else [],
        "items": shown.items(t, read.checks) if read.checks else {},
        "checked": read.checks or {},
        "files": shown.files(t, found.files, read.record, read.signatures, veil),
        "files_all": len(found.files),
    }
