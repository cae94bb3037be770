"""待定与退回 / Held and rejected: queues by cause, decisions with a look ahead and a second pair of eyes."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from desk.acting import Number, Word, gone, now, refusals, via
from desk.guard import HomeDep, LedgerDep, allowed, rate
from desk.hooks import NotStarted, Scheduler
from desk.pages import PageDep
from desk.queues import queries
from desk.queues.settling import router as settling
from desk.queues.shown import veiled
from desk.roles import Right, User
from ingest.held.decide import Answer, Foreseen, Refused, confirm, decide, foresee, withdraw
from ingest.held.questions import Action, ask
from ingest.ledger import Ledger
from ingest.model import State

router = APIRouter(prefix="/queues")
router.include_router(settling)
Reader = Annotated[User, Depends(allowed(Right.SEE))]
Decider = Annotated[User, Depends(allowed(Right.DECIDE))]
Confirmer = Annotated[User, Depends(allowed(Right.CONFIRM))]
Starter = Annotated[User, Depends(allowed(Right.RERUN))]
Words = Annotated[str, Form(max_length=500, pattern=r"^[^\x00]*$")]
# a form has at most a thousand fields: the records that were looked at go back in one
Many = Annotated[str, Form(max_length=1 << 20, pattern=r"^[^\x00]*$")]
MOST = 2000  # records decided about at once
_DAYS = (7, 30, 90, 365)


def _scheduler(request: Request) -> Scheduler | None:
    found: Scheduler | None = request.app.state.scheduler
    return found


SchedulerDep = Annotated[Scheduler | None, Depends(_scheduler)]


@router.get("/held", name="held", response_class=HTMLResponse)
def held(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, scheduler: SchedulerDep, cause: Word = "",
    agency: Word = "", after: Word = "",
) -> HTMLResponse:  # fmt: skip
    """Held records by cause; with ``cause`` the records themselves, and what can be decided about them."""
    if cause:
        found = veiled(home, queries.waiting(ledger, user, cause, agency or None, after or None))
        if not found.rows and not after and cause not in {c.code for c in queries.causes(ledger, user)}:
            return page.render("queues/answered.html", cause=cause)
        return page.render(
            "queues/cause.html", part=found, cause=cause, agency=agency, asked=ask(cause), actions=Action
        )
    pending = scheduler.pending() if scheduler is not None and user.agency is None else ()
    return page.render(
        "queues/held.html", causes=queries.causes(ledger, user), decisions=queries.decisions(ledger, user),
        inside=scheduler is not None, pending=pending,
    )  # fmt: skip


@router.get("/rejected", name="rejected", response_class=HTMLResponse)
def rejected(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, code: Word = "", agency: Word = "", days: int = 30,
    after: Word = "",
) -> HTMLResponse:  # fmt: skip
    """What was sent back in the last ``days``, by cause and agency, with the records and whether their receipts went out."""
    days = days if days in _DAYS else 30
    since = (now().date() - dt.timedelta(days=days)).isoformat()
    causes = queries.refusals(ledger, user, since, agency or None)
    found = veiled(home, queries.sent_back(ledger, user, since, code or None, agency or None, after or None))
    return page.render(
        "queues/rejected.html", causes=causes, part=found, code=code, agency=agency, days=days, choices=_DAYS, since=since,
    )  # fmt: skip


@router.post("/look", name="queue_look", response_class=HTMLResponse)
def look(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Decider, action: Annotated[Action, Form()],
    reason: Words = "", record: Annotated[list[Words], Form()] = [], all_of: Words = "",  # noqa: B006
    agency: Words = "",
) -> HTMLResponse:  # fmt: skip
    """What a decision will do to each of the chosen records, before it is taken: nothing is written."""
    chosen = _chosen(ledger, user, record, all_of, agency)
    if not chosen:
        raise HTTPException(422, "没有选中任何待定件 / no held record was chosen")
    agencies = home.agencies()
    foreseen: list[tuple[str, Foreseen | None, str]] = []
    with ledger.read() as conn:
        for record_id, codes in chosen.items():
            try:
                foreseen.append((record_id, foresee(conn, agencies, record_id, action, (), codes), ""))
            except Refused as why:
                foreseen.append((record_id, None, str(why)))
    able = [f for _, f, _ in foreseen if f is not None]
    return page.render(
        "queues/look.html", action=action, reason=reason, foreseen=foreseen, able=able, names=_names(ledger, user, list(chosen)),
        four_eyes=sum(f.four_eyes for f in able), rejected=State.REJECTED,
    )  # fmt: skip


@router.post("/decide", name="queue_decide", response_class=HTMLResponse)
def act(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Decider, action: Annotated[Action, Form()], reason: Words,
    scheduler: SchedulerDep, record: Annotated[list[Words], Form()] = [], records: Many = "",  # noqa: B006
) -> HTMLResponse:  # fmt: skip
    """Take the decision on each record, as far as it still asks what the page showed. Sent twice, the second changes nothing."""
    chosen = _chosen(ledger, user, [*record, *records.split()], "", "")
    with refusals(Refused):
        answers = decide(
            ledger, home.agencies(), chosen, action, by=user.name, reason=reason, via=via(user), asked=chosen
        )
    return page.render(
        "queues/decided.html", 200 if any(not a.refused for a in answers) else 409, answers=answers, action=action,
        names=_names(ledger, user, list(chosen)), proposed=_count(answers, "proposed"), decided=_count(answers, "decided"),
        inside=scheduler is not None,
    )  # fmt: skip


@router.post("/decisions/{number}/confirm", name="queue_confirm")
def second(page: PageDep, ledger: LedgerDep, user: Confirmer, number: Number) -> Response:
    """The second pair of eyes: who is logged in is another than who decided."""
    with refusals(Refused):
        confirm(ledger, number, by=user.name, via=via(user))
    return gone(page.url("held"))


@router.post("/decisions/{number}/withdraw", name="queue_withdraw")
def take_back(page: PageDep, ledger: LedgerDep, user: Decider, number: Number, reason: Words) -> Response:
    """Take back a decision that is not carried out yet."""
    with refusals(Refused):
        withdraw(ledger, number, by=user.name, reason=reason, via=via(user))
    return gone(page.url("held"))


@router.post("/start", name="queue_start", dependencies=[Depends(rate("6/hour", "start"))])
def start(page: PageDep, user: Starter, ledger: LedgerDep, scheduler: SchedulerDep) -> Response:
    """Start a night now, so that decisions are carried out at once: an event first, then the scheduler's run, to be
    watched on the page of tonight."""
    if scheduler is None:
        raise HTTPException(
            409,
            "单独运行的工作台不能启动归档：在 Airflow 中触发 nightly_ingest，或运行 guidang ingest / "
            "the desk alone cannot start a night: trigger nightly_ingest in Airflow, or run guidang ingest",
        )
    with ledger.begin() as tx:
        tx.chain.append("night_asked", None, {"by": user.name, "via": via(user)})
    with refusals(NotStarted):
        scheduler.start_night(user.name, f"归档工作台：{user.name} 要求立即执行待定件的决定")
    return gone(page.url("tonight"))


def _chosen(ledger: Ledger, user: User, tokens: list[str], all_of: str, agency: str) -> dict[str, list[str]]:
    """The records that a form means, each with the codes that its page showed."""
    if all_of:
        return {row.id: list(row.asked.codes) for row in queries.every(ledger, user, all_of, agency or None, MOST)}
    if len(tokens) > MOST:
        raise HTTPException(422, f"一次最多 {MOST} 件 / at most {MOST} records at once")
    pairs = (token.partition("|") for token in tokens)
    return {record_id: codes.split(",") for record_id, _, codes in pairs}


def _names(ledger: Ledger, user: User, ids: list[str]) -> dict[str, queries.Waiting]:
    return {row.id: row for row in queries.some(ledger, user, ids)}


def _count(answers: list[Answer], status: str) -> int:
    return sum(answer.status == status for answer in answers)
