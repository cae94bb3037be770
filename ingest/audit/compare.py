"""Hold the ledger's event chain against its signed heads in the store; or judge the heads alone, with only the store at hand.

The chain by itself cannot tell that its tail was cut or that all of it was written anew; the heads, signed and beyond reach of
who writes the ledger, can. Codes of what is wrong:

    HEAD-MISSING     a head's object is not there          HEAD-BROKEN      it cannot be read
    HEAD-SIGNATURE   not signed by a key that is believed  HEAD-LINK        does not follow the head before
    HEAD-EVENTS      the events file is not what was signed
    HEAD-REWRITTEN   the ledger has another event there    HEAD-BEYOND      the ledger ends before the signed event
    HEAD-TIMESTAMP   the time stamp is not over this head
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from ingest.audit import heads, timestamp
from ingest.audit.heads import Head
from ingest.ledger import chain
from ingest.ledger.chain import ChainFault
from ingest.signatures import TrustStore, Verdict
from ingest.store.objects import ObjectStore

Keys = Mapping[str, Ed25519PublicKey]


@dataclasses.dataclass(slots=True)
class Compared:
    """What was held against what: the good heads in order, the faults, by head number the times that stamps prove, and why
    a stamp's authority is not believed."""

    heads: list[Head] = dataclasses.field(default_factory=list)
    faults: list[ChainFault] = dataclasses.field(default_factory=list)
    stamped: dict[int, dt.datetime] = dataclasses.field(default_factory=dict)
    doubtful: dict[int, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def compare(
    store: ObjectStore, keys: Keys, trust: TrustStore, at: dt.datetime, conn: Connection | None = None
) -> Compared:
    """Judge all heads in the store at the time ``at``, and the ledger behind ``conn`` by them where one is given.

    ``trust`` judges the authorities of time stamps. Raises ClientError for trouble with the store.
    """
    out = Compared()
    known = heads.numbers(store)
    before: Head | None = None
    for number in range(1, (known[-1] if known else 0) + 1):
        head, faults = _head(store, number, keys)
        out.faults += faults
        if head is None:
            before = None
            continue
        if number > 1 and (before is None or (head.previous, head.first) != (before.sha256, before.seq + 1)):
            out.faults.append(ChainFault(head.seq, "HEAD-LINK", f"head {number} does not follow head {number - 1}"))
        out.faults += _events(store, head, before)
        if conn is not None:
            out.faults += _ledger(conn, head)
        if not faults:
            out.heads.append(head)
            _stamp(store, head, trust, at, out)
        before = head
    return out


def published(store: ObjectStore) -> dict[str, Ed25519PublicKey]:
    """The public keys that stand in the store, by id: good against accidents, not against who could write the store."""
    from ingest.audit.keys import key_id, load_public

    out = {}
    for key, _ in store.listing(heads.PREFIX + "keys/"):
        public = load_public(heads.whole(store, key) or b"")
        out[key_id(public)] = public
    return out


def _head(store: ObjectStore, number: int, keys: Keys) -> tuple[Head | None, list[ChainFault]]:
    name = heads.name(number, "head.json")
    try:
        data = heads.whole(store, name)
        if data is None:
            return None, [ChainFault(0, "HEAD-MISSING", name)]
        head = Head.loads(data)
        if head.number != number:
            raise ValueError(f"says it is number {head.number}")
        signature = heads.whole(store, heads.name(number, "head.sig"))
    except ValueError as e:
        return None, [ChainFault(0, "HEAD-BROKEN", f"{name}: {e}")]
    if not heads.signed_by(data, signature, keys.get(head.key)):
        why = "no signature" if signature is None else "key not believed" if head.key not in keys else "signature wrong"
        return head, [ChainFault(head.seq, "HEAD-SIGNATURE", f"{name}: {why} (key {head.key})")]
    return head, []


def _events(store: ObjectStore, head: Head, before: Head | None) -> Iterator[ChainFault]:
    """The events file byte for byte, and its own links from the head before to this one."""
    name = heads.name(head.number, "events.jsonl")
    if store.size(name) is None:
        yield ChainFault(head.seq, "HEAD-MISSING", name)
        return
    sha256, size = store.digest(name)
    if (sha256, size) != (head.events_sha256, head.events_size):
        yield ChainFault(head.seq, "HEAD-EVENTS", f"{name}: SHA-256 {sha256}, {size} bytes")
    expected, prev = head.first, before.digest if before else chain.GENESIS if head.first == 1 else None
    try:
        for e in heads.events(store, head.number):
            linked = chain.link(e["seq"], e["at"], e["kind"], e["record_id"], e["detail"], e["prev"])
            if e["seq"] != expected or e["digest"] != linked or (prev is not None and e["prev"] != prev):
                yield ChainFault(e["seq"], "HEAD-EVENTS", f"{name}: event {e['seq']} is not linked")
            expected, prev = e["seq"] + 1, e["digest"]
    except (ValueError, TypeError) as e:
        yield ChainFault(head.seq, "HEAD-EVENTS", f"{name}: {e}")
        return
    if (expected - 1, prev) != (head.seq, head.digest):
        yield ChainFault(head.seq, "HEAD-EVENTS", f"{name}: does not end with the signed event")


def _ledger(conn: Connection, head: Head) -> Iterator[ChainFault]:
    if head.seq > chain.head(conn).seq:
        yield ChainFault(head.seq, "HEAD-BEYOND", f"the ledger ends before event {head.seq} of head {head.number}")
    elif chain.digest_of(conn, head.seq) != head.digest:
        yield ChainFault(head.seq, "HEAD-REWRITTEN", f"event {head.seq} is not the one that head {head.number} signs")


def _stamp(store: ObjectStore, head: Head, trust: TrustStore, at: dt.datetime, out: Compared) -> None:
    name, data = heads.name(head.number, "head.tsr"), head.dumps()
    answer = heads.whole(store, name)
    if answer is None:
        return
    try:
        when = timestamp.time_of(answer, hashlib.sha256(data).digest())
        verdict, reasons = timestamp.judged(answer, data, trust, at)
    except timestamp.NotStamped as e:
        out.faults.append(ChainFault(head.seq, "HEAD-TIMESTAMP", f"{name}: {e}"))
        return
    if verdict is Verdict.INVALID:
        out.faults.append(ChainFault(head.seq, "HEAD-TIMESTAMP", f"{name}: {', '.join(reasons)}"))
    elif verdict is Verdict.VALID:
        out.stamped[head.number] = when
    else:
        out.doubtful[head.number] = reasons
