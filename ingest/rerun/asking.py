"""What an operator may ask to be taken up again, and what not: marked in the ledger, chained with who and why."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.findings import Finding, Severity
from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import record, rerun, rerun_item
from ingest.model import State
from ingest.runs import OPEN
from ingest.trouble import causes

_LIMIT = 500  # characters of a reason or a name


class Refused(Exception):
    """Nothing of what was asked can be taken up again; the text says why, and what to do instead."""


class Kind(enum.StrEnum):
    """What is named: one record (its id, or a 办件编号), one batch, one agency, or a cause."""

    RECORD = "record"
    BATCH = "batch"
    AGENCY = "agency"
    CAUSE = "cause"


class How(enum.StrEnum):
    """``again``: on from where the machine failed. ``rejected``: what was rejected, from the source, because rules have changed.
    ``afresh``: a batch from the source, because its code has changed; what is packaged stays as it is."""

    AGAIN = "again"
    REJECTED = "rejected"
    AFRESH = "afresh"


@dataclasses.dataclass(frozen=True, slots=True)
class What:
    """A choice of records, as ``kind:value``."""

    kind: Kind
    value: str
    how: How = How.AGAIN

    @classmethod
    def parse(cls, text: str) -> What:
        """From ``record:…``, ``batch:…``, ``agency:…`` or ``cause:…``. Raises Refused."""
        kind, _, value = text.partition(":")
        if kind not in tuple(Kind) or not value.strip():
            raise Refused(
                f"“{text}”不是重跑范围；写 record:标识、batch:批次、agency:机构 或 cause:原因 / "
                "not a choice: write record:ID, batch:ID, agency:ID or cause:CODE"
            )
        return cls(Kind(kind), value.strip())


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A re-run as it stands in the ledger: its number in the chain, and how many records it chose."""

    id: int
    records: int


def ask(ledger: Ledger, what: What, by: str, reason: str) -> Asked:
    """Mark what is to be taken up again; it waits for a run. Raises Refused, and then nothing is marked."""
    for name, text in (("姓名 / name", by), ("理由 / reason", reason)):
        if not text.strip() or len(text) > _LIMIT:
            raise Refused(f"须写明{name}，不超过 {_LIMIT} 字 / say it, in at most {_LIMIT} characters")
    with ledger.begin() as tx:
        ids = _chosen(tx.conn, what)
        if not ids:
            raise Refused(_why_nothing(tx.conn, what))
        return _enter(tx, what, ids, by.strip(), reason.strip())


def _enter(tx: Transaction, what: What, ids: list[str], by: str, reason: str) -> Asked:
    detail = {
        "kind": what.kind.value,
        "value": what.value,
        "how": what.how.value,
        "by": by,
        "reason": reason,
        "records": ids,
    }
    number = tx.chain.append("rerun", None, detail)
    tx.conn.execute(
        sa.insert(rerun).values(
            id=number, kind=what.kind.value, value=what.value, how=what.how.value, asked_by=by, reason=reason,
            asked_at=tx.now,
        )
    )  # fmt: skip
    tx.conn.execute(sa.insert(rerun_item), [{"rerun_id": number, "record_id": i} for i in ids])
    return Asked(number, len(ids))


def _chosen(conn: Connection, what: What) -> list[str]:
    able = {How.AGAIN: OPEN, How.REJECTED: _told_rejected(), How.AFRESH: OPEN}[what.how]
    if what.how is How.AFRESH and what.kind is not Kind.BATCH:
        raise Refused("--afresh 只用于整个批次 / --afresh is for a whole batch")
    if what.how is How.REJECTED and what.kind is Kind.CAUSE:
        rows = conn.execute(sa.select(record.c.id, record.c.findings).where(able).order_by(record.c.id))
        return [row.id for row in rows if what.value in _rejecting(row.findings)]
    if what.kind is Kind.CAUSE and what.value not in causes():
        raise Refused(f"没有原因 {what.value}；有 / no such cause; there are: {'、'.join(causes())}")
    where = _named(what) & able
    return list(conn.execute(sa.select(record.c.id).where(where).order_by(record.c.id)).scalars())


def _told_rejected() -> sa.ColumnElement[bool]:
    """Rejected in a night that is over: the producer has its receipt."""
    return (record.c.state == State.REJECTED.value) & record.c.receipt_at.is_not(None)


def _named(what: What) -> sa.ColumnElement[bool]:
    match what.kind:
        case Kind.RECORD:
            return (record.c.id == what.value) | (record.c.case_no == what.value)
        case Kind.BATCH:
            return record.c.batch_id == what.value
        case Kind.AGENCY:
            return record.c.agency == what.value
        case Kind.CAUSE:
            return record.c.cause == what.value


def _rejecting(findings: list[dict[str, object]]) -> set[str]:
    return {f.code for f in map(Finding.from_json, findings) if f.weight is Severity.REJECT}


_NEXT = {
    State.ACKNOWLEDGED: "已归档，不再处理；要核验用 `guidang verify` / archived already; `guidang verify` looks at the package",
    State.DUPLICATE: "此前已归档，不再处理 / archived before; nothing is left to do",
    State.HELD: "待人决定：`guidang held list`，再 `guidang held decide` / held: a person decides by `guidang held decide`",
    State.REJECTED: "已退回：由报送单位重新报送；确因规则有误而退回的，规则更正后加 `--rejected` / rejected: the producer delivers "
    "again; if the rule was wrong and is mended, add `--rejected`",
}


def _why_nothing(conn: Connection, what: What) -> str:
    if what.kind is Kind.CAUSE:
        return f"没有因 {what.value} 待重跑的办件 / no record waits for {what.value}"
    found = Counter(State(s) for s in conn.execute(sa.select(record.c.state).where(_named(what))).scalars())
    if not found:
        return f"台账里没有 {what.kind}:{what.value} / the ledger knows none"
    lines = [f"{state.value} {count}：{_NEXT.get(state, '')}" for state, count in sorted(found.items())]
    return f"{what.kind}:{what.value} 没有可重跑的办件 / nothing to take up again\n  " + "\n  ".join(lines)
