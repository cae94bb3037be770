"""An agency's exchange tables EX_GDBS_* in PostgreSQL as source: a closed case is a delivery, its rows are its metadata.

A case is closed when it has a row in EX_GDBS_BJ. It is delivered as the file EX_GDBS_ALL.json, all rows of the case by table,
and its attachments, which stand where the tables say, in a folder or behind SFTP. Receipts go into a table that the agency
makes for us and nobody else writes:

    CREATE TABLE guidang_receipt (name text PRIMARY KEY, receipt text NOT NULL, written_at timestamptz NOT NULL DEFAULT now())
"""

from __future__ import annotations

import datetime as dt
import io
import json
import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ingest.model import CST
from ingest.settings import ConfigError
from ingest.sources import connections
from ingest.sources.base import DONE, DeliveryGone, SourceAway, SourceRefuses
from ingest.sources.trees import Marked, Readable, SteadyFile, Tree, one_part, safe, whole_name

_T = TypeVar("_T")
Tables = dict[str, list[dict[str, str]]]  # a case's rows by table
_PREFIX = "EX_GDBS_"
_ROWS = "EX_GDBS_ALL.json"
_FIRST, _CLOSED = "EX_GDBS_SB", "EX_GDBS_BJ"
_KEY, _VERSION, _TIME = "SBLSH", "VERSION", "BJSJ"
_SECONDS = 30
_STATEMENT_MS = 120_000
_LOCK_MS = 10_000  # what the agency's own work has locked is read at the next try


class ExchangeTree:
    """The exchange tables of one database; ``folder`` is a case, written ``<SBLSH>-v<VERSION>``."""

    def __init__(self, at: connections.Connection, files: Tree, root: str) -> None:
        self._at = at
        self._files = files
        self._root = root
        self._engine = _engine(at)
        self._found: dict[str, sa.Table] = {}

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        # a case is complete when it is closed, and its form is its own
        first, closed = self._table(_FIRST), self._table(_CLOSED)
        last = sa.cast(sa.func.max(closed.c[_TIME]), sa.Text).label("at")  # as text: it may be infinity
        query = sa.select(first.c[_KEY], first.c[_VERSION], last).join(closed, closed.c[_KEY] == first.c[_KEY])
        if since is not None:
            query = query.where(closed.c[_TIME] >= sa.cast(sa.literal(since.isoformat()), closed.c[_TIME].type))
        for row in self._ask(lambda conn: conn.execute(query.group_by(first.c[_KEY], first.c[_VERSION])).all()):
            number, version = row[0], "" if row[1] is None else row[1]
            if number is not None:  # rows that belong to no case
                yield Marked(f"{number}-v{version}", DONE, 0, *_moment(row.at))

    def at(self, folder: str) -> ExchangeCase:
        return ExchangeCase(lambda: self._rows(folder), self._files.at(self._root), self._root)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        table = self._table(folder)
        rows = [{"n": name, "r": data.decode()} for name, data in files.items()]
        new: dict[Any, Any] = {table.c["NAME"]: sa.bindparam("n"), table.c["RECEIPT"]: sa.bindparam("r")}

        def put(conn: Connection) -> None:
            conn.execute(sa.delete(table).where(table.c["NAME"].in_(list(files))))
            conn.execute(sa.insert(table).values(new), rows)

        self._ask(put)

    def close(self) -> None:
        self._engine.dispose()

    def join(self, folder: str, name: str) -> str:
        return one_part(name)

    # -------------------------------------------------------------------------------------------- asking

    def _rows(self, case: str) -> Tables:
        """All rows of a case by table, as they stood at one moment. Raises DeliveryGone when there is no such version."""
        key, _, version = whole_name(case).rpartition("-v")
        self._table(_FIRST)

        def read(conn: Connection) -> Tables:
            return {
                name: [_texts(dict(r._mapping)) for r in conn.execute(sa.select(t).where(t.c[_KEY] == key)).all()]
                for name, t in sorted(self._found.items())
                if name.startswith(_PREFIX) and _KEY in t.c
            }

        tables = {name: sorted(rows, key=_order) for name, rows in self._ask(read).items() if rows}
        if not any(row.get(_VERSION, "") == version for row in tables.get(_FIRST, ())):
            raise DeliveryGone(case)
        return tables

    def _table(self, name: str) -> sa.Table:
        if not self._found:
            self._found = self._ask(self._reflect)
        try:
            return self._found[name.upper()]
        except KeyError:
            raise SourceAway(self._at.id, f"没有表 {name} / there is no table {name}") from None

    def _reflect(self, conn: Connection) -> dict[str, sa.Table]:
        """The tables of the schema by name in capitals, their columns too: PostgreSQL folds what is not quoted."""
        schema = self._at.option("schema") or None
        meta = sa.MetaData(schema=schema)
        listeners = [("column_reflect", _capitals)]
        names = sa.inspect(conn).get_table_names(schema)
        return {n.upper(): sa.Table(n, meta, autoload_with=conn, listeners=listeners) for n in names}

    def _ask(self, work: Callable[[Connection], _T]) -> _T:
        """``work`` in one transaction that sees one moment; once more where another one came between. Raises SourceAway."""
        try:
            try:
                with self._engine.begin() as conn:
                    return work(conn)
            except IntegrityError:  # a receipt that was given up as too slow, and arrived after all
                with self._engine.begin() as conn:
                    return work(conn)
        except SQLAlchemyError as e:
            raise _trouble(self._at.id, e) from None


class ExchangeCase:
    """One case, whose rows are read once: all that is taken of it stood in the tables at one moment."""

    remote = True

    def __init__(self, read: Callable[[], Tables], files: Readable, root: str) -> None:
        self._read = read
        self._files = files
        self._root = root

    @cached_property
    def _tables(self) -> Tables:
        return self._read()

    @cached_property
    def _attachments(self) -> set[str]:
        """Paths below the root, as the rows give them; a path that leads out of it is named as it is and never opened."""
        return {_place(row) for rows in self._tables.values() for row in rows if row.get("ATTACH_NAME")}

    def walk(self, folder: str) -> list[str]:
        return [_ROWS, *sorted(self._attachments)]

    def open(self, folder: str, name: str) -> SteadyFile:
        if name == _ROWS:
            data = json.dumps(self._tables, ensure_ascii=False, sort_keys=True).encode()
            return SteadyFile(io.BytesIO(data), name, lambda: None, lambda e: e)
        if name not in self._attachments:
            raise FileNotFoundError(name)
        try:
            return self._files.open(self._root, safe(name))
        except DeliveryGone as e:  # the root of all attachments: a mount that is away
            raise SourceAway(self._root, e) from e


def _moment(text: str | None) -> tuple[int, str]:
    """A time in the tables (China time where it has no zone) in ns; of what is no time the day the world began, and its text, so
    that the case is delivered all the same and once more when the text changes."""
    try:
        moment = dt.datetime.fromisoformat(text or "")
        return int((moment if moment.tzinfo else moment.replace(tzinfo=CST)).timestamp() * 10**6) * 1000, ""
    except (ValueError, OverflowError):
        return 0, text or "-"


def _trouble(id_: str, error: SQLAlchemyError) -> SourceAway:
    """What is told of an error: its kind and PostgreSQL's code, as its own words may hold rows of persons. Some are not mended by
    asking again: who we are (28…), what we may (42501), which database (3D000)."""
    code = str(getattr(getattr(error, "orig", None), "pgcode", None) or getattr(error, "code", None) or "")
    kind = SourceRefuses if code.startswith("28") or code in ("42501", "3D000") else SourceAway
    return kind(id_, f"{type(error).__name__}: {code}")


def _place(row: Mapping[str, str]) -> str:
    """Where an attachment stands: its path is that of the file in some systems, and of its folder in others."""
    path = row.get("ATTACH_PATH", "").replace("\\", "/").strip("/")
    name = row["ATTACH_NAME"]
    return path if posixpath.basename(path) == name else posixpath.join(path, name)


def _engine(at: connections.Connection) -> Engine:
    url = URL.create(
        "postgresql+psycopg2",
        username=at.login or None,
        password=at.password or None,
        host=at.host,
        port=at.port or 5432,
        database=at.schema,
    )
    try:
        return sa.create_engine(
            url,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": _SECONDS,
                "options": f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_LOCK_MS}",
            },
        )
    except ImportError as e:
        raise ConfigError(
            "缺少 PostgreSQL 驱动：安装 guidang[postgres] / the driver is missing: install guidang[postgres]"
        ) from e


def _capitals(_: object, __: object, column: dict[str, Any]) -> None:
    column["key"] = column["name"].upper()


def _texts(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row as texts by column in capitals; what is null is left out, times are China time."""
    return {k.upper(): _text(v) for k, v in row.items() if v is not None}


def _text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        local = value.astimezone(CST) if value.tzinfo else value
        return local.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def _order(row: Mapping[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """An order of a table's rows that the database does not promise: by their number, else by all they say."""
    return row.get("SEQ", "").zfill(12), sorted(row.items())
