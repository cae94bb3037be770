"""The signed heads of the event chain as they stand in the store, below ``chain/``: one for each night that had events.

    chain/00000001.events.jsonl   the night's events, one canonical JSON object a line, exactly as they were digested
    chain/00000001.head.json      what is signed: the last event's number and digest, the digest of the events file, and the
                                  digest of the head before
    chain/00000001.head.sig       Ed25519 over head.json (64 bytes, raw)
    chain/00000001.head.tsr       RFC 3161 answer over head.json, where a time-stamping authority is configured
    chain/keys/<id>.pem           the public keys

Whoever holds only the store can follow the chain with public tools (docs/audit.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest.store.locks import Lock
from ingest.store.objects import ObjectStore
from sip import canonical

PREFIX = "chain/"
SCHEMA = "guidang.chain-head/1.0"
_HEAD_KEY = re.compile(r"chain/(\d{8})\.head\.json")
MAX_HEAD = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """One signed head. ``previous`` is the SHA-256 of the head before (None for the first); ``first``…``seq`` are the events
    in its file, whose SHA-256 and size are ``events_sha256`` and ``events_size``; ``key`` names the key that signs."""

    number: int
    seq: int
    digest: str
    first: int
    events_sha256: str
    events_size: int
    previous: str | None
    as_of: str
    key: str

    def dumps(self) -> bytes:
        return canonical.dumps({"schema": SCHEMA, **dataclasses.asdict(self)})

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.dumps()).hexdigest()

    @classmethod
    def loads(cls, data: bytes) -> Head:
        """Raises ValueError for what is no head, or is one in another spelling than the one that is signed."""
        given = json.loads(data.decode("utf-8"))
        if not isinstance(given, dict) or given.pop("schema", None) != SCHEMA:
            raise ValueError(f"not a {SCHEMA}")
        try:
            head = cls(**given)
        except TypeError as e:
            raise ValueError(str(e)) from e
        if head.dumps() != data:
            raise ValueError("not canonical")
        return head


def name(number: int, what: str) -> str:
    """The key of one of a head's objects; ``what`` is events.jsonl, head.json, head.sig or head.tsr."""
    return f"{PREFIX}{number:08d}.{what}"


def key_name(key_id: str) -> str:
    return f"{PREFIX}keys/{key_id}.pem"


def numbers(store: ObjectStore) -> list[int]:
    """The numbers of all heads in the store, rising."""
    found = (_HEAD_KEY.fullmatch(key) for key, _ in store.listing(PREFIX))
    return sorted(int(m[1]) for m in found if m)


def whole(store: ObjectStore, key: str, limit: int = MAX_HEAD) -> bytes | None:
    """A small object's bytes, None where there is none. ValueError for one over ``limit``: ours never are."""
    size = store.size(key)
    if size is None:
        return None
    if size > limit:
        raise ValueError(f"{key}: {size} bytes")
    return b"".join(store.stream(key))


def put(store: ObjectStore, key: str, data: bytes, lock: Lock | None = None) -> None:
    """Put a small object under its name, once. Raises KeyTaken where other bytes stand there."""
    store.put_once(key, data, hashlib.sha256(data).hexdigest(), len(data), lock=lock)


def signed_by(head: bytes, signature: bytes | None, key: Ed25519PublicKey | None) -> bool:
    if signature is None or key is None:
        return False
    try:
        key.verify(signature, head)
    except InvalidSignature:
        return False
    return True


def line(event: Mapping[str, Any]) -> bytes:
    """One event as its line in an events file: the digested body with its digest."""
    return canonical.dumps(
        {"seq": event["seq"], "at": event["at"], "kind": event["kind"], "record": event["record_id"],
         "detail": event["detail"], "prev": event["prev"], "digest": event["digest"]}
    )  # fmt: skip


def events(store: ObjectStore, number: int) -> Iterator[dict[str, Any]]:
    """The events of one head, as rows of the ledger's event table. ValueError for a line that is no event."""
    rest = b""
    for piece in store.stream(name(number, "events.jsonl")):
        *full, rest = (rest + piece).split(b"\n")
        for text in full:
            yield _row(text)
    if rest:
        raise ValueError("the last event is cut off")


def _row(text: bytes) -> dict[str, Any]:
    given = json.loads(text.decode("utf-8"))
    if not isinstance(given, dict) or set(given) != {"seq", "at", "kind", "record", "detail", "prev", "digest"}:
        raise ValueError("not an event")
    return {**{k: v for k, v in given.items() if k != "record"}, "record_id": given["record"]}
