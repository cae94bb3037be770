"""The ledger: the database of records, states, findings, packages, receipts and the event chain.

A record's state changes only through :meth:`Transaction.move`, in one transaction with its event.
SQLite (WAL, synchronous=FULL) and PostgreSQL behave alike: writers stand in a row at the chain's head.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from ingest.ledger import chain, migrate, natures, search, turns
from ingest.ledger.tables import NIGHT, batch, number, opened, receipt, record, rerun_item, sequence
from ingest.model import OWED, Receipt, State

_PATIENCE = 3600.0  # seconds: longer than any stage of a batch takes


class Ledger:
    """One ledger behind one SQLAlchemy URL. Not shared over a fork; cheap to open."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = _engine(url)

    def upgrade(self) -> None:
        """Bring the schema to the newest migration, and into the search what is not in it; does nothing when all is there."""
        migrate.upgrade(self._engine)
        while True:
            with self.read() as conn:
                if conn.execute(sa.select(record.c.id).where(record.c.entered.is_(None)).limit(1)).first() is None:
                    return
            with self.begin() as tx:
                search.catch_up(tx.conn)

    def exists(self) -> bool:
        """Whether there is a ledger behind the URL; looking makes none. Raises OperationalError where its server cannot be asked."""
        database = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and not (database and Path(database).is_file()):
            return False
        return migrate.current(self._engine) is not None

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A writing transaction; its events are chained at the end, all or nothing."""
        with self._engine.begin() as conn:
            tx = Transaction(conn)
            yield tx
            tx.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for reading; takes no write lock."""
        with self._engine.connect().execution_options(guidang_readonly=True) as conn, conn.begin():
            yield conn

    @contextlib.contextmanager
    def turn(self, name: str, patience: float = _PATIENCE) -> Iterator[None]:
        """Hold the turn called ``name`` against all other processes at this ledger. Raises turns.Busy after ``patience`` seconds."""
        with turns.turn(self._engine, name, patience):
            yield

    def records(self, which: str, states: Iterable[State]) -> list[Mapping[str, Any]]:
        """The records of a batch, or of a re-run's share of it, that stand in one of ``states``, in filing order."""
        batch_id, rerun_id = share_of(which)
        chosen = record.c.batch_id == batch_id
        if rerun_id is not None:
            chosen &= record.c.id.in_(sa.select(rerun_item.c.record_id).where(rerun_item.c.rerun_id == rerun_id))
        with self.read() as conn:
            rows = conn.execute(
                sa.select(record)
                .where(chosen, record.c.state.in_([s.value for s in states]))
                .order_by(record.c.position)
            )
            return [dict(r._mapping) for r in rows]


_SHARE = ":"  # between a batch's id and the number of a re-run; no batch id has one


def share_of(which: str) -> tuple[str, int | None]:
    """What a stage is given: a batch, or ``<batch>:<re-run>``, those records of it that a re-run chose."""
    batch_id, _, rerun_id = which.partition(_SHARE)
    return batch_id, int(rerun_id) if rerun_id else None


def share(batch_id: str, rerun_id: int) -> str:
    """A re-run's share of a batch, as a stage is given it."""
    return f"{batch_id}{_SHARE}{rerun_id}"


class Transaction:
    """The things that can be done to the ledger, all within one database transaction."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        self.chain = chain.ChainWriter(conn, self.now)
        self._to_index: list[str] = []
        self._owed: dict[tuple[str, Receipt], None] = {}

    def owe(self, subject: str, *kinds: Receipt) -> None:
        """Note receipts that the producer is to get, or to get again."""
        self._owed |= dict.fromkeys((subject, kind) for kind in kinds)

    def close(self) -> None:
        """Write what waits for the end: the receipts owed, the lines of the search, then the events."""
        if self._owed:
            rows = [{"subject": s, "kind": k.value, "owed_at": self.now, "attempts": 0} for s, k in self._owed]
            self.conn.execute(_OWE[self.conn.dialect.name], rows)
            self._owed = {}
        search.index(self.conn, self._to_index)
        self._to_index = []
        self.chain.close()

    def add_batch(
        self, batch_id: str, run_id: str, as_of: str, records: Sequence[Mapping[str, Any]], lane: str = NIGHT,
        code: str | None = None, contract: int | None = None,
    ) -> None:  # fmt: skip
        """Enter a batch and its listed records; ``code`` and ``contract`` say which code begins it."""
        self.conn.execute(
            sa.insert(batch).values(
                id=batch_id, run_id=run_id, as_of=as_of, created_at=self.now, lane=lane, code=code, contract=contract
            )
        )
        first, day = search.following(self.conn), search.day(as_of)
        self.conn.execute(
            sa.insert(record),
            [
                {"findings": [], "failures": 0, "state": State.LISTED.value, "as_of": as_of, "updated_at": self.now,
                 "batch_id": batch_id, "position": i, "entered": first + i, "entered_on": day, **r}
                for i, r in enumerate(records)
            ],
        )  # fmt: skip
        ids = [r["id"] for r in records]
        self._to_index += ids
        detail = {"batch": batch_id, "run": run_id, "as_of": as_of, "records": ids, "code": code, "contract": contract}
        self.chain.append("batch", None, detail)

    def batches(self, run_id: str) -> int:
        """How many batches a run has so far."""
        count = sa.select(sa.func.count()).select_from(batch).where(batch.c.run_id == run_id)
        return int(self.conn.execute(count).scalar_one())

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these ids the ledger holds already, as records or as deliveries whose records it holds."""
        out: set[str] = set()
        todo = list(ids)
        for start in range(0, len(todo), 500):
            some = todo[start : start + 500]
            for table in (record, opened):
                out |= set(self.conn.execute(sa.select(table.c.id).where(table.c.id.in_(some))).scalars())
        return out

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        """Where these records stand."""
        rows = self.conn.execute(sa.select(record.c.id, record.c.state).where(record.c.id.in_(list(ids))))
        return {r.id: State(r.state) for r in rows}

    def add_opened(self, batch_id: str, delivery_id: str, agency: str, delivery: str, parts: Sequence[str]) -> None:
        """Note a delivery that was found to hold several records (their ids), the first of which stands in ``batch_id``. When all
        have their last word, it gets one as a whole."""
        self.conn.execute(
            sa.insert(opened).values(
                id=delivery_id, batch_id=batch_id, agency=agency, delivery=delivery, records=len(parts)
            )
        )
        detail = {"id": delivery_id, "batch": batch_id, "agency": agency, "delivery": delivery, "records": list(parts)}
        self.chain.append("opened", None, detail)
        self.owe(delivery_id, Receipt.FINAL)

    def move(
        self,
        record_id: str,
        before: Iterable[State],
        after: State,
        kind: str,
        detail: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> bool:
        """Change a record's state with its event; False when it no longer stands in ``before`` (another run was faster).

        What it then owes its producer is noted with it, unless ``columns`` say that it has been answered.
        """
        told = {"state": after.value, **(detail or {})}
        if "findings" in columns:
            columns["natures"] = verdict = natures.of(columns["findings"])
            if verdict != natures.GOOD:  # with the codes, all that the chain keeps of what was found
                told["natures"] = verdict
        owed = OWED.get(after, ()) if columns.get("receipt_at") is None else ()
        if Receipt.FINAL in owed:
            columns |= {"receipt_at": None, "receipt_code": None}
        done = self.conn.execute(
            sa.update(record)
            .where(record.c.id == record_id, record.c.state.in_([s.value for s in before]))
            .values(**{"state": after.value, "updated_at": self.now, "last_error": None, "cause": None} | columns)
        )
        if not done.rowcount:
            return False
        if search.WRITTEN & columns.keys():
            self._to_index.append(record_id)
        self.chain.append(kind, record_id, told)
        self.owe(record_id, *owed)
        return True

    def fail(self, record_id: str, stage: str, error: str, cause: str) -> None:
        """Note machine trouble and the code of its cause; the state stays, so that the next try begins where this one stopped."""
        self.conn.execute(
            sa.update(record)
            .where(record.c.id == record_id)
            .values(failures=record.c.failures + 1, last_error=error[:2000], cause=cause, updated_at=self.now)
        )
        self.chain.append("failed", record_id, {"stage": stage, "cause": cause, "error": error[:200]})

    def fail_all(self, batch_id: str, record_ids: Sequence[str], stage: str, error: str, cause: str) -> None:
        """Note what kept a stage from beginning, on all records that waited for it, as one event: nothing was tried on them."""
        for start in range(0, len(record_ids), 500):
            self.conn.execute(
                sa.update(record)
                .where(record.c.id.in_(record_ids[start : start + 500]))
                .values(last_error=error[:2000], cause=cause, updated_at=self.now)
            )
        detail = {"batch": batch_id, "stage": stage, "cause": cause, "error": error[:200], "records": len(record_ids)}
        self.chain.append("stage-failed", None, detail)

    def next_serial(self, scope: str) -> int:
        """Draw the next number of a sequence; gapless, because it is undone with the transaction."""
        return int(self.conn.execute(_DRAW[self.conn.dialect.name], {"scope": scope}).scalar_one())

    def lift(self, scope: str, to: int) -> None:
        """Let a sequence go on after ``to``: a number that somebody else gave is not to be drawn again."""
        self.conn.execute(_LIFT[self.conn.dialect.name], {"scope": scope, "to": to})

    def owner_of(self, archival_code: str) -> tuple[str, str] | None:
        """The (agency, case number) that a 档号 was given to."""
        asked = sa.select(number.c.agency, number.c.case_no).where(number.c.archival_code == archival_code)
        row = self.conn.execute(asked).one_or_none()
        return None if row is None else (row.agency, row.case_no)

    def numbers(self, cases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """The filings that these (agency, case number) got when they were first filed; later versions keep them."""
        asked = sa.tuple_(number.c.agency, number.c.case_no).in_(list(cases))
        rows = self.conn.execute(sa.select(number.c.agency, number.c.case_no, number.c.filing).where(asked))
        return {(r.agency, r.case_no): dict(r.filing) for r in rows}

    def give_numbers(self, filings: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """Enter the filings of cases that had none, by (agency, case number), once for ever."""
        if not filings:
            return
        rows = [
            {
                "agency": agency,
                "case_no": case_no,
                "electronic_record_code": filing["electronic_record_code"],
                "archival_code": filing["archival_code"],
                "filing": dict(filing),
            }
            for (agency, case_no), filing in filings.items()
        ]
        self.conn.execute(sa.insert(number), rows)


def _draw(insert: Any) -> Any:
    """One statement that opens a sequence or counts it on, and gives the number drawn."""
    first = insert(sequence).values(scope=sa.bindparam("scope"), last=1)
    counted = first.on_conflict_do_update(index_elements=["scope"], set_={"last": sequence.c.last + 1})
    return counted.returning(sequence.c.last)


def _lift(insert: Any) -> Any:
    """One statement that sets a sequence to a number, unless it stands higher."""
    to = sa.bindparam("to", type_=sa.BigInteger)
    first = insert(sequence).values(scope=sa.bindparam("scope"), last=to)
    higher = sa.case((sequence.c.last < to, to), else_=sequence.c.last)
    return first.on_conflict_do_update(index_elements=["scope"], set_={"last": higher})


_LIFT = {"sqlite": _lift(sqlite.insert), "postgresql": _lift(postgresql.insert)}
_DRAW = {"sqlite": _draw(sqlite.insert), "postgresql": _draw(postgresql.insert)}


def _owe(insert: Any) -> Any:
    """One statement that enters a receipt, or makes it owed again."""
    entered = insert(receipt)
    anew = {"owed_at": entered.excluded.owed_at, "sent_at": None, "attempts": 0, "last_error": None}
    return entered.on_conflict_do_update(index_elements=["subject", "kind"], set_=anew)


_OWE = {"sqlite": _owe(sqlite.insert), "postgresql": _owe(postgresql.insert)}


def _engine(url: str) -> Engine:
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _make_sqlite_safe(engine)
    return engine


def _make_sqlite_safe(engine: Engine) -> None:
    """Real transactions, the write lock taken at their start (no deadlock on upgrade), and durability before speed."""

    @sa.event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _: Any) -> None:
        dbapi.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=60000", "foreign_keys=ON"):
            dbapi.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        readonly = conn.get_execution_options().get("guidang_readonly")
        conn.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")
