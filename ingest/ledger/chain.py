"""The event chain: each event carries the digest of the one before, so who alters the ledger is found out."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from ingest.ledger.tables import chain_head, event
from sip import canonical

GENESIS = "0" * 64


@dataclasses.dataclass(frozen=True, slots=True)
class ChainFault:
    """One broken link: ``seq`` where it was seen, ``code`` what is wrong (CHAIN-GAP, CHAIN-PREV, CHAIN-DIGEST, CHAIN-HEAD; against
    the signed heads: HEAD-…, see `ingest.audit.compare`)."""

    seq: int
    code: str
    text: str


def link(seq: int, at: str, kind: str, record_id: str | None, detail: str, prev: str) -> str:
    """SHA-256 (hex) over one event in canonical form."""
    body = {"seq": seq, "at": at, "kind": kind, "record": record_id, "detail": detail, "prev": prev}
    return hashlib.sha256(canonical.dumps(body)).hexdigest()


class ChainWriter:
    """Appends events within one transaction.

    The head is locked at once and written back in ``close``: writing transactions stand in a row from their first statement,
    so they can neither deadlock nor draw the same number.
    """

    def __init__(self, conn: Connection, now: str) -> None:
        self._conn = conn
        self._now = now
        self._rows: list[dict[str, Any]] = []
        self.reload()

    def reload(self) -> None:
        """Go on from the head as it stands now: whoever puts back a sealed chain does so below this writer."""
        assert not self._rows, "events are waiting to be written"
        head = self._conn.execute(select(chain_head.c.seq, chain_head.c.digest).with_for_update()).one()
        self._seq, self._digest = int(head.seq), str(head.digest)

    def append(self, kind: str, record_id: str | None, detail: Mapping[str, Any]) -> int:
        """Add one event and return its number in the chain."""
        seq, prev = self._seq + 1, self._digest
        text = canonical.dumps(detail).decode().rstrip("\n")
        digest = link(seq, self._now, kind, record_id, text, prev)
        self._rows.append(
            {"seq": seq, "at": self._now, "kind": kind, "record_id": record_id, "detail": text,
             "prev": prev, "digest": digest}
        )  # fmt: skip
        self._seq, self._digest = seq, digest
        return seq

    def flush(self) -> None:
        """Write what was appended so far, for whoever reads events within the same transaction."""
        if self._rows:
            self._conn.execute(insert(event), self._rows)
            self._conn.execute(update(chain_head).values(seq=self._seq, digest=self._digest))
            self._rows = []

    def close(self) -> None:
        self.flush()


@dataclasses.dataclass(frozen=True, slots=True)
class Tail:
    """The last event: its number and digest; (0, GENESIS) of an empty chain."""

    seq: int
    digest: str


def head(conn: Connection) -> Tail:
    """The chain's end, as the ledger has it."""
    row = conn.execute(select(chain_head.c.seq, chain_head.c.digest)).one()
    return Tail(int(row.seq), str(row.digest))


def digest_of(conn: Connection, seq: int) -> str | None:
    """The digest of one event, None where there is none."""
    found = conn.execute(select(event.c.digest).where(event.c.seq == seq)).scalar()
    return None if found is None else str(found)


def events(conn: Connection, first: int, last: int) -> Iterator[dict[str, Any]]:
    """The events ``first``…``last`` as rows, in order; few at a time in memory."""
    wanted = select(event).where(event.c.seq >= first, event.c.seq <= last).order_by(event.c.seq)
    for row in conn.execute(wanted.execution_options(yield_per=1000)):
        yield dict(row._mapping)


def verify(conn: Connection, at: Callable[[int], None] = lambda _: None) -> Iterator[ChainFault]:
    """Walk the whole chain and tell every edited, deleted, inserted or reordered event; ``at`` is told where the walk stands."""
    expected, prev = 1, GENESIS
    for row in conn.execute(select(event).order_by(event.c.seq).execution_options(yield_per=1000)):
        if row.seq != expected:
            yield ChainFault(row.seq, "CHAIN-GAP", f"{expected}…{row.seq - 1} missing")
        elif row.prev != prev:
            yield ChainFault(row.seq, "CHAIN-PREV", "does not follow the event before")
        if link(row.seq, row.at, row.kind, row.record_id, row.detail, row.prev) != row.digest:
            yield ChainFault(row.seq, "CHAIN-DIGEST", "content differs from its digest")
        expected, prev = row.seq + 1, row.digest
        at(row.seq)
    head = conn.execute(select(chain_head.c.seq, chain_head.c.digest)).one()
    if (head.seq, head.digest) != (expected - 1, prev):
        yield ChainFault(head.seq, "CHAIN-HEAD", "the head is not the last event")
