"""People's decisions on held records: taken once, chained with who and why, confirmed by a second person where policy asks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest import people
from ingest.held.questions import Action, Question, question
from ingest.ledger import Ledger, Transaction
from ingest.ledger.tables import event, held_decision, record
from ingest.model import State
from ingest.settings import Agency
from ingest.steps.receive import findings_of

FOUR_EYES = "four_eyes"  # an agency's policy "held_accept": a second person confirms what the first would accept
PROPOSED, DECIDED, APPLIED, VOID, WITHDRAWN = "proposed", "decided", "applied", "void", "withdrawn"
_OPEN = (PROPOSED, DECIDED)
_LIMIT = 500  # characters of a reason or a name


class Refused(Exception):
    """A decision that cannot be taken; the text says why and what to do instead."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of one decision: its number and status, or why it was ``refused``."""

    record_id: str
    decision: int | None = None
    status: str = ""
    refused: str = ""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Foreseen:
    """What a decision would do to one record: where it starts again (rejected when it goes back), the codes it accepts, what
    would still hold it, and whether a second person must confirm."""

    record_id: str
    codes: tuple[str, ...]
    becomes: State
    accepted: tuple[str, ...]
    left: tuple[str, ...]
    four_eyes: bool


def decide(
    ledger: Ledger, agencies: Mapping[str, Agency], records: Iterable[str], action: Action, *, by: str, reason: str,
    codes: Sequence[str] = (), via: str = "", asked: Mapping[str, Sequence[str]] | None = None,
) -> list[Answer]:  # fmt: skip
    """Take the same decision on each of these held records; it is carried out at the next ``discover``.

    ``codes`` limits *accept* to these finding codes; without it all that may be accepted are. ``via`` is the account behind the
    name. ``asked`` says by which codes each record was held when the person looked: another question by now is refused. A record
    for which the decision is not possible is refused with the reason, the others are decided. Raises Refused for an empty name or
    reason.
    """
    by, reason = _said("姓名 / name", by), _said("理由 / reason", reason)
    out = []
    for record_id in dict.fromkeys(records):
        with ledger.begin() as tx:
            try:
                seen = asked.get(record_id, ()) if asked is not None else None
                found = foresee(tx.conn, agencies, record_id, action, codes, seen)
                out.append(_write(tx, found, action, by, reason, via))
            except Refused as why:
                out.append(Answer(record_id, refused=str(why)))
    return out


def foresee(
    conn: Connection, agencies: Mapping[str, Agency], record_id: str, action: Action, codes: Sequence[str] = (),
    asked: Sequence[str] | None = None,
) -> Foreseen:  # fmt: skip
    """What this decision would do. Raises Refused where it cannot be taken, as `decide` says."""
    row = conn.execute(
        sa.select(record.c.state, record.c.agency, record.c.findings).where(record.c.id == record_id)
    ).one_or_none()
    if row is None:
        raise Refused("没有这件记录 / no such record")
    if row.state != State.HELD:
        raise Refused(f"不在待定状态（{row.state}）/ not held but {row.state}")
    put = question(findings_of(row.findings))
    if asked is not None and sorted(asked) != list(put.codes):
        raise Refused(f"所问已变，现为 {'、'.join(put.codes)}，请看过再定 / it asks something else by now: look again")
    accepted = _accepted(put, action, codes)
    if (earlier := _open_on(conn, record_id)) is not None:
        raise Refused(
            f"已有决定 {earlier['id']}（{earlier['action']}，{earlier['decided_by']}），先撤回 / "
            f"decision {earlier['id']} stands already: withdraw it first"
        )
    # an agency that left the registry has no policy to say that one person is enough
    one_will_do = row.agency in agencies and agencies[row.agency].policy.get("held_accept") != FOUR_EYES
    becomes = {Action.RETURN: State.REJECTED, Action.RECHECK: put.resume}.get(action, State.RECEIVED)
    left = tuple(code for code in put.codes if action is Action.ACCEPT and code not in accepted)
    return Foreseen(record_id, put.codes, becomes, accepted, left, action is Action.ACCEPT and not one_will_do)


def _write(tx: Transaction, found: Foreseen, action: Action, by: str, reason: str, via: str) -> Answer:
    record_id, codes, accepted = found.record_id, list(found.codes), list(found.accepted)
    status = PROPOSED if found.four_eyes else DECIDED
    detail = {"action": action.value, "codes": codes, "by": by, "reason": reason, "status": status}
    if accepted:
        detail["accepted"] = accepted
    number = tx.chain.append("held_decision", record_id, detail | _account(via))
    tx.conn.execute(
        sa.insert(held_decision).values(
            id=number, record_id=record_id, action=action.value, codes=codes, accepted=accepted,
            reason=reason, decided_by=by, decided_at=tx.now, status=status,
        )
    )  # fmt: skip
    return Answer(record_id, number, status)


def _account(via: str) -> dict[str, str]:
    return {"via": via} if via else {}


def _accepted(asked: Question, action: Action, codes: Sequence[str]) -> tuple[str, ...]:
    """The codes that an acceptance covers. Raises Refused where the question does not allow the action."""
    if action not in asked.decisions:
        offered = "、".join(f"{a.value}（{a.words()}）" for a in asked.decisions)
        where = "；".join(a.command for a in asked.asked if a.command)
        raise Refused(
            f"{'、'.join(asked.codes)} 不能以 {action.value}（{action.words()}）解决；可选 / choose among: {offered}"
            + (f"；{where}" if where else "")
        )
    if action is not Action.ACCEPT:
        return ()
    if wrong := set(codes) - set(asked.acceptable):
        raise Refused(f"不可接受 / cannot be accepted: {'、'.join(sorted(wrong))}")
    return tuple(code for code in asked.acceptable if not codes or code in codes)


def confirm(ledger: Ledger, decision: int, *, by: str, via: str = "") -> None:
    """The second pair of eyes on a proposed acceptance. Raises Refused for nothing to confirm, and for the same person: the same
    name, or another name typed into the same account (``via``)."""
    by = _said("姓名 / name", by)
    with ledger.begin() as tx:
        row = _standing(tx, decision, PROPOSED)
        if people.same(by, via, row["decided_by"], _decided_via(tx, decision)):
            raise Refused(
                f"须由另一人确认（{row['decided_by']} 已提出）；另一人请用自己的账号，或在归档工作台确认 / "
                "another person must confirm it, from an account of his own or at the desk"
            )
        tx.chain.append("held_confirmed", row["record_id"], {"decision": decision, "by": by} | _account(via))
        _set(tx, decision, status=DECIDED, confirmed_by=by, confirmed_at=tx.now)


def _decided_via(tx: Transaction, decision: int) -> str:
    """The account behind a decision, as its event tells it."""
    detail = tx.conn.execute(sa.select(event.c.detail).where(event.c.seq == decision)).scalar_one()
    return str(json.loads(detail).get("via", ""))


def withdraw(ledger: Ledger, decision: int, *, by: str, reason: str, via: str = "") -> None:
    """Take back a decision that was not carried out yet. Raises Refused."""
    by, reason = _said("姓名 / name", by), _said("理由 / reason", reason)
    with ledger.begin() as tx:
        row = _standing(tx, decision, *_OPEN)
        told = {"decision": decision, "by": by, "reason": reason} | _account(via)
        tx.chain.append("held_withdrawn", row["record_id"], told)
        _set(tx, decision, status=WITHDRAWN)


def open_decision(tx: Transaction, record_id: str) -> dict[str, Any] | None:
    """The decision on a record that waits to be confirmed or carried out."""
    return _open_on(tx.conn, record_id)


def _open_on(conn: Connection, record_id: str) -> dict[str, Any] | None:
    found = conn.execute(
        sa.select(held_decision).where(held_decision.c.record_id == record_id, held_decision.c.status.in_(_OPEN))
    ).one_or_none()
    return dict(found._mapping) if found is not None else None


def close(tx: Transaction, decision: int, status: str) -> None:
    """Note that a decision was carried out (applied) or found its question gone (void)."""
    _set(tx, decision, status=status, applied_at=tx.now)


def void(tx: Transaction, decision: Mapping[str, Any], codes: Sequence[str]) -> None:
    """Close a decision whose question is no longer asked: ``codes`` are what the record is or was held by."""
    close(tx, decision["id"], VOID)
    tx.chain.append("held_void", decision["record_id"], {"decision": decision["id"], "codes": list(codes)})


def _standing(tx: Transaction, decision: int, *statuses: str) -> dict[str, Any]:
    row = tx.conn.execute(sa.select(held_decision).where(held_decision.c.id == decision)).one_or_none()
    if row is None or row.status not in statuses:
        state = "" if row is None else f"（{row.status}）"
        raise Refused(f"决定 {decision}{state} 无可处理 / nothing to do about decision {decision}")
    return dict(row._mapping)


def _set(tx: Transaction, decision: int, **columns: Any) -> None:
    tx.conn.execute(sa.update(held_decision).where(held_decision.c.id == decision).values(**columns))


def _said(what: str, text: str) -> str:
    if not text.strip() or len(text) > _LIMIT:
        raise Refused(f"须写明{what}，不超过 {_LIMIT} 字 / say it, in at most {_LIMIT} characters")
    return text.strip()
