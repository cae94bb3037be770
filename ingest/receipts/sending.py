"""Hand owed receipts over, at least once, and note each with its event.

A crash between the two sends the same bytes again. A source that is away is asked once and costs the other agencies nothing;
what it is owed stays owed, and the next pass, or the next night, tries again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger, Transaction, copies, receipts, wholes
from ingest.ledger.tables import record
from ingest.model import Receipt, State
from ingest.receipts import words
from ingest.receipts.words import Beside
from ingest.settings import ConfigError, Home
from ingest.sources import SourceAway, open_source
from ingest.steps import house
from ingest.store import config as store_config
from sip import canonical

Row = Mapping[str, Any]
_GROUP = 20  # few enough to write outcomes at once, enough to share the cost of a durable commit
_AT_ONCE = 8  # agencies: their systems are waited for, not worked at


@dataclasses.dataclass(slots=True)
class Sent:
    """What a pass did: records by the final state they were told, receipts sent by kind, the agencies that could not be told
    with what they said, and the deliveries that were left, in words."""

    states: Counter[str] = dataclasses.field(default_factory=Counter)
    kinds: Counter[str] = dataclasses.field(default_factory=Counter)
    away: dict[str, str] = dataclasses.field(default_factory=dict)
    errors: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False)
class _Letter:
    row: Row
    kind: Receipt
    body: Mapping[str, Any]
    tried: bool = False  # by itself

    @cached_property
    def data(self) -> bytes:
        return canonical.dumps(self.body)

    @property
    def post(self) -> tuple[str, Receipt, bytes]:
        return self.row["delivery"], self.kind, self.data

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def whole(self) -> bool:
        """Whether it is about a delivery of several records."""
        return "parts" in self.row


def send(home: Home, ledger: Ledger, batch_id: str | None = None) -> Sent:
    """Send all that is due, of a batch or of all."""
    out = Sent()
    _pass(home, ledger, out, batch_id)
    if out.states:  # an answer may be what a delivery that came twice has waited for
        _pass(home, ledger, out, batch_id, untried=True)
    return out


def send_first(home: Home, ledger: Ledger, batch_id: str) -> Sent:
    """Send what is due for a batch and was never tried: in the middle of its way a batch waits for no source twice."""
    out = Sent()
    _pass(home, ledger, out, batch_id, untried=True)
    return out


def _pass(home: Home, ledger: Ledger, out: Sent, batch_id: str | None, untried: bool = False) -> None:
    with ledger.read() as conn:
        keys = receipts.unsent(conn, batch_id=batch_id, untried=untried)
    for start in range(0, len(keys), _GROUP):
        with ledger.read() as conn:
            letters = list(_letters(home, conn, receipts.load(conn, keys[start : start + _GROUP])))
        _post(home, ledger, letters, out)
    with ledger.read() as conn:  # what was sent just now may have been the last of a delivery of several
        keys = wholes.unsent(conn, batch_id=batch_id, untried=untried)
    for key in keys:
        with ledger.read() as conn:
            letters = [_Letter(row, Receipt.FINAL, words.whole(row)) for row in wholes.load(conn, [key])]
        _post(home, ledger, letters, out)


def _post(home: Home, ledger: Ledger, letters: Sequence[_Letter], out: Sent) -> None:
    """Send some letters and note what became of each."""
    if not letters:
        return
    gone = _hand_over(home, [x for x in letters if x.row["agency"] not in out.away], out.away)
    with ledger.begin() as tx:
        _note(tx, gone, out)
        for letter in letters:
            if letter not in gone:
                _leave(tx, letter, out)


def _letters(home: Home, conn: sa.Connection, rows: Sequence[Row]) -> Iterator[_Letter]:
    """The receipts of ``rows`` that can be given now, those of a record in their order."""
    firsts = _originals(conn, rows)
    standing = [row for row in (*rows, *firsts.values()) if row["state"] in (State.DEPOSITED, State.ACKNOWLEDGED)]
    plan = store_config.plan(home) if any(row["kind"] == Receipt.FINAL for row in rows) and standing else None
    proved = copies.proved(conn, {row["object_key"] for row in standing}) if plan else {}
    for row in sorted(rows, key=lambda r: (r["attempts"], list(Receipt).index(Receipt(r["kind"])))):
        original = firsts.get(row["duplicate_of"])
        there = proved.get((original or row)["object_key"], set())
        enough = plan is not None and len(there & {r.name for r in plan.replicas}) >= plan.min_copies
        beside = Beside(plan.min_copies if plan is not None and enough else 0, original)
        if (body := words.receipt(row, Receipt(row["kind"]), beside)) is not None:
            yield _Letter(row, Receipt(row["kind"]), body)


def _originals(conn: sa.Connection, rows: Iterable[Row]) -> dict[str, Row]:
    ids = {row["duplicate_of"] for row in rows if row["state"] == State.DUPLICATE and row["duplicate_of"]}
    return {r.id: dict(r._mapping) for r in conn.execute(sa.select(record).where(record.c.id.in_(ids)))} if ids else {}


def _hand_over(home: Home, letters: Iterable[_Letter], away: dict[str, str]) -> list[_Letter]:
    """Give the letters to their sources, each agency for itself. Returns those that arrived; ``away`` learns which agencies
    could not be told, and why."""
    by_source: dict[tuple[str, str], list[_Letter]] = {}
    for letter in letters:
        by_source.setdefault((letter.row["agency"], letter.row["source"]), []).append(letter)
    some = list(by_source.values())
    if len(some) < 2:
        answers = [_give(home, mine) for mine in some]
    else:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            answers = list(threads.map(partial(_give, home), some))
    away |= {mine[0].row["agency"]: why for mine, (_, why) in zip(some, answers, strict=True) if why is not None}
    return [letter for gone, _ in answers for letter in gone]


def _give(home: Home, letters: Sequence[_Letter]) -> tuple[Sequence[_Letter], str | None]:
    """The letters that one agency's source took, and what it said to the first that it did not take."""
    row = letters[0].row
    entry = house.agencies(home).get(row["agency"])
    if entry is None:
        return [], f"机构 {row['agency']} 不在 agencies.json / the agency is not in agencies.json"
    gone: list[_Letter] = []
    try:
        source = open_source(home, entry, row["source"])
        with contextlib.suppress(SourceAway):
            source.tell([x.post for x in letters])
            return letters, None
        for letter in letters:  # one of them may be what it does not take
            letter.tried = True
            source.tell([letter.post])
            gone.append(letter)
    except (SourceAway, ConfigError) as e:
        return gone, str(e)
    return gone, None


def _note(tx: Transaction, letters: Sequence[_Letter], out: Sent) -> None:
    """Mark what was sent, unless another run was faster; the last word makes its record answered."""
    ours = {(r["id"], r["kind"]) for r in receipts.still_owed(tx.conn, [x.row for x in letters])}
    told = [x for x in letters if (x.row["id"], x.kind) in ours]
    receipts.sent(tx, [(x.row, x.digest) for x in told])
    for letter in told:
        row, says = letter.row, letter.body["state"]
        out.kinds[letter.kind] += 1
        if letter.whole:
            about = {"opened": row["id"], "agency": row["agency"], "delivery": row["delivery"]}
            tx.chain.append("receipt_sent", None, {"receipt": letter.kind.value, **about, "digest": letter.digest})
            continue
        if letter.kind is not Receipt.FINAL:
            detail = {"receipt": letter.kind.value, "says": says, "digest": letter.digest}
            tx.chain.append("receipt_sent", row["id"], detail)
            continue
        after = State.ACKNOWLEDGED if row["state"] == State.DEPOSITED else State(row["state"])
        code = letter.body["receipt_code"]
        tx.move(row["id"], [State(row["state"])], after, "acknowledged", {"receipt": code, "digest": letter.digest},
                receipt_code=code, receipt_at=tx.now)  # fmt: skip
        out.states[after.value] += 1


def _leave(tx: Transaction, letter: _Letter, out: Sent) -> None:
    row, why = letter.row, out.away[letter.row["agency"]]
    receipts.failed(tx, row, why, tried=letter.tried)
    if letter.kind is Receipt.FINAL and not letter.whole:
        tx.fail(row["id"], "acknowledge", why, "SOURCE-AWAY")
    out.errors.append(f"{row['delivery']}: {letter.kind.value}: {why}")
