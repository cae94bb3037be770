"""Legal holds: while one stands, no copy of a package can be deleted, whatever its retention says (诉讼、审计、巡察等保全)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.ledger import Ledger, copies
from ingest.settings import ConfigError, Home
from ingest.store import config
from ingest.store.replicas import open_store
from sip.commit import commit_key


class UnknownPackage(Exception):
    """The ledger knows no deposited package of this key."""


def hold(home: Home, ledger: Ledger, key: str, by: str, why: str) -> list[str]:
    """Put a package under hold in all its replicas, then say so in the chain; returns the replicas.

    The store comes first: after a crash the package is held without an event, never the other way; run it again.
    Raises UnknownPackage, ConfigError where a replica has no Object Lock, ClientError and BotoCoreError.
    """
    known = _known(ledger, key)
    _set(home, key, known, True)
    with ledger.begin() as tx:
        copies.set_hold(tx, key, True)
        tx.chain.append("hold", str(known[0]["record_id"]), {"key": key, "by": by, "why": why})
    return [str(c["replica"]) for c in known]


def release(home: Home, ledger: Ledger, key: str, by: str, why: str) -> list[str]:
    """End a hold: the decision is chained first, then the stores are told, then the ledger notes that it is done.

    After a crash the package may be held still; run it again. Raises as `hold`.
    """
    known = _known(ledger, key)
    with ledger.begin() as tx:
        tx.chain.append("hold-released", str(known[0]["record_id"]), {"key": key, "by": by, "why": why})
    _set(home, key, known, False)
    with ledger.begin() as tx:
        copies.set_hold(tx, key, False)
    return [str(c["replica"]) for c in known]


def _known(ledger: Ledger, key: str) -> list[Mapping[str, Any]]:
    with ledger.read() as conn:
        known = copies.of_key(conn, key)
    if not known:
        raise UnknownPackage(
            f"台账中没有这个包：{key}；对象键形如 T001/ZY-XK/2024/<电子文件号>/v1.zip / the ledger knows no such package"
        )
    return known


def _set(home: Home, key: str, known: list[Mapping[str, Any]], on: bool) -> None:
    replicas = {r.name: r for r in config.plan(home).replicas}
    if gone := sorted(str(c["replica"]) for c in known if c["replica"] not in replicas):
        raise ConfigError(
            f"副本 {', '.join(gone)} 有这个包，但已不在 config/store.json 中，无法保全；请恢复其配置"
            f" / {', '.join(gone)} hold this package but are no longer configured"
        )
    stores = [(open_store(home, replicas[str(c["replica"])]), c["version_id"]) for c in known]
    for store, _ in stores:
        if not store.able.object_lock:
            raise ConfigError(
                f"副本 {store.name} 的桶没有对象锁定，不能保全；请用 `guidang store init` 建带锁定的桶"
                f" / the bucket of {store.name} has no Object Lock, so no holds: make one with `guidang store init`"
            )
    for store, version in stores:
        store.hold(key, version, on)
        store.hold(commit_key(key), None, on)
