"""Answers to many records at once: a ruling on a matter, and trust in an issuer. Each is looked at before it is given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from fastapi.responses import HTMLResponse

from desk.acting import Word, now, refusals
from desk.guard import HomeDep, LedgerDep, allowed
from desk.pages import PageDep
from desk.roles import Right, User
from ingest.held.outlook import unscheduled
from ingest.held.rulings import note_rulings
from ingest.review.force import in_use
from ingest.schedule import Schedule, ScheduleError
from ingest.schedule.rulings import FOLDER, Ruling, add_ruling
from ingest.settings import Home
from ingest.signatures.keeping import read_any
from ingest.signatures.trust import TrustError
from ingest.trust import acts
from ingest.trust.affected import affected

router = APIRouter()
Decider = Annotated[User, Depends(allowed(Right.DECIDE))]
Keeper = Annotated[User, Depends(allowed(Right.CONFIGURE))]
Text = Annotated[str, Form(max_length=500, pattern=r"^[^\x00]*$")]
_MOST = 1 << 20  # bytes of a certificate or CRL given at the desk; larger CRLs come by their sources


@router.get("/rule", name="queue_rule", response_class=HTMLResponse)
def matters(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Decider, fonds: Word = "", matter: Word = ""
) -> HTMLResponse:
    """The matters that wait for an entry; with one chosen, the entries by which it could be filed."""
    found = unscheduled(ledger)
    chosen = next((m for m in found if (m.fonds_no, m.code) == (fonds, matter)), None)
    return page.render(
        "queues/rule.html", matters=found, chosen=chosen, versions=_in_force(home, fonds) if chosen else []
    )


@router.post("/rule", name="queue_rule_take", response_class=HTMLResponse)
def rule(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Decider, fonds: Text, matter: Text, entry: Text, reason: Text
) -> HTMLResponse:  # fmt: skip
    """Rule that a matter is filed by an entry (``version/entry``, as the page offered it); all that wait by it go on in the next
    run. A second ruling on one matter is refused."""
    name, _, number = entry.rpartition("#")
    schedule_id, _, version = name.partition("/")
    ruling = Ruling(fonds, matter, schedule_id, version, number, user.name, now().date().isoformat(), reason)
    waiting = next((m.records for m in unscheduled(ledger) if (m.fonds_no, m.code) == (fonds, matter)), 0)
    with refusals(_Untaken):
        try:
            add_ruling(home.schedules / FOLDER, ruling, in_use(home).schedules)
        except ScheduleError as error:
            raise _Untaken("；".join(finding.text() for finding in error.findings)) from error
        note_rulings(ledger, home.schedules)
    return page.render("queues/ruled.html", ruling=ruling, waiting=waiting)


@router.post("/trust", name="queue_trust", response_class=HTMLResponse)
def look(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Keeper, file: Annotated[UploadFile, File()]
) -> HTMLResponse:  # fmt: skip
    """What a certificate or CRL is, and which held records want it: nothing is believed yet."""
    data = file.file.read(_MOST + 1)
    if len(data) > _MOST:
        raise HTTPException(
            413, "证书或 CRL 过大；CRL 请由 trust_refresh 的来源取得 / too large: let trust_refresh fetch CRLs"
        )
    with refusals(TrustError):
        entries = read_any(data)
    waiting = affected(home, ledger, entries)
    return page.render(
        "queues/trust.html",
        entries=entries,
        waiting=waiting,
        content=base64.b64encode(data).decode(),
        name=file.filename,
    )


@router.post("/trust/add", name="queue_trust_add", response_class=HTMLResponse)
def trust(
    page: PageDep, home: HomeDep, ledger: LedgerDep, user: Keeper, content: Annotated[str, Form(max_length=2 * _MOST)],
    kind: Annotated[str, Form(pattern="^(anchor|intermediate|crl)$")], source: Text,
) -> HTMLResponse:  # fmt: skip
    """Believe it: the event first, then the file. What wants it is judged again by the next run."""
    if not source.strip():
        raise HTTPException(422, "须写明来源与核实办法 / say where it comes from and how it was verified")
    with refusals(TrustError):
        try:
            data = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise TrustError("内容不完整，请重新上传 / incomplete: upload it again") from error
        added = acts.add(home.trust, ledger, data, kind=kind, by=user.name, source=source, at=now())
    waiting = affected(home, ledger, [one.entry for one in added])
    return page.render("queues/trusted.html", added=added, waiting=waiting)


class _Untaken(Exception):
    """A ruling that the schedules do not allow."""


def _in_force(home: Home, fonds_no: str) -> Sequence[Schedule]:
    return [s for s in in_use(home).schedules if s.fonds_no == fonds_no and s.status == "in_force"]
