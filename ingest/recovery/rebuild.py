"""The ledger made again from the store alone: packages, commit marks, and the sealed event chain.

What cannot come back (docs/audit.md): events after the last signed head; records that were on their way (they are taken from
the source again and keep their numbers); the findings' words of rejected records; what machine trouble said.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import sqlalchemy as sa

from ingest.audit import heads
from ingest.ledger import Ledger, Transaction, natures, search
from ingest.ledger.tables import (
    batch,
    chain_head,
    copy,
    event,
    held_decision,
    number,
    opened,
    receipt,
    record,
    sequence,
)
from ingest.metadata import applicant
from ingest.model import DIGITISED, CopyState, Receipt, State
from ingest.recovery import packages
from ingest.recovery.history import History, Told
from ingest.recovery.packages import Found, Unusable
from ingest.schedule.numbers import scopes_of
from ingest.settings import Agency, ConfigError
from ingest.steps import given
from ingest.steps.filing import columns
from ingest.store.objects import ObjectStore

_GROUP = 200
_AT_ONCE = 4  # packages read at the same time: each is a handful of small requests
_LOST = "rebuilt"  # the run of batches that no sealed event tells of
_COUNTED = (batch, record, number, sequence, copy, held_decision, opened, receipt, event)


@dataclasses.dataclass(slots=True)
class Rebuilt:
    """What came back: rows by table, and what could not be used, in words."""

    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    troubles: list[str] = dataclasses.field(default_factory=list)


def rebuild(
    target: Ledger, stores: Mapping[str, ObjectStore], agencies: Mapping[str, Agency], sealed: int, secret: bytes
) -> Rebuilt:
    """Fill the empty ledger ``target`` from the replicas ``stores`` (the first is read, the others only asked for copies).

    ``sealed``: how many signed heads were found good and are to be taken; ``secret``: by which applicants are searched for.
    Raises ConfigError where ``target`` is not empty,
    ClientError and BotoCoreError for trouble with the store; what is wrong with one package is among the troubles.
    """
    target.upgrade()
    store = next(iter(stores.values()))
    with target.begin() as tx:  # one transaction: a rebuild that died leaves an empty ledger
        _require_empty(tx)
        history = History()
        for n in range(1, sealed + 1):
            _take_events(tx, history, store, n)
        tx.chain.reload()
        work = _Rebuild(tx, history, stores, agencies, secret)
        work.run()
        tx.chain.append("rebuilt", None, {"heads": sealed, "rows": work.out.rows, "troubles": len(work.out.troubles)})
    return work.out


def _require_empty(tx: Transaction) -> None:
    for table in (batch, record, number, event):
        if tx.conn.execute(sa.select(sa.exists().select_from(table))).scalar():
            raise ConfigError(
                f"目标台账不是空的（{table.name}），不能重建；请给一个新的库 / the ledger to fill is not empty: name a new database"
            )


def _take_events(tx: Transaction, history: History, store: ObjectStore, head: int) -> None:
    rows = list(heads.events(store, head))
    history.take(rows)
    for at in range(0, len(rows), 1000):
        tx.conn.execute(sa.insert(event), rows[at : at + 1000])
    tx.conn.execute(sa.update(chain_head).values(seq=rows[-1]["seq"], digest=rows[-1]["digest"]))


class _Rebuild:
    """Everything but the events; packages are read and entered a few hundred at a time."""

    def __init__(
        self, tx: Transaction, history: History, stores: Mapping[str, ObjectStore], agencies: Mapping[str, Agency],
        secret: bytes,
    ) -> None:  # fmt: skip
        self._tx, self._history, self._stores, self._agencies = tx, history, stores, agencies
        self._secret = secret
        self._batches: set[str] = set()
        self._numbers: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}  # the case's first version, its filing
        self.out = Rebuilt()

    def run(self) -> None:
        self._enter_batches(self._history.batches.values())
        store = next(iter(self._stores.values()))
        marks = packages.marks(store)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            while some := list(itertools.islice(marks, _GROUP)):
                self._enter([f for f in threads.map(partial(self._find, store), some) if f is not None])
        self._enter_undeposited()
        self._insert(opened, [whole.row for whole in self._history.wholes.values()])
        self._insert(receipt, [whole.receipt for whole in self._history.wholes.values()])
        there = set(self._tx.conn.execute(sa.select(record.c.id)).scalars())
        # of records that did not come back, the question is asked anew
        self._insert(held_decision, [d for d in self._history.decisions.values() if d["record_id"] in there])
        self._enter_numbers()
        while search.catch_up(self._tx.conn):
            pass
        for table in _COUNTED:
            count = sa.select(sa.func.count()).select_from(table)
            self.out.rows[table.name] = self._tx.conn.execute(count).scalar_one()

    def _find(self, store: ObjectStore, mark_key: str) -> Found | None:
        try:
            found = packages.find(store, mark_key)
        except Unusable as e:
            self.out.troubles.append(str(e))
            return None
        told = self._history.records.get(found.mark["record"])
        if told is not None and told.package not in (None, (found.mark["sha256"], found.mark["size"])):
            self.out.troubles.append(
                f"{found.key}: 事件链所记的包与此不同，不予采用 / the event chain tells of another package; this one is not taken"
            )
            return None
        if found.mark["agency"] in self._agencies:
            return found
        self.out.troubles.append(
            f"{found.key}: 机构 {found.mark['agency']} 不在 agencies.json / agency not in agencies.json"
        )
        return None

    def _enter(self, found: Sequence[Found]) -> None:
        now = self._tx.now
        self._enter_batches(
            {"id": f.mark["batch"], "run_id": _LOST, "as_of": f.mark["archived_at"], "created_at": now} for f in found
        )
        rows, held, told_of = [], [], []
        for f in found:
            told = self._history.records.get(f.mark["record"])
            about = applicant.columns(f.record, self._secret) | {"container": told.container if told else None}
            rows.append(row_of(f, told, self._agencies[f.mark["agency"]], now) | about)
            told_of += _receipts(rows[-1], told, now)
            for name, store in self._stores.items():
                row = _copy(f, name, store, told.copies.get(name) if told else None, now)
                if row is not None:
                    held.append(row)
                    if row["state"] != CopyState.PROVED.value:
                        self.out.troubles.append(f"{f.key}: 副本 {name} 已损坏 / the copy in {name} is damaged")
            version = int(f.mark["version"])
            if f.case not in self._numbers or version < self._numbers[f.case][0]:
                self._numbers[f.case] = version, f.filing
        self._insert(record, rows)
        self._insert(copy, held)
        self._insert(receipt, told_of)

    def _enter_batches(self, rows: Iterable[Mapping[str, Any]]) -> None:
        new = {row["id"]: row for row in rows if row["id"] not in self._batches}
        self._batches |= set(new)
        self._insert(batch, list(new.values()))

    def _enter_undeposited(self) -> None:
        """What was rejected, and what was a duplicate; anything else without a package is listed and taken again."""
        known = self._tx.conn.execute(sa.select(record.c.identity, record.c.id)).all()
        by_identity = {row.identity: row.id for row in known}
        there = set(by_identity.values())
        rows, told_of = [], []
        for record_id, told in self._history.records.items():
            if record_id not in there and told.state in (State.REJECTED, State.DUPLICATE) and told.agency is not None:
                as_of = self._history.batches[told.batch]["as_of"]
                rows.append(_undeposited(record_id, told, as_of, by_identity))
                told_of += _receipts(rows[-1], told, self._tx.now)
        self._insert(record, rows)
        self._insert(receipt, told_of)

    def _enter_numbers(self) -> None:
        """Every number that was ever given, of packages and of what the chain tells was filed; none is given twice."""
        given: dict[tuple[str, str], dict[str, Any]] = {}
        for told in self._history.records.values():  # in the order of listing: the first filing is the case's own
            if told.filing is not None and told.agency is not None and told.case_no is not None:
                given.setdefault((told.agency, told.case_no), told.filing)
        for case, (_, filing) in self._numbers.items():
            given.setdefault(case, filing)
        names = ("electronic_record_code", "archival_code")
        rows = [
            {"agency": agency, "case_no": case_no, **{n: filing[n] for n in names}, "filing": filing}
            for (agency, case_no), filing in given.items()
        ]
        self._insert(number, rows)
        last: dict[str, int] = {}
        for filing in given.values():
            for scope, serial in scopes_of(filing["electronic_record_code"], filing["archival_code"]):
                last[scope] = max(last.get(scope, 0), serial)
        self._insert(sequence, [{"scope": scope, "last": serial} for scope, serial in last.items()])

    def _insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows without their empty columns: in a JSON column an empty value and a JSON null are not the same."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            full = {name: value for name, value in row.items() if value is not None}
            alike.setdefault(tuple(sorted(full)), []).append(full)
        for some in alike.values():
            for at in range(0, len(some), _GROUP):
                self._tx.conn.execute(sa.insert(table), some[at : at + _GROUP])


# ------------------------------------------------------------------------------------------------ rows


def row_of(f: Found, told: Told | None, agency: Agency, now: str) -> dict[str, Any]:
    """The ledger's row of a deposited record, from its package, its mark and what the chain tells of it."""
    mark = f.mark
    code, at = (told.receipt or (None, None)) if told else (None, None)
    return {
        "id": mark["record"], "batch_id": mark["batch"], "position": mark["position"], "source": mark["source"],
        "agency": mark["agency"], "delivery": mark["delivery"], "location": "",
        # without its receipt in the chain it is told again: the same receipt twice is better than none
        "state": (State.DEPOSITED if at is None else State.ACKNOWLEDGED).value, "receipt_code": code, "receipt_at": at,
        "as_of": mark["archived_at"], "received_as_of": mark["received_as_of"], "case_no": mark["case_no"],
        "version": mark["version"], "content_digest": mark["content_digest"],
        "identity": f"{mark['agency']}|{mark['case_no']}|{mark['version']}", "findings": mark["findings"],
        "natures": natures.of(mark["findings"]),
        "origin": DIGITISED if f.filing["matched_by"] == given.MATCHED_BY else None,
        "decisions": mark["decisions"], "files": f.files, "filing": f.filing, "package_sha256": mark["sha256"],
        "package_size": mark["size"], "payload_bytes": mark["payload_bytes"], "object_key": f.key,
        "failures": told.failures if told else 0, "updated_at": told.at if told else now,
        **columns(f.filing, f.record, agency),
    }  # fmt: skip


def _undeposited(record_id: str, told: Told, as_of: str, by_identity: Mapping[str, str]) -> dict[str, Any]:
    code, at = told.receipt or (None, None)
    identity = f"{told.agency}|{told.case_no}|{told.version}"
    return {
        "id": record_id, "batch_id": told.batch, "position": told.position, "source": told.source,
        "agency": told.agency, "delivery": told.delivery, "location": "", "container": told.container,
        "state": told.state, "as_of": as_of,
        "received_as_of": as_of, "case_no": told.case_no, "origin": told.origin, "version": told.version,
        "content_digest": told.content_digest, "findings": [], "natures": told.natures, "receipt_code": code, "receipt_at": at,
        "duplicate_of": by_identity.get(identity) if told.state == State.DUPLICATE else None,
        "failures": told.failures, "updated_at": told.at,
    }  # fmt: skip


def _receipts(row: Mapping[str, Any], told: Told | None, now: str) -> list[dict[str, Any]]:
    """What the chain tells of a record's receipts; the last word is owed where it does not tell that it was given."""
    known = dict(told.receipts) if told else {}
    known.setdefault(Receipt.FINAL, {"owed_at": now})
    return [
        {"subject": row["id"], "kind": kind.value, "attempts": int(columns.get("sent_at") is not None), **columns}
        for kind, columns in known.items()
    ]


def _copy(f: Found, name: str, store: ObjectStore, proved_at: str | None, now: str) -> dict[str, Any] | None:
    """What a replica holds of a package. A copy that the chain tells of keeps the time of its proof; any other is read now."""
    versions, state = store.versions(f.key), CopyState.PROVED
    if not versions:
        return None
    try:
        version = packages.deposited(store, f.mark)
        if proved_at is None and store.digest(f.key, version) != (f.mark["sha256"], f.mark["size"]):
            state = CopyState.DAMAGED
    except Unusable:
        version, state = versions[-1], CopyState.DAMAGED
    mode, until = store.retention(f.key, version)
    return {
        "object_key": f.key, "replica": name, "record_id": f.mark["record"], "version_id": version,
        "sha256": f.mark["sha256"], "size": f.mark["size"], "state": state.value, "deposited_at": proved_at or now,
        "verified_at": proved_at or now, "lock_mode": mode.lower() if mode else None,
        "retain_until": until.isoformat() if until else None, "legal_hold": store.held(f.key, version),
    }  # fmt: skip
