"""The pipeline in one readable place: receive → check → file → package → deposit → acknowledge. What a run takes: discovery.py.

Each stage is a plain function over one batch. It takes the records that stand in its input state, works on each in
isolation, writes each outcome to the ledger at once, and raises ``StageFailed`` at the end when machine trouble left some
where they were: Airflow's retry, an operator's clear or the next night redo exactly those. Bad content never raises.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from ingest.findings import Finding, Severity, gravest
from ingest.held.release import versions_decided
from ingest.ledger import Ledger, Transaction, copies
from ingest.ledger.ledger import share_of
from ingest.ledger.tables import event
from ingest.ledger.tables import record as record_table
from ingest.model import Receipt, State
from ingest.receipts import sending
from ingest.schedule.numbers import NumberSpaceExhausted
from ingest.settings import Home
from ingest.staging.cleaning import clean
from ingest.staging.room import ensure_room
from ingest.steps import check as check_step
from ingest.steps import deposit as deposit_step
from ingest.steps import filing as filing_step
from ingest.steps import house, listing
from ingest.steps import package as package_step
from ingest.steps import receive as receive_step
from ingest.steps.receive import findings_of
from ingest.store.config import StorePlan
from ingest.trouble import OTHER, cause_of, causes
from ingest.workers import Done, Job, Threads, Workers

Row = Mapping[str, Any]
Trouble = tuple[str, str]
"""What a record failed by: the code of the cause, and words."""


class StageFailed(Exception):
    """Machine trouble left records of a batch undone. Running the stage again redoes exactly those."""


class StageStuck(StageFailed):
    """The same, where waiting cannot mend any of it: somebody must act first, as the causes say."""


@dataclasses.dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage did to one batch: records by the state they went to, and its seconds."""

    stage: str
    batch_id: str
    states: dict[str, int]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"seconds": round(self.seconds, 2)}


# ------------------------------------------------------------------------------------------------ the six stages


def receive(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """source → staging: one pass over every byte, fixity values taken, what was delivered before is recognised."""
    ensure_room(home)
    # in the batch's order: of two deliveries of the same version, the first listed is the record and the other the duplicate
    run = partial(workers.map, receive_step.work, ordered=True)
    with _telling(home, ledger, batch_id):
        return _over("receive", ledger, batch_id, State.LISTED, run, _received)


def check(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """The 四性检测 of each record, in killable processes."""
    with _telling(home, ledger, batch_id):
        return _over("check", ledger, batch_id, State.RECEIVED, partial(workers.map, check_step.work), _checked)


def file(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """Match each record to the schedule in force and give it its numbers, in the batch's order and once for ever."""
    with _telling(home, ledger, batch_id):
        return _file(home, ledger, batch_id)


def _file(home: Home, ledger: Ledger, batch_id: str) -> StageResult:
    started = time.monotonic()
    states: Counter[str] = Counter()
    errors: list[Trouble] = []
    agencies = house.agencies(home)
    rules = filing_step.Rules.of(home)
    rows = ledger.records(batch_id, [State.CHECKED])
    for group in _groups(rows):
        loaded = [(row, filing_step.load(home, row), agencies[row["agency"]]) for row in group]
        lost = [(row, record) for row, record, _ in loaded if isinstance(record, OSError)]
        if lost:
            with ledger.begin() as tx:
                for row, error in lost:
                    done = Done(dict(row), value={"staging_lost": str(error)})
                    errors.append(("STAGING-LOST", f"{row['delivery']}: {_restage(tx, 'file', State.CHECKED, done)}"))
        found = [(row, record, agency) for row, record, agency in loaded if not isinstance(record, OSError)]
        try:
            with ledger.begin() as tx:
                states.update(filing_step.file_records(tx, rules, found))
        except NumberSpaceExhausted:  # of one class: the others of the group are filed one by one
            for each in found:
                _file_alone(ledger, rules, each, states, errors)
    return _result("file", batch_id, states, errors, started)


def _file_alone(
    ledger: Ledger, rules: filing_step.Rules, each: filing_step.Loaded, states: Counter[str], errors: list[Trouble]
) -> None:
    try:
        with ledger.begin() as tx:
            states.update(filing_step.file_records(tx, rules, [each]))
    except NumberSpaceExhausted as e:
        with ledger.begin() as tx:
            tx.fail(each[0]["id"], "file", str(e), cause_of(e))
        words = f"{each[0]['delivery']}: 号已用尽，须扩展分类方案的位数 / the numbers are used up: {e}"
        errors.append((cause_of(e), words))


def package(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """One deterministic bag a record."""
    return _over("package", ledger, batch_id, State.FILED, partial(workers.map, package_step.work), _packaged)


def deposit(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """Package → every replica of the object store, each copy proved, then the commit mark; what lacks copies is tried again.
    Our own packages: nothing in them is hostile."""
    plan, away = deposit_step.ready(home)  # a store that is not configured is one error, not one a record
    threads = Threads(home, _IN_FLIGHT)
    rows = ledger.records(batch_id, [State.PACKAGED, State.DEPOSITED])
    proved = _proved(ledger, rows, plan)
    jobs: list[Row] = [
        {**row, "proved": sorted(proved[row["id"]]), "away": away}
        for row in rows
        if row["state"] == State.PACKAGED or len(proved[row["id"]]) < plan.min_copies
    ]
    return _over("deposit", ledger, batch_id, State.PACKAGED, partial(threads.map, deposit_step.work), _deposited, jobs)


def acknowledge(home: Home, ledger: Ledger, batch_id: str, workers: Workers) -> StageResult:
    """The receipts that are still owed, above all the last word on what is decided; staging is emptied only now."""
    started = time.monotonic()
    batch_id, _ = share_of(batch_id)
    sent = sending.send(home, ledger, batch_id)
    clean(home, ledger, batch_id)
    listing.sweep(home, ledger)
    return _result("acknowledge", batch_id, sent.states, [("SOURCE-AWAY", words) for words in sent.errors], started)


@contextlib.contextmanager
def _telling(home: Home, ledger: Ledger, batch_id: str) -> Iterator[None]:
    """Tell the producers what the stage has brought, whatever became of the rest. A source that is away holds up no stage: what
    it is owed is tried again at the end."""
    try:
        yield
    finally:
        sending.send_first(home, ledger, share_of(batch_id)[0])


def _proved(ledger: Ledger, rows: list[Row], plan: StorePlan) -> dict[str, set[str]]:
    """By record id, the replicas of the plan that hold a proved copy of its package."""
    with ledger.read() as conn:
        found = copies.proved(conn, [row["object_key"] for row in rows])
    names = {replica.name for replica in plan.replicas}
    return {row["id"]: found.get(row["object_key"], set()) & names for row in rows}


def _groups(rows: list[Row]) -> Iterator[list[Row]]:
    """Twenty at a time: few enough to write outcomes at once, enough to share the cost of a durable commit."""
    return (rows[start : start + 20] for start in range(0, len(rows), 20))


_IN_FLIGHT = 4  # deposits under way at once: enough to keep a store busy while another is read back

STAGES: dict[str, Callable[[Home, Ledger, str, Workers], StageResult]] = {
    "receive": receive,
    "check": check,
    "file": file,
    "package": package,
    "deposit": deposit,
    "acknowledge": acknowledge,
}


# ------------------------------------------------------------------------------------------------ outcomes


def _received(tx: Transaction, row: Row, out: Mapping[str, Any]) -> State:
    findings = findings_of(out["findings"])
    seen = [d for d in row["decisions"] or () if d["content"] == out["content_digest"]]
    findings += (decided := versions_decided(seen))
    version = int(decided[0].params["version"]) if decided else out["version"]
    facts = {"case_no": out["case_no"], "version": version, "files": out["files"],
             "content_digest": out["content_digest"], "received_as_of": row["as_of"], "origin": out["origin"]}  # fmt: skip
    # who delivered what: the sealed chain is all that is left of a rejected record when the ledger is lost
    told = {"agency": row["agency"], "source": row["source"], "delivery": row["delivery"], "case_no": out["case_no"],
            "version": version} | ({"origin": out["origin"]} if out["origin"] else {})  # fmt: skip
    if out["final"]:
        return _settle(tx, row, State.LISTED, State.REJECTED, "received", findings, told, **facts)
    tx.owe(row["id"], Receipt.RECEIVED)
    identity = f"{row['agency']}|{out['case_no']}|{version}"
    same = tx.conn.execute(
        sa.select(record_table.c.id, record_table.c.content_digest).where(record_table.c.identity == identity)
    ).one_or_none()
    if same is not None and same.id != row["id"]:
        if same.content_digest == out["content_digest"]:
            findings = [Finding("RCV-ALREADY-ARCHIVED")]
            return _settle(
                tx, row, State.LISTED, State.DUPLICATE, "received", findings, told, duplicate_of=same.id, **facts
            )
        findings.append(Finding("RCV-VERSION-CONFLICT"))
        return _settle(tx, row, State.LISTED, State.HELD, "received", findings, told, **facts)
    if _is_newer(tx, row, out, version):
        findings.append(Finding("RCV-NEW-VERSION", params={"version": str(version)}))
    return _settle(tx, row, State.LISTED, State.RECEIVED, "received", findings, told, identity=identity, **facts)


def _is_newer(tx: Transaction, row: Row, out: Mapping[str, Any], version: int) -> bool:
    """Whether a lower version of the case was taken before this one. When staging was lost and the same content is received
    once more, the first answer stands, whatever has come since: the package must have the same bytes."""
    if row["received_as_of"] is not None:
        said = tx.conn.execute(
            sa.select(event.c.detail)
            .where(event.c.record_id == row["id"], event.c.kind == "received")
            .order_by(event.c.seq.desc())
            .limit(1)
        ).scalar()
        first = json.loads(said) if said is not None else {}
        if (first.get("content"), first.get("version"), first.get("state")) == (
            out["content_digest"], version, State.RECEIVED,
        ):  # fmt: skip
            return "RCV-NEW-VERSION" in first["codes"]
    lower = sa.exists().where(
        record_table.c.agency == row["agency"], record_table.c.case_no == out["case_no"],
        record_table.c.identity.is_not(None), record_table.c.id != row["id"], record_table.c.version < version,
    )  # fmt: skip
    return bool(tx.conn.execute(sa.select(lower)).scalar())


def _checked(tx: Transaction, row: Row, out: Mapping[str, Any]) -> State:
    findings = findings_of(out["findings"])
    worst = gravest(findings)
    after = State.REJECTED if worst is Severity.REJECT else State.HELD if worst is Severity.HOLD else State.CHECKED
    return _settle(tx, row, State.RECEIVED, after, "checked", findings, **out["about"])


def _packaged(tx: Transaction, row: Row, out: Mapping[str, Any]) -> State:
    tx.move(row["id"], [State.FILED], State.PACKAGED, "packaged", {"sha256": out["sha256"], "size": out["size"]},
            package_sha256=out["sha256"], package_size=out["size"], payload_bytes=out["payload_bytes"],
            object_key=out["key"])  # fmt: skip
    return State.PACKAGED


def _deposited(tx: Transaction, row: Row, out: Mapping[str, Any]) -> State:
    made = [copies.Copy.from_json(c) for c in out["copies"]]
    copies.enter(tx, row["id"], row["object_key"], made)
    where = {"replicas": [c.replica for c in made]}
    if row["state"] != State.PACKAGED and not out["findings"]:
        tx.chain.append("copied", row["id"], {"key": row["object_key"], **where})
        return State(row["state"])
    findings = findings_of(row["findings"]) + findings_of(out["findings"])
    after = State.HELD if out["findings"] else State.DEPOSITED
    return _settle(tx, row, State(row["state"]), after, "deposited", findings, {"key": row["object_key"], **where})


def _settle(
    tx: Transaction, row: Row, before: State, after: State, kind: str, findings: list[Finding],
    more: Mapping[str, Any] | None = None, **columns: Any,
) -> State:  # fmt: skip
    """Move a record and keep its findings; a rejected one gives its identity back, so that a mended one may come."""
    if after is State.REJECTED:
        columns["identity"] = None
    detail: dict[str, Any] = {"codes": sorted({f.code for f in findings}), **(more or {})}
    if columns.get("content_digest"):
        detail["content"] = columns["content_digest"]
    tx.move(row["id"], [before], after, kind, detail, findings=[f.as_json() for f in findings], **columns)
    return after


# ------------------------------------------------------------------------------------------------ the common shape


def _over(
    stage: str, ledger: Ledger, batch_id: str, before: State, run: Callable[[list[Job]], Iterator[list[Done]]],
    settle: Callable[[Transaction, Row, Mapping[str, Any]], State], rows: list[Row] | None = None,
) -> StageResult:  # fmt: skip
    """Let ``run`` work on the batch's records that stand in ``before`` (or on ``rows``), and settle what comes back, several
    in one go. An outcome may tell ``trouble``: what is done stands, and the rest is to be tried again."""
    started = time.monotonic()
    states: Counter[str] = Counter()
    errors: list[Trouble] = []
    rows = ledger.records(batch_id, [before]) if rows is None else rows
    for done in run([dict(r) for r in rows]):
        with ledger.begin() as tx:
            for d in done:
                if d.value is not None and "staging_lost" in d.value:
                    errors.append(("STAGING-LOST", f"{d.job['delivery']}: {_restage(tx, stage, before, d)}"))
                elif d.value is not None:
                    states[settle(tx, d.job, d.value)] += 1
                    if trouble := d.value.get("trouble"):
                        tx.fail(d.job["id"], stage, trouble, "STORE-AWAY")  # only deposit tells of it
                        errors.append(("STORE-AWAY", f"{d.job['delivery']}: {trouble}"))
                elif d.lost is not None:
                    states[_lost(tx, stage, before, d)] += 1
                else:
                    cause = d.cause or OTHER
                    tx.fail(d.job["id"], stage, d.error or "", cause)
                    errors.append((cause, f"{d.job['delivery']}: {d.error}"))
    return _result(stage, batch_id, states, errors, started)


def _result(
    stage: str, batch_id: str, states: Counter[str], errors: list[Trouble], started: float
) -> StageResult:  # fmt: skip
    if errors:
        counted = Counter(code for code, _ in errors)
        told = [f"{code} {n}：{causes()[code].next_zh} / {causes()[code].next_en}" for code, n in counted.items()]
        shown = "\n  ".join([*told, *(f"{code}  {words}" for code, words in errors[:20])])
        kind = StageFailed if any(causes()[code].retry for code in counted) else StageStuck
        raise kind(
            f"{stage} {batch_id}: {len(errors)} 件因机器故障未完成，重跑本任务即可 / "
            f"{len(errors)} records undone, run this task again:\n  {shown}"
        )
    return StageResult(stage, batch_id, {str(k): v for k, v in states.items()}, time.monotonic() - started)


def _restage(tx: Transaction, stage: str, before: State, done: Done) -> str:
    """Staging has lost or altered what was received: the next run takes the delivery from the source again."""
    assert done.value is not None
    reason = str(done.value["staging_lost"])
    tx.move(done.job["id"], [before], State.LISTED, "restaged", {"stage": stage, "reason": reason[:200]}, findings=[],
            last_error=reason[:2000], cause="STAGING-LOST")  # fmt: skip
    return f"暂存内容丢失或损坏，下次运行将从来源重新接收 / staging lost, the next run receives it again: {reason}"


def _lost(tx: Transaction, stage: str, before: State, done: Done) -> State:
    findings = [*findings_of(done.job["findings"]), Finding("RCV-WORKER-LOST", params={"stage": stage})]
    tx.move(done.job["id"], [before], State.HELD, "held", {"stage": stage, "lost": done.lost},
            findings=[f.as_json() for f in findings])  # fmt: skip
    return State.HELD
