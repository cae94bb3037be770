"""What people do with versions in the ledger: each call is one transaction with its events, or a refusal that changes nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ingest.findings import Finding
from ingest.ledger import Ledger, Transaction
from ingest.review import shelf
from ingest.review.kept import Kept, Ref
from ingest.schedule import Schedule
from ingest.schedule.lint import lint
from ingest.schedule.load import contradictions
from ingest.schedule.matters import BadMatters, Matter, matters_by_fonds
from ingest.schedule.review import Act, Done, Refused, begin, decide, refusal
from ingest.settings import ConfigError, Home

_T = TypeVar("_T")


class _Stop(Exception):
    """Leaves a transaction that a refusal must undo."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(*(finding.code for finding in findings))
        self.findings = findings


class Desk:
    """The review desk of one installation."""

    def __init__(self, home: Home, ledger: Ledger) -> None:
        self._home, self._ledger = home, ledger

    def find(self, ref: Ref) -> Kept | None:
        """One version with its history, or None. Raises ScheduleError where its row was changed past the process."""
        with self._ledger.read() as conn:
            return shelf.find(conn, ref)

    def heads(self) -> list[dict[str, Any]]:
        """Rows about all versions, without their texts."""
        with self._ledger.read() as conn:
            return shelf.heads(conn)

    def before(self, schedule: Schedule) -> Schedule | None:
        """The version that this one is compared with: of its fonds the last other one that came into force."""
        with self._ledger.read() as conn:
            return _before(shelf.of_fonds(conn, schedule.fonds_no), schedule)

    def lint(self, schedule: Schedule) -> list[Finding]:
        """The automatic checks as ``submit`` makes them: against the version before and the fonds' list of 事项."""
        return lint(schedule, previous=self.before(schedule), matters=matters(self._home, schedule.fonds_no))

    def take_in(self, draft: Schedule, by: str, at: dt.datetime, via: str) -> Done | Refused | None:
        """Enter a draft, or the new text of one that was returned or not yet sent. None: the ledger has it exactly so.

        Approval and end of what is taken in do not count: they come from acts. Its first day is a proposal.
        """

        if draft.status not in ("draft", "returned"):
            return begin(draft, Act("create", by, at))  # refused: it tells the way that such a version must go
        fresh = dataclasses.replace(draft, status="draft", approval=None, effective_to=None)

        def work(tx: Transaction) -> Done | None:
            kept = shelf.find(tx.conn, Ref.of(fresh))
            if kept is None:
                return _keep(tx, begin(fresh, Act("create", by, at, via=via)))
            if (kept.schedule.text_digest, kept.schedule.effective_from) == (fresh.text_digest, fresh.effective_from):
                return None
            done = []
            if kept.schedule.status == "returned":
                done.append(self._act(tx, Ref.of(fresh), Act("redraft", by, at, via=via)))
            done.append(self._act(tx, Ref.of(fresh), Act("edit", by, at, content=fresh, via=via)))
            return _together(done)

        return self._transact(work)

    def adopt(
        self, versions: Sequence[tuple[Schedule, str | None]], by: str, at: dt.datetime, opinion: str, via: str
    ) -> Done | Refused:
        """Enter versions (each with its file's SHA-256, if any) that were in force before this system knew of them."""

        def work(tx: Transaction) -> Done:
            done = []
            for schedule, source in versions:
                if shelf.find(tx.conn, Ref.of(schedule)) is not None:
                    raise _Stop(Finding("REV-KNOWN", params={"schedule": schedule.name}))
                done.append(_keep(tx, begin(schedule, Act("adopt", by, at, opinion, via=via)), source))
            if clashes := [
                f for no in {s.fonds_no for s, _ in versions} for f in contradictions(shelf.of_fonds(tx.conn, no))
            ]:
                raise _Stop(*clashes)
            return _together(done)

        return self._transact(work)

    def do(self, ref: Ref, *acts: Act, text_digest: str | None = None) -> Done | Refused:
        """Take the acts one after the other, all or none; with ``text_digest`` only if the text is still the one meant."""

        def work(tx: Transaction) -> Done:
            kept = _known(tx, ref)
            if text_digest not in (None, kept.schedule.text_digest):
                raise _Stop(Finding("REV-STALE", params={"schedule": kept.schedule.name}))
            return _together([self._act(tx, ref, act) for act in acts])

        return self._transact(work)

    def note_refusal(self, ref: Ref, act: Act, refused: Refused) -> None:
        """Leave an event that somebody's answer was not taken, and why; the version stays as it is."""

        def work(tx: Transaction) -> None:
            kept = _known(tx, ref)
            shelf.put(tx, kept.schedule, refusal(kept.schedule, act, refused.findings))

        self._transact(work)

    def _act(self, tx: Transaction, ref: Ref, act: Act) -> Done:
        kept = _known(tx, ref)
        peers = [peer for peer in shelf.of_fonds(tx.conn, kept.schedule.fonds_no) if Ref.of(peer) != ref]
        checked: list[Finding] = []
        if act.action == "submit":
            before = _before(peers, kept.schedule)
            checked = lint(kept.schedule, previous=before, matters=matters(self._home, kept.schedule.fonds_no))
        return _keep(tx, decide(kept.schedule, act, kept.history, peers=peers, checked=checked))

    def _transact(self, work: Callable[[Transaction], _T]) -> _T | Refused:
        try:
            with self._ledger.begin() as tx:
                return work(tx)
        except _Stop as stop:
            return Refused(stop.findings)


def matters(home: Home, fonds_no: str) -> list[Matter]:
    """The declared 事项 of a fonds (``config/matters.json``); none where no list was made. Raises ConfigError if it is broken."""
    if not home.matters.is_file():
        return []
    try:
        fonds_of = {agency.id: agency.fonds_no for agency in home.agencies().values()}
        return matters_by_fonds(home.matters, fonds_of).get(fonds_no, [])
    except BadMatters as error:
        raise ConfigError(str(error)) from error


def _known(tx: Transaction, ref: Ref) -> Kept:
    kept = shelf.find(tx.conn, ref)
    if kept is None:
        raise _Stop(Finding("REV-UNKNOWN", params={"schedule": str(ref)}))
    return kept


def _keep(tx: Transaction, answer: Done | Refused, source: str | None = None) -> Done:
    if isinstance(answer, Refused):
        raise _Stop(*answer.findings)
    for schedule, step in zip(answer.schedules, answer.events, strict=True):
        shelf.put(tx, schedule, step, source)
    return answer


def _together(done: Sequence[Done]) -> Done:
    """Several steps as one answer: the versions as the last step left them, and every event."""
    return Done(done[-1].schedules, tuple(step for each in done for step in each.events))


def _before(versions: Sequence[Schedule], schedule: Schedule) -> Schedule | None:
    known = [v for v in versions if v.effective_from is not None and v.status in ("in_force", "superseded")]
    others = [v for v in known if Ref.of(v) != Ref.of(schedule)]
    return max(others, key=lambda v: (str(v.effective_from), v.version), default=None)
