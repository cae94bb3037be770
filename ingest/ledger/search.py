"""What records are searched by: grams of their numbers and titles, keyed digests of applicants, codes of findings.

A record's line is derived from its row and written with it, in the same transaction. Both back ends answer alike: the line is cut
into overlapping grams here (two characters of Chinese, five of Latin letters and digits: three digits stand in every tenth number),
so no back end's idea of a word, no
locale and no extension has a part in it (docs/decisions/0017). PostgreSQL keeps the grams in a tsvector under GIN, SQLite in FTS5.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from ingest.ledger.tables import record, record_finding
from ingest.model import CST

# column of the record → the sign of its field in the line: none that a normal text can have
FIELDS = {
    "case_no": "?",
    "archival_code": "@",
    "electronic_record_code": "[",
    "matter_code": "]",
    "delivery": "^",
    "applicant": "{",
    "title": "`",  # always there and the last, so that "somewhere in the title" is from its sign on
}
WRITTEN = frozenset(FIELDS) | {"title_masked", "applicant_keys", "findings"}  # a change of these changes the line
LONGEST = 100  # characters of one term; what is longer is no number and no title
_LINE = 4000  # characters of one field that are searched
_MASK = "*"
_GRAVITY = ("info", "remark", "hold", "reject")
_KEY_SIGN, _KEY_SIGNS = "~", str.maketrans("0123456789abcdef", "!#$&()+,-./:;<=>")  # so that no text finds a digest

# PostgreSQL: record_search(entered primary key, line, grams tsvector); SQLite: an FTS5 table of the same, by rowid
_SEARCH = sa.table("record_search", sa.column("entered"), sa.column("rowid"), sa.column("line"), sa.column("grams"))
_LIVE = (record.c.id, record.c.entered, record.c.agency, record.c.findings, record.c.applicant_keys, record.c.title_masked,
         *(record.c[name] for name in FIELDS))  # fmt: skip


def day(as_of: str) -> str:
    """The calendar day in China of a logical time, YYYY-MM-DD."""
    return dt.datetime.fromisoformat(as_of).astimezone(CST).date().isoformat()


def normal(text: str) -> str:
    """A text as it is searched: letters and digits only, of one width and case. ``T001-ZY·XK`` and ``t001zyxk`` are the same."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


# ------------------------------------------------------------------------------------------------ asking


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """One thing that a line must have: a text anywhere (``field`` None), somewhere in the title, or at the beginning of another
    field; or instead of it one of ``keys``, the keyed digests of what may be an applicant."""

    text: str
    field: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def normal(self) -> str:
        return normal(self.text[:LONGEST])

    @property
    def empty(self) -> bool:
        return not self.normal and not self.keys

    @property
    def beginning(self) -> str:
        """The text with what stands before it where it must begin a field."""
        return self.normal if self.field in (None, "title") else f"\n{FIELDS[self.field]}{self.normal}"


def join(dialect: str) -> tuple[Any, Any]:
    """The table of lines and its column that equals ``record.entered``."""
    return _SEARCH, _SEARCH.c.rowid if dialect == "sqlite" else _SEARCH.c.entered


def reading(dialect: str, terms: Sequence[Term]) -> sa.ColumnElement[bool]:
    """That a line has all ``terms`` (none of them empty), by looking at it as it stands: for few lines, or common terms."""
    return sa.and_(*(sa.or_(*_exact(dialect, term)) for term in terms))


def matching(dialect: str, terms: Sequence[Term], agency: str | None = None) -> sa.ColumnElement[bool]:
    """The same, narrowed down by grams before it is looked at: for all lines, and terms that few of them have."""
    words = _Words(dialect)
    asked = [words.of(term) for term in terms] + ([words.word(_agency(agency))] if agency else [])
    whole = words.both.join(f"({one})" for one in asked)
    if dialect == "sqlite":
        found: Any = sa.literal_column("record_search").op("MATCH")(whole)
    else:
        found = _SEARCH.c.grams.op("@@")(sa.cast(sa.literal(whole), postgresql.TSQUERY))
    return sa.and_(found, reading(dialect, terms))


def _exact(dialect: str, term: Term) -> Iterator[sa.ColumnElement[bool]]:
    """By position, not LIKE: of LIKE a planner believes that hardly any line has it, and chooses badly for common words."""
    at = sa.func.instr if dialect == "sqlite" else sa.func.strpos
    line: Any = _SEARCH.c.line
    if term.normal:
        where = sa.func.substr(line, at(line, f"\n{FIELDS['title']}")) if term.field == "title" else line
        yield at(where, term.beginning) > 0
    for key in term.keys:
        yield at(line, f"\n{_key(key)}\n") > 0


class _Words:
    """The two dialects of asking for grams."""

    def __init__(self, dialect: str) -> None:
        self._sqlite = dialect == "sqlite"
        self.both, self.either = (" AND ", " OR ") if self._sqlite else (" & ", " | ")

    def word(self, gram: str, prefix: bool = False) -> str:
        shown = f'"{gram}"' if self._sqlite else f"'{gram}'"
        return shown + ("" if not prefix else "*" if self._sqlite else ":*")

    def of(self, term: Term) -> str:
        ways = [self.word(f"p_{key}") for key in term.keys]
        if text := term.normal:
            whole = _cover(text)
            first = self.word(_ascii(text), prefix=True)  # shorter than a gram: what begins with it
            ways.append(self.both.join(self.word(g) for g in whole) if whole else first)
        return self.either.join(f"({way})" for way in ways)


# ------------------------------------------------------------------------------------------------ writing


def index(conn: Connection, ids: Iterable[str]) -> None:
    """Write the lines and finding codes of these records as their rows now stand."""
    todo = list(dict.fromkeys(ids))
    for at in range(0, len(todo), 500):
        rows = conn.execute(sa.select(*_LIVE).where(record.c.id.in_(todo[at : at + 500]))).mappings().all()
        _write(conn, rows)


def catch_up(conn: Connection, most: int = 2000) -> int:
    """Number and index up to ``most`` records that stand in no line yet (of a ledger made before, or rebuilt), in the order in
    which they came; returns how many there were. The caller holds the chain's head, so no number is given twice."""
    order = (sa.func.coalesce(record.c.received_as_of, record.c.as_of), record.c.batch_id, record.c.position)
    rows = conn.execute(
        sa.select(record.c.id, order[0].label("as_of")).where(record.c.entered.is_(None)).order_by(*order).limit(most)
    ).all()
    if rows:
        first = following(conn)
        numbered = [{"of": r.id, "entered": first + n, "entered_on": day(r.as_of)} for n, r in enumerate(rows)]
        conn.execute(sa.update(record).where(record.c.id == sa.bindparam("of")), numbered)
        index(conn, [r.id for r in rows])
    return len(rows)


def following(conn: Connection) -> int:
    """The number of the next record to enter."""
    return int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(record.c.entered), 0))).scalar_one()) + 1


def _write(conn: Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    entered = [{"entered": row["entered"]} for row in rows]
    codes = [
        {"code": code, "entered": row["entered"], "severity": severity}
        for row in rows
        for code, severity in sorted(_gravest(row["findings"]).items())
    ]
    gone = sa.delete(record_finding).where(record_finding.c.entered == sa.bindparam("entered"))
    if entered:
        conn.execute(gone, entered)
        put = _PUT[conn.dialect.name]
        if conn.dialect.name == "sqlite":  # FTS5 knows no upsert
            conn.execute(sa.text("DELETE FROM record_search WHERE rowid = :entered"), entered)
        conn.execute(
            put, [{"entered": row["entered"], **dict(zip(("line", "grams"), line(row), strict=True))} for row in rows]
        )
    if codes:
        conn.execute(sa.insert(record_finding), codes)


def _gravest(findings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for f in findings:
        out[f["code"]] = max(out.get(f["code"], "info"), f["severity"], key=_GRAVITY.index)
    return out


_PUT = {
    "sqlite": sa.text("INSERT INTO record_search (rowid, line, grams) VALUES (:entered, :line, :grams)"),
    "postgresql": sa.text(
        "INSERT INTO record_search (entered, line, grams) VALUES (:entered, :line, array_to_tsvector(string_to_array(:grams, ' ')))"
        " ON CONFLICT (entered) DO UPDATE SET line = excluded.line, grams = excluded.grams"
    ),
}


def line(row: Mapping[Any, Any]) -> tuple[str, str]:
    """A record's line and its grams, separated by blanks. Of a title with a person's name only what is shown is searched."""
    fields = {name: row[name] or "" for name in FIELDS} | {"title": row["title_masked"] or row["title"] or ""}
    if _MASK in fields["applicant"]:
        fields["applicant"] = ""  # what is left of a masked name is nobody's name
    texts = {FIELDS[name]: normal(text[:_LINE]) for name, text in fields.items()}
    keys = row["applicant_keys"] or []
    grams = {gram for text in texts.values() for gram, _ in _cut(text)}
    grams |= {f"p_{key}" for key in keys} | {_agency(row["agency"])}
    title = FIELDS["title"]
    parts = [f"{sign}{text}" for sign, text in texts.items() if text or sign == title] + [_key(key) for key in keys]
    return "\n" + "".join(f"{part}\n" for part in parts), " ".join(sorted(grams))


def _cut(text: str) -> Iterator[tuple[str, bool]]:
    """The grams of a normal text, each in ASCII, and whether it is whole: those at the end are cut short."""
    for at, first in enumerate(text):
        gram = text[at : at + _size(first)]
        yield _ascii(gram), len(gram) == _size(first)


def _cover(text: str) -> list[str]:
    """As few whole grams as cover a text, as far as they can: more say nothing more, and mislead a planner that takes them for
    independent."""
    whole = [
        (at, len(gram))
        for at, gram in ((n, text[n : n + _size(c)]) for n, c in enumerate(text))
        if len(gram) == _size(gram[0])
    ]
    out: list[str] = []
    end = 0
    for n, (at, size) in enumerate(whole):
        if at >= end or (n == len(whole) - 1 and at + size > end):
            out.append(_ascii(text[at : at + size]))
            end = at + size
    return list(dict.fromkeys(out))


def _size(first: str) -> int:
    return 5 if first.isascii() else 2


def _ascii(text: str) -> str:
    """The same for every back end, whatever letters it knows: anything but a–z and 0–9 is written by its number."""
    return "".join(c if c.isascii() else f"x{ord(c):05x}" for c in text)


def _key(key: str) -> str:
    return _KEY_SIGN + key.translate(_KEY_SIGNS)


def _agency(agency: str) -> str:
    return "g_" + "".join(c if c.isascii() and c.isalnum() else f"x{ord(c):05x}" for c in agency)
