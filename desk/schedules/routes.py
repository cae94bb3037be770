"""三合一 / Schedules: versions, their text and differences, the steps of review, and how far they reach."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from fastapi.responses import HTMLResponse, Response

from desk.acting import Name, Word, Words, gone, now, via
from desk.guard import HomeDep, LedgerDep, allowed
from desk.pages import Page, PageDep
from desk.roles import Right, User
from desk.schedules import queries
from ingest.ledger import Ledger
from ingest.review.desk import Desk
from ingest.review.force import open_desk
from ingest.review.kept import Kept, Ref
from ingest.review.words import history_rows, status_words
from ingest.schedule import Schedule, ScheduleError
from ingest.schedule.diff import FIELD_NAMES, diff
from ingest.schedule.files import read_schedule, write_schedule
from ingest.schedule.model import Approval, retention_words
from ingest.schedule.review import Act, Refused
from ingest.schedule.xlsxform import write_diff_xlsx
from ingest.settings import ConfigError, Home

router = APIRouter(prefix="/schedules")
Reader = Annotated[User, Depends(allowed(Right.SEE))]
Writer = Annotated[User, Depends(allowed(Right.SCHEDULE))]
Reviewer = Annotated[User, Depends(allowed(Right.CONFIRM))]
_MOST = 8 << 20  # bytes of a workbook
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LATE = {"REV-STALE", "REV-NOT-NOW"}  # somebody else was faster, or the form was sent twice
# what a reviewer decides → the acts of which it consists, for a version nobody took up yet and for one that somebody did
_ACTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pass": (("accept", "pass"), ("pass",)),
    "return": (("accept", "return"), ("return",)),
    "approve": (("approve",), ("approve",)),
    "enforce": (("enforce",), ("enforce",)),
    "revoke": (("revoke",), ("revoke",)),
}


@router.get("", name="schedules", response_class=HTMLResponse)
def schedules(page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader) -> HTMLResponse:
    """All versions with what became of them."""
    heads = queries.heads(ledger, queries.fonds_of(home, user))
    return page.render("schedules/list.html", heads=heads, words=status_words, folder=_unadopted(home, ledger))


@router.get("/coverage", name="schedule_coverage", response_class=HTMLResponse)
def coverage(page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader) -> HTMLResponse:
    """Which on-line matters the versions in force reach, as a picture and a table."""
    try:
        found = queries.reach(home, ledger, now().date(), queries.fonds_of(home, user))
    except (ConfigError, ScheduleError, ValueError) as error:
        raise HTTPException(422, f"覆盖情况无法计算 / cannot be told: {error}") from error
    return page.render("schedules/coverage.html", reach=found, day=now().date().isoformat())


@router.post("/import", name="schedule_import", response_class=HTMLResponse)
def take_in(page: PageDep, home: HomeDep, user: Writer, file: Annotated[UploadFile, File()]) -> Response:
    """Enter a draft from a workbook, CSV or JSON: all of it, or every fault with its cell and nothing."""
    content = file.file.read(_MOST + 1)
    if len(content) > _MOST:
        raise HTTPException(413)
    try:
        draft = read_schedule(content, file.filename or "")
        with open_desk(home) as desk:
            done = desk.take_in(draft, user.name, now(), via(user))
    except ScheduleError as error:
        return page.render("schedules/faults.html", 422, name=file.filename, findings=error.findings)
    if isinstance(done, Refused):
        return page.render("schedules/faults.html", 422, name=file.filename, findings=done.findings)
    return gone(page.url("schedule_one", schedule_id=draft.schedule_id, version=draft.version))


@router.get("/{schedule_id}/{version}", name="schedule_one", response_class=HTMLResponse)
def one(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, schedule_id: Name, version: Name
) -> HTMLResponse:
    """One version: head, classes, entries, what the checks say of a draft, its history, and what can be done now."""
    kept = _kept(home, ledger, user, schedule_id, version)
    desk, schedule = Desk(home, ledger), kept.schedule
    others = [
        h for h in queries.heads(ledger, schedule.fonds_no) if (h.schedule_id, h.version) != (schedule_id, version)
    ]
    before = desk.before(schedule)
    under_way = schedule.status in ("draft", "returned", "submitted", "first_review", "second_review")
    return page.render(
        "schedules/one.html", kept=kept, schedule=schedule, words=status_words, retention=retention_words,
        history=history_rows(kept.history), findings=desk.lint(schedule) if under_way else [], before=before, others=others,
        today=now().date().isoformat(),
    )  # fmt: skip


@router.get("/{schedule_id}/{version}/diff", name="schedule_diff", response_class=HTMLResponse)
def compare(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Reader, schedule_id: Name, version: Name, to: Word = "", form: Word = ""
) -> Response:  # fmt: skip
    """What changed from another version (``to``: ``ID/version``, default the one in force before) to this one."""
    after = _kept(home, ledger, user, schedule_id, version).schedule
    before: Schedule | None
    if to:
        other_id, _, other_version = to.partition("/")
        before = _kept(home, ledger, user, other_id, other_version).schedule
    else:
        before = Desk(home, ledger).before(after)
    if before is None:
        raise HTTPException(404, "该全宗没有可比较的版本 / there is no version to compare with")
    found = diff(before, after)
    if form == "xlsx":
        return _file(write_diff_xlsx(found), f"{after.schedule_id}-{before.version}-{after.version}.xlsx")
    return page.render("schedules/diff.html", found=found, before=before, after=after, fields=FIELD_NAMES)


@router.get("/{schedule_id}/{version}/export", name="schedule_export")
def export(home: HomeDep, ledger: LedgerDep, user: Reader, schedule_id: Name, version: Name) -> Response:
    """The version as the workbook in which archivists mend it."""
    schedule = _kept(home, ledger, user, schedule_id, version).schedule
    return _file(write_schedule(schedule, "x.xlsx"), f"{schedule.schedule_id}-{schedule.version}.xlsx")


@router.post("/{schedule_id}/{version}/submit", name="schedule_submit")
def submit(page: PageDep, home: HomeDep, user: Writer, schedule_id: Name, version: Name, seen: Words) -> Response:
    """Send a draft for review; from now on its writer may not decide about it."""
    return _do(page, home, Ref(schedule_id, version), seen, Act("submit", user.name, now(), via=via(user)), ("submit",))


@router.post("/{schedule_id}/{version}/review", name="schedule_review")
def review(
    page: PageDep, home: HomeDep, user: Reviewer, schedule_id: Name, version: Name, seen: Words,
    decision: Annotated[Literal["pass", "return", "approve", "enforce", "revoke"], Form()], opinion: Words = "",
    approval_no: Words = "", approval_org: Words = "", approval_date: Words = "", effective_from: Words = "",
) -> Response:  # fmt: skip
    """One step of a reviewer: pass, return with an opinion, approve by number and organ, put into force, revoke. ``seen`` is the
    digest of the text that was read."""
    approval = None
    if decision == "approve" and approval_date.strip():
        approval = Approval(approval_no.strip(), approval_org.strip(), _day(approval_date))
    day = _day(effective_from) if effective_from.strip() else None
    act = Act("", user.name, now(), opinion.strip(), approval, day, via=via(user))
    ref = Ref(schedule_id, version)
    with open_desk(home) as desk:
        kept = desk.find(ref)
    taken_up = kept is not None and kept.schedule.status != "submitted"
    return _do(page, home, ref, seen, act, _ACTS[decision][taken_up])


def _do(page: Page, home: Home, ref: Ref, seen: str, act: Act, names: tuple[str, ...]) -> Response:
    """Take the acts, all or none, on the text that was read; refused with the reasons, 409 where somebody else was faster."""
    with open_desk(home) as desk:
        done = desk.do(ref, *(dataclasses.replace(act, action=name) for name in names), text_digest=seen)
    if isinstance(done, Refused):
        said = "；".join(f"{f.text('zh')} / {f.text('en')}" for f in done.findings)
        raise HTTPException(409 if {f.code for f in done.findings} & _LATE else 422, said)
    return gone(page.url("schedule_one", schedule_id=ref.schedule_id, version=ref.version))


def _kept(home: Home, ledger: Ledger, user: User, schedule_id: str, version: str) -> Kept:
    """A version that this user may see; 404 for none and for another's alike."""
    kept = Desk(home, ledger).find(Ref(schedule_id, version))
    if kept is None or queries.fonds_of(home, user) not in (None, kept.schedule.fonds_no):
        raise HTTPException(404)
    return kept


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise HTTPException(422, f"“{text[:40]}”不是日期，应写作 2026-01-01 / not a day: write 2026-01-01") from None


def _unadopted(home: Home, ledger: Ledger) -> list[str]:
    """Files in config/schedules that wait to be adopted, while the ledger has no version at all."""
    return [] if queries.heads(ledger, None) else sorted(p.name for p in home.schedules.glob("*.json"))


def _file(content: bytes, name: str) -> Response:
    said: dict[str, Any] = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=_XLSX, headers=said)
