"""What lets held records go on, done at the start of every run: people's decisions, a schedule that now decides, new trust.

A release is one transaction with its event: the record goes back to the state from which it starts again, dated by this run.
Killed and run again, it finds the rest. Nothing is released twice, because only what is still held by the same question is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ingest.findings import Finding
from ingest.held.decide import APPLIED, DECIDED, VOID, close, open_decision, void
from ingest.held.questions import Action, Question, kept, question
from ingest.held.rulings import note_rulings
from ingest.held.trust import helps
from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import held_decision, record
from ingest.model import CST, State
from ingest.schedule import Match, ScheduleError
from ingest.settings import ConfigError, Home
from ingest.signatures import TrustStore
from ingest.sources.base import METADATA
from ingest.steps import check, filing, house
from ingest.steps.package import local_package
from ingest.steps.receive import findings_of, staged

Row = Mapping[str, Any]
_BY_SCHEDULE = ("FIL-UNSCHEDULED", "FIL-NOT-IN-SCOPE", "FIL-NO-SCHEDULE")
_BACK = [State.PACKAGED, State.FILED, State.CHECKED, State.RECEIVED, State.LISTED]


def release_held(home: Home, ledger: Ledger, as_of: str, run_id: str) -> dict[str, int]:
    """Let go what can go; returns how many by reason (decision, schedule, trust). ``as_of`` is the run's logical time.

    Raises ConfigError where rulings, schedules or lineage cannot be used.
    """
    try:
        note_rulings(ledger, home.schedules)
    except ScheduleError as e:
        raise ConfigError(f"裁定不能采用 / the rulings cannot be used: {e}") from e
    done: Counter[str] = Counter()
    for group in _groups(_decided(ledger)):
        with ledger.begin() as tx:
            for decision in group:
                done["decision"] += _carry_out(tx, home, decision, as_of, run_id)
    for group in _groups(_by_itself(home, ledger, as_of)):
        with ledger.begin() as tx:
            for row, reason in group:
                done[reason["by"]] += _let_go(tx, home, row, reason | {"run": run_id}, as_of)
    return {by: count for by, count in done.items() if count}


# ------------------------------------------------------------------------------------------------ by decision


def _decided(ledger: Ledger) -> list[Row]:
    with ledger.read() as conn:
        decisions = sa.select(held_decision).where(held_decision.c.status == DECIDED).order_by(held_decision.c.id)
        return [dict(d._mapping) for d in conn.execute(decisions)]


def _carry_out(tx: Transaction, home: Home, decision: Row, as_of: str, run_id: str) -> int:
    standing = open_decision(tx, decision["record_id"])
    if standing is None or standing["id"] != decision["id"] or standing["status"] != DECIDED:
        return 0  # another run was faster, or it was withdrawn in between
    row = dict(tx.conn.execute(sa.select(record).where(record.c.id == decision["record_id"])).one()._mapping)
    asked = question(findings_of(row["findings"]))
    if row["state"] != State.HELD or list(asked.codes) != decision["codes"]:
        void(tx, decision, asked.codes)
        return 0
    action = Action(decision["action"])
    detail = {"by": "decision", "run": run_id, "decision": decision["id"], "action": action.value}
    if action is Action.RETURN:
        moved = _return(tx, row, decision, detail, as_of)
    elif action is Action.NEXT_VERSION:
        moved = _as_next_version(tx, home, row, decision, detail, as_of)
    else:
        start = State.RECEIVED if action is Action.ACCEPT else asked.resume
        moved = _start_again(tx, home, row, start, detail, as_of, decisions=_noted(row, decision))
    close(tx, decision["id"], APPLIED if moved else VOID)
    return int(moved)


def _noted(row: Row, decision: Row, **more: Any) -> list[dict[str, Any]]:
    """The record's decisions with one more: what the stages need to know of it, and the package tells. It stands for this
    content only: what the source may deliver in its place was seen by nobody."""
    names = ("id", "action", "accepted", "reason", "decided_by", "decided_at", "confirmed_by", "confirmed_at")
    about = {name: decision[name] for name in names} | {"content": row["content_digest"]}
    return [*(row["decisions"] or ()), about | more]


def _return(tx: Transaction, row: Row, decision: Row, detail: Mapping[str, Any], as_of: str) -> bool:
    findings = [*findings_of(row["findings"]), Finding("HLD-RETURNED", params={"reason": decision["reason"]})]
    return tx.move(
        row["id"], [State.HELD], State.REJECTED, "returned", detail, findings=[f.as_json() for f in findings],
        decisions=_noted(row, decision), identity=None, as_of=as_of,
    )  # fmt: skip


def _as_next_version(
    tx: Transaction, home: Home, row: Row, decision: Row, detail: Mapping[str, Any], as_of: str
) -> bool:
    """Give the record the version after the newest of its case: what stands under its own number is never touched."""
    newest = tx.conn.execute(
        sa.select(sa.func.max(record.c.version)).where(
            record.c.agency == row["agency"], record.c.case_no == row["case_no"], record.c.identity.is_not(None)
        )
    ).scalar()
    version = max(int(newest or 0), int(row["version"])) + 1
    noted = _noted(row, decision, version=version, given=row["version"])
    return _start_again(
        tx, home, row, State.RECEIVED, {**detail, "version": version}, as_of, decisions=noted,
        version=version, identity=f"{row['agency']}|{row['case_no']}|{version}",
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ by itself


def _by_itself(home: Home, ledger: Ledger, as_of: str) -> Iterator[tuple[Row, dict[str, str]]]:
    """Held records that nobody decided on, and that now would pass what held them, each with what changed."""
    with ledger.read() as conn:
        waits = sa.exists().where(held_decision.c.record_id == record.c.id, held_decision.c.status == DECIDED)
        rows = [
            dict(r._mapping)
            for r in conn.execute(
                sa.select(record)
                .where(record.c.state == State.HELD.value, ~waits)
                .order_by(record.c.batch_id, record.c.position)
            )
        ]
    asked = [(row, question(findings_of(row["findings"]))) for row in rows]
    yield from _scheduled(home, [row for row, q in asked if q.codes and set(q.codes) <= set(_BY_SCHEDULE)], as_of)
    yield from _trusted(home, [(row, q) for row, q in asked if any(c.startswith("SIG-") for c in q.codes)])


def _scheduled(home: Home, rows: list[Row], as_of: str) -> Iterator[tuple[Row, dict[str, str]]]:
    if not rows:
        return
    rules = filing.Rules.of(home)
    agencies = house.agencies(home)
    for row in rows:
        kept_record = filing.load(home, row)
        if isinstance(kept_record, OSError) or row["agency"] not in agencies:
            continue  # staging lost it, or nobody answers for it: a person must decide
        answer = rules.match(kept_record, agencies[row["agency"]], dt.datetime.fromisoformat(as_of))
        if isinstance(answer, Match):
            yield row, {"by": "schedule", "schedule": answer.schedule_id, "version": answer.schedule_version}


def _trusted(home: Home, rows: list[tuple[Row, Question]]) -> Iterator[tuple[Row, dict[str, str]]]:
    if not rows:
        return
    store = TrustStore.load(home.trust)  # as it stands now: this process may have worked with an older one
    for row, _ in rows:
        try:
            judged = json.loads((staged(home, row["batch_id"], row["id"]) / check.SIGNATURES).read_bytes())
        except OSError:
            continue
        if judged["trust"] != store.digest and (helped := helps(judged["files"], store)):
            yield row, {"by": "trust", "trust": store.digest, "helped": helped[:200]}


def _let_go(tx: Transaction, home: Home, row: Row, reason: dict[str, str], as_of: str) -> int:
    asked = question(findings_of(row["findings"]))
    moved = _start_again(tx, home, row, asked.resume, reason, as_of)
    if moved and (proposed := open_decision(tx, row["id"])) is not None:
        void(tx, proposed, asked.codes)  # its question has answered itself before a second person confirmed
    return int(moved)


# ------------------------------------------------------------------------------------------------ going on


def _start_again(
    tx: Transaction, home: Home, row: Row, start: State, detail: Mapping[str, Any], as_of: str, **columns: Any
) -> bool:
    """Put a held record back to ``start``, or as far before it as staging has lost what that state stands on.

    What was filed already keeps the night of its filing: its package and its commit mark bear that date.
    """
    start = _possible(home, row, start)
    if start in (State.FILED, State.PACKAGED):
        as_of = row["as_of"]
    findings = kept(findings_of(row["findings"]), start)
    decisions = columns.get("decisions") or row["decisions"] or ()
    if start is State.RECEIVED:
        findings += versions_decided(decisions, findings)
    return tx.move(
        row["id"], [State.HELD], start, "released", detail, findings=[f.as_json() for f in findings], as_of=as_of,
        **columns,
    )  # fmt: skip


def versions_decided(decisions: Iterable[Mapping[str, Any]], said: Iterable[Finding] = ()) -> list[Finding]:
    """The remark on a record that a person made another version of its case, unless it is ``said`` already."""
    if any(f.code == "HLD-AS-VERSION" for f in said):
        return []
    return [
        Finding(
            "HLD-AS-VERSION",
            params={"given": str(d["given"]), "version": str(d["version"]), "reason": d["reason"],
                    "by": d["decided_by"], "at": local_day(d["decided_at"])},
        )
        for d in decisions
        if d["action"] == Action.NEXT_VERSION
    ][-1:]  # fmt: skip


def local_day(moment: str) -> str:
    """The day of a ledger time in China."""
    return dt.datetime.fromisoformat(moment).astimezone(CST).date().isoformat()


def _possible(home: Home, row: Row, start: State) -> State:
    folder = staged(home, row["batch_id"], row["id"])
    there = {
        State.PACKAGED: local_package(home, row["batch_id"], row["id"]).is_file(),
        State.FILED: (folder / check.CHECKS).is_file(),
        State.CHECKED: (folder / check.RECORD).is_file(),
        State.RECEIVED: (folder / METADATA).is_file(),
        State.LISTED: True,
    }
    return next(state for state in _BACK[_BACK.index(start) :] if there[state])


def _groups(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Twenty releases a transaction: durable commits are what they cost."""
    group: list[Any] = []
    for item in items:
        group.append(item)
        if len(group) == 20:
            yield group
            group = []
    if group:
        yield group
