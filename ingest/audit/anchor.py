"""Anchor the event chain: sign its head with the home's own key and put it into the store, for ever.

Safe to repeat and to be killed anywhere: what a killed try left is checked against the ledger and finished; nothing new since
the last head means nothing to do. A ledger that contradicts the last head is never signed again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Iterable
from typing import IO

from sqlalchemy import Connection

from ingest.audit import heads, keys
from ingest.audit.heads import Head
from ingest.ledger import Ledger, chain
from ingest.model import CST
from ingest.settings import Home
from ingest.store.locks import Lock, LockRule
from ingest.store.objects import KeyTaken, ObjectStore

_MOST = 200_000  # events in one file: a few tens of megabytes


class ChainBroken(Exception):
    """The ledger's chain and the signed heads in the store contradict each other. Trying again does not help."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}\n事件链与存储中的签名链头不符，未签名；请用 `guidang ledger verify` 查明 / "
            "the ledger contradicts its signed heads, nothing was signed: find out with `guidang ledger verify`"
        )


def anchor(home: Home, ledger: Ledger, store: ObjectStore, as_of: str, lock: Lock | None = None) -> list[Head]:
    """Sign and store what the chain has grown by since the last head; the new heads, none where nothing has come since.

    ``as_of`` is the night's logical time (ISO 8601); ``lock`` protects what is put. Raises ChainBroken, ClientError for
    trouble with the store.
    """
    key = keys.signing_key(home)
    key_id = keys.key_id(key.public_key())
    heads.put(store, heads.key_name(key_id), keys.public_pem(key.public_key()), lock)
    out: list[Head] = []
    last = _last(home, store)
    with ledger.read() as conn:
        tail = chain.head(conn)
        _require(conn, last)
        while (last.seq if last else 0) < tail.seq:
            head = _next(conn, store, last, tail.seq, as_of, key_id, lock)
            data = head.dumps()
            heads.put(store, heads.name(head.number, "head.sig"), key.sign(data), lock)
            out.append(head)
            last = head
    return out


def _last(home: Home, store: ObjectStore) -> Head | None:
    """The last head that is signed by a key we believe. Raises ChainBroken where the last signed one is not ours."""
    trusted = keys.trusted(home)
    for number in reversed(heads.numbers(store)):
        data = heads.whole(store, heads.name(number, "head.json")) or b""
        signature = heads.whole(store, heads.name(number, "head.sig"))
        if signature is None:
            continue  # a try was killed before signing; it is checked and finished
        try:
            head = Head.loads(data)
        except ValueError as e:
            raise ChainBroken(f"{heads.name(number, 'head.json')}: {e}") from e
        if head.number != number or not heads.signed_by(data, signature, trusted.get(head.key)):
            raise ChainBroken(
                f"{heads.name(number, 'head.sig')}: 签名无效或密钥不被信任 / not signed by a key we believe"
            )
        return head
    return None


def _require(conn: Connection, last: Head | None) -> None:
    if last is not None and chain.digest_of(conn, last.seq) != last.digest:
        raise ChainBroken(f"事件 / event {last.seq} ≠ {heads.name(last.number, 'head.json')}")


def spread(store: ObjectStore, other: ObjectStore, lock: Lock | None) -> int:
    """Copy to another replica what it lacks of the chain; how many objects. Raises ClientError, BotoCoreError, and KeyTaken
    where it holds something else under one of the names."""
    there = {key for key, _ in other.listing(heads.PREFIX)}
    lacking = [key for key, _ in store.listing(heads.PREFIX) if key not in there]
    for key in lacking:
        sha256, size = store.digest(key)
        with tempfile.TemporaryFile() as file:
            for piece in store.stream(key):
                file.write(piece)
            file.seek(0)
            other.put_once(key, file, sha256, size, lock=lock)
    return len(lacking)


def lock_of(rules: Iterable[LockRule], as_of: dt.datetime) -> Lock | None:
    """The lock of the chain's own objects: the strictest mode and the longest time that the policy has for any package."""
    asked = [r for r in rules if r.mode != "none"]
    if not asked:
        return None
    mode = "COMPLIANCE" if any(r.mode == "compliance" for r in asked) else "GOVERNANCE"
    years = max(max(r.permanent_years, r.years or 0) for r in asked)
    return Lock(mode, dt.datetime(as_of.astimezone(CST).year + 1 + years, 1, 1, tzinfo=CST))


def _next(
    conn: Connection, store: ObjectStore, last: Head | None, tail: int, as_of: str, key_id: str, lock: Lock | None
) -> Head:
    """The head after ``last``, its events file and itself in the store, unsigned yet."""
    number, first = (last.number + 1, last.seq + 1) if last else (1, 1)
    name = heads.name(number, "events.jsonl")
    left = _left_behind(store, number)
    end = left if left is not None else min(tail, first + _MOST - 1)
    with tempfile.TemporaryFile() as file:
        sha256, size, digest = _write(conn, file, first, end)
        file.seek(0)
        try:
            store.put_once(name, file, sha256, size, lock=lock)
        except KeyTaken as e:
            raise ChainBroken(f"{name} 与台账不符 / is not what the ledger says") from e
    head = Head(number, end, digest, first, sha256, size, last.sha256 if last else None, as_of, key_id)
    return _put_head(store, head, lock)


def _left_behind(store: ObjectStore, number: int) -> int | None:
    """The last event of the file that a killed try left for this head, None where there is none."""
    if store.size(heads.name(number, "events.jsonl")) is None:
        return None
    try:
        seqs = [int(e["seq"]) for e in heads.events(store, number)]
    except ValueError as e:
        raise ChainBroken(f"{heads.name(number, 'events.jsonl')}: {e}") from e
    return seqs[-1] if seqs else 0


def _write(conn: Connection, file: IO[bytes], first: int, end: int) -> tuple[str, int, str]:
    """The events ``first``…``end`` as lines; returns SHA-256, size, and the last event's digest."""
    sha256, size, seq, digest = hashlib.sha256(), 0, first - 1, ""
    for event in chain.events(conn, first, end):
        text = heads.line(event)
        sha256.update(text)
        size += file.write(text)
        seq, digest = event["seq"], event["digest"]
    if seq != end:
        raise ChainBroken(
            f"台账止于事件 {seq}，应有 {end} / the ledger ends at event {seq}, {end} were left in the store"
        )
    return sha256.hexdigest(), size, digest


def _put_head(store: ObjectStore, head: Head, lock: Lock | None) -> Head:
    """Put the head, or take the one that a killed try left if it says the same of the chain (its night may be another)."""
    name, data = heads.name(head.number, "head.json"), head.dumps()
    try:
        heads.put(store, name, data, lock)
    except KeyTaken as e:
        try:
            there = Head.loads(heads.whole(store, name) or b"")
        except ValueError:
            raise ChainBroken(f"{name} 不是链头 / is no head") from e
        if (there.seq, there.digest, there.events_sha256, there.previous, there.key) != (
            head.seq, head.digest, head.events_sha256, head.previous, head.key
        ):  # fmt: skip
            raise ChainBroken(f"{name} 与台账不符 / is not what the ledger says") from e
        return there
    return head
