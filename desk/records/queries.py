"""Lists of records out of the ledger: one indexed question a page, whoever asks sees their own agency's only."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from desk.paging import SIZE, Part, decode, part
from desk.records.asking import Asked, Understood
from desk.roles import User
from ingest.findings import Severity, table
from ingest.ledger import Ledger, search
from ingest.ledger.tables import record, record_finding
from ingest.model import State

COUNTED = 1000  # more than these are not counted, only said to be more
_SHORT = 31  # days
_NEWEST = 10_000  # records that are read through first
_GROUP = 500  # rows of an export that are read at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A record in a list. ``title`` and ``applicant`` are as the ledger shows them: persons' names are masked in both."""

    id: str
    entered: int
    entered_on: str
    state: str
    agency: str
    case_no: str | None
    version: int | None
    title: str | None
    applicant: str | None
    matter_code: str | None
    closed_on: str | None
    archival_code: str | None
    electronic_record_code: str | None
    retention_code: str | None
    codes: tuple[str, ...]  # of findings


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """How many there are; ``more`` when there are more than were counted."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.more else f"{self.number:,}"


_COLUMNS = (
    record.c.id, record.c.entered, record.c.entered_on, record.c.state, record.c.agency, record.c.case_no, record.c.version,
    sa.func.coalesce(record.c.title_masked, record.c.title).label("title"), record.c.applicant, record.c.matter_code,
    record.c.closed_on, record.c.archival_code, record.c.electronic_record_code, record.c.retention_code,
)  # fmt: skip


def page(ledger: Ledger, user: User, what: Understood, after: str | None = None, size: int = SIZE) -> Part[Row]:
    """The newest records that were asked for, those after the cursor."""
    key = decode(after, int)
    with ledger.read() as conn:
        rows = _rows(conn, user, what, int(key[0]) if key else None, size + 1)
    return part(rows, lambda row: (row.entered,), after=after, size=size)


def count(ledger: Ledger, user: User, what: Understood, most: int = COUNTED) -> Count:
    """How many records were asked for, at most ``most``."""
    if what.nothing:
        return Count(0, False)
    one = sa.literal(1).label("one")
    with ledger.read() as conn:
        found = 0
        if most < _NEWEST and _common(conn, what):
            found = _number(conn, _newest(conn, _asked(conn, user, what, one, by_grams=False)), most)
        if found <= most:
            found = _number(conn, _asked(conn, user, what, one), most)
    return Count(min(found, most), found > most)


def _number(conn: Connection, query: sa.Select[Any], most: int) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(query.limit(most + 1).subquery())).scalar_one())


def every(ledger: Ledger, user: User, what: Understood, most: int) -> Iterator[Row]:
    """Up to ``most`` records that were asked for, newest first; few at a time in memory, and no long transaction."""
    before: int | None = None
    while most > 0:
        with ledger.read() as conn:
            rows = _rows(conn, user, what, before, min(_GROUP, most))
        yield from rows
        if len(rows) < _GROUP:
            return
        most, before = most - len(rows), rows[-1].entered


def _rows(conn: Connection, user: User, what: Understood, before: int | None, limit: int) -> list[Row]:
    if what.nothing:
        return []
    found: list[dict[str, Any]] = []
    if _common(conn, what):
        newest = _newest(conn, _asked(conn, user, what, *_COLUMNS, by_grams=False), before)
        found = _taken(conn, newest, record.c.entered, limit)
    if len(found) < limit:
        query, by = _asked(conn, user, what, *_COLUMNS), _order(conn, what)
        found = _taken(conn, query if before is None else query.where(by < before), by, limit)
    codes = _codes(conn, [row["entered"] for row in found])
    return [Row(**row, codes=codes.get(row["entered"], ())) for row in found]


def _taken(conn: Connection, query: sa.Select[Any], by: Any, limit: int) -> list[dict[str, Any]]:
    return [dict(r) for r in conn.execute(query.order_by(by.desc()).limit(limit)).mappings()]


def _common(conn: Connection, what: Understood) -> bool:
    """Whether the newest records are read through before grams are asked. A word that is in every tenth title fills a page in
    no time there, while its grams lead to a hundred thousand lines; SQLite gives rows in order and stops by itself."""
    return bool(what.terms) and conn.dialect.name == "postgresql" and not _few(what)


def _few(what: Understood) -> bool:
    """Whether state or finding alone leave few enough to read: all but what is archived."""
    stopped = (Severity.REJECT, Severity.HOLD)
    return what.asked.state not in ("", State.ACKNOWLEDGED) or any(
        table().get(code, {}).get("severity") in stopped for code in what.codes
    )


def _newest(conn: Connection, query: sa.Select[Any], before: int | None = None) -> sa.Select[Any]:
    end = before if before is not None else search.following(conn)
    entered = search.join(conn.dialect.name)[1]
    return query.where(*(c.between(end - _NEWEST, end - 1) for c in (record.c.entered, entered)))


def _order(conn: Connection, what: Understood) -> Any:
    """By which column a list is ordered: FTS5 gives its rows in the order of its own, if that is asked for."""
    if what.terms and conn.dialect.name == "sqlite":
        return search.join("sqlite")[1]
    days = ((what.asked.came_from, what.asked.came_to), (what.asked.closed_from, what.asked.closed_to))
    # a few days long ago are sorted by themselves: walking back to them passes all that came since
    return record.c.entered + 0 if any(_short(*pair) for pair in days) else record.c.entered


def _short(first: str, last: str) -> bool:
    if not first or not last or first == last:
        return False
    return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days <= _SHORT


def _asked(
    conn: Connection, user: User, what: Understood, *columns: Any, by_grams: bool = True
) -> sa.Select[Any]:  # fmt: skip
    asked, dialect = what.asked, conn.dialect.name
    source: Any = record
    where: list[sa.ColumnElement[bool]] = []
    agencies = [agency for agency in (user.agency, asked.agency) if agency is not None and agency != ""]
    where += [record.c.agency == agency for agency in agencies]
    if what.terms:
        lines, entered = search.join(dialect)
        if dialect == "sqlite":
            where.append(search.matching(dialect, what.terms, agencies[0] if agencies else None))
        elif by_grams and not _few(what):
            # by itself first: a planner that guesses too many would walk through all records instead of asking the index
            fits = search.matching(dialect, what.terms, agencies[0] if agencies else None)
            for join in ("hashjoin", "mergejoin"):  # either reads all records for the few that were found
                conn.execute(sa.text(f"SET LOCAL enable_{join} = off"))
            lines = sa.select(entered).where(fits).cte("found").prefix_with("MATERIALIZED")
            entered = lines.c.entered
        else:
            where.append(search.reading(dialect, what.terms))
        source = lines.join(record, record.c.entered == entered)
    for code in what.codes:
        held = record_finding.alias()
        source = source.join(held, sa.and_(held.c.entered == record.c.entered, held.c.code == code))
    if what.matters:
        where.append(record.c.matter_code.in_(what.matters))
    if asked.state:
        where.append(record.c.state == asked.state)
    for column, first, last in (
        (record.c.entered_on, asked.came_from, asked.came_to), (record.c.closed_on, asked.closed_from, asked.closed_to)
    ):  # fmt: skip
        if first and first == last:  # the index of that day is in the order of the list
            where.append(column == first)
            continue
        where += [column >= first] if first else []
        where += [column <= last] if last else []
    return sa.select(*columns).select_from(source).where(*where)


def _codes(conn: Connection, entered: list[int]) -> dict[int, tuple[str, ...]]:
    """The codes by which records have findings, but for those that are only for information."""
    if not entered:
        return {}
    rows = conn.execute(
        sa.select(record_finding.c.entered, record_finding.c.code)
        .where(record_finding.c.entered.in_(entered))
        .order_by(record_finding.c.entered, record_finding.c.code)
    )
    out: dict[int, tuple[str, ...]] = {}
    for row in rows:
        if table().get(row.code, {}).get("severity") != Severity.INFO:
            out[row.entered] = (*out.get(row.entered, ()), row.code)
    return out


def is_applicant(ledger: Ledger, user: User, key: str) -> bool:
    """Whether a keyed digest is that of some applicant whose record the user may see."""
    what = Understood(Asked(), (search.Term("", keys=(key,)),), ())
    return count(ledger, user, what, most=1).number > 0


def agencies(ledger: Ledger, user: User) -> list[str]:
    """The agencies that one may choose between: those that have records here. One probe of an index each, however many records."""
    if user.agency is not None:
        return [user.agency]
    out: list[str] = []
    with ledger.read() as conn:
        following = sa.select(sa.func.min(record.c.agency))
        name = conn.execute(following).scalar()
        while name is not None and len(out) < 500:
            out.append(str(name))
            name = conn.execute(following.where(record.c.agency > name)).scalar()
    return out
