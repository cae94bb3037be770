"""归档率 and 合格率, counted by the database from indexed columns: no record's findings or files are read."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger, natures
from ingest.ledger.tables import record
from ingest.lists.closed import ClosedCases
from ingest.lists.rate import Beside, Rate, Words
from ingest.model import State

ARCHIVED = (State.DEPOSITED.value, State.ACKNOWLEDGED.value)
_UNJUDGED = (State.LISTED.value, State.RECEIVED.value, State.DUPLICATE.value)
UNKNOWN = "—"  # a year or matter that is not known, because the delivery could not be read so far


class By(enum.StrEnum):
    """How finely the 归档率 is told."""

    AGENCY = "agency"
    YEAR = "year"  # agency and year of closing
    MATTER = "matter"  # agency, year and 实施编码


class Period(enum.StrEnum):
    """Into which spans of the nights' time the 合格率 is divided; the value is how much of an ISO date names one."""

    ALL = "all"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"


_LENGTH = {Period.ALL: 0, Period.YEAR: 4, Period.MONTH: 7, Period.DAY: 10}
ALL_NATURES = "all"
_PASS_RULE = Words(
    "合格 ÷ 已检测。已检测：四性检测有结论的件（含退回和待定的，不含重复报送）；某一性合格：该性没有退回或待定的问题，备注不算。"
    "按接收之夜的日期归入期间。",
    "passed ÷ judged. Judged: every record that the checks have decided on, also rejected and held ones, no duplicates. Passed in a "
    "nature: no finding of it rejects or holds; remarks do not count. By the night in which it came in.",
)
_ARCHIVED_WORDS = Words(
    "已归档：至少一版已入库的办件，同一办件只计一次。传统载体档案的扫描件不是办件，不计。",
    "Archived: cases of which at least one version is in the store, each counted once. Scans of traditional archives are not cases.",
)
_SHOULD = {
    "delivered": Words(
        "应归档：来源已报送、读得出编号的办件；机构没有申报办结数，没有报来的办件不在分母里。",
        "Should be archived: the cases that were delivered; the agency declared no number of closed cases, so what was never "
        "delivered is not in the denominator.",
    ),
    "declared": Words(
        "应归档：机构申报的办结数（config/closed-cases.json）。",
        "Should be archived: the closed cases that the agency declared (config/closed-cases.json).",
    ),
    "mixed": Words(
        "应归档：申报了办结数的年度或事项取申报数，其余取来源已报送的办件。",
        "Should be archived: the declared number where a year or matter has one, what was delivered elsewhere.",
    ),
}
_RULES = {
    basis: Words(f"已归档 ÷ 应归档。{words.zh}{_ARCHIVED_WORDS.zh}", f"archived ÷ should be archived. {words.en} {_ARCHIVED_WORDS.en}")
    for basis, words in _SHOULD.items()
}  # fmt: skip


def archiving_rate(
    ledger: Ledger, declared: ClosedCases | None = None, by: By = By.AGENCY, agency: str | None = None, year: int | None = None
) -> list[Rate]:  # fmt: skip
    """The 归档率 by agency, and by year of closing and matter where ``by`` asks for it; ``agency`` and ``year`` choose.

    Where ``declared`` tells how many cases were closed in a year (or of a matter in it), that is its denominator; elsewhere it is
    what was delivered. ``of`` has agency, and year and matter_code as far as ``by`` goes (``—`` where not known), and ``basis``:
    declared, delivered or mixed. Scans of traditional archives are no cases and not counted.
    """
    declared = declared or ClosedCases()
    leaves = {key: _Line(0, 0, 0, 0) for key in declared.matters(agency, year)}
    with ledger.read() as conn:
        for row in conn.execute(_cases(agency, year)):
            key = (row.agency, row.year or UNKNOWN, row.matter_code or UNKNOWN)
            leaves[key] = _Line(int(row.archived), int(row.cases), int(row.rejected), int(row.held))
        unread = {r.agency: int(r.deliveries) for r in conn.execute(_unread(agency)) if r.deliveries}
    found = {key: dataclasses.replace(line, closed=declared.of_matter(key)) for key, line in leaves.items()}
    if by is not By.MATTER:
        years = {(a, str(y)): _Line(0, 0, 0, 0) for a, y in declared.years(agency, year)}
        found = years | _summed(found, 2)
        found = {key: dataclasses.replace(line, closed=declared.of_year(key)) for key, line in found.items()}
    if by is By.AGENCY:
        found = _summed(found, 1)
        unread = {a: n for a, n in unread.items() if year is None}
        found = {(a,): _Line(0, 0, 0, 0) for a in unread} | found
    else:
        unread = {}
    return [_archiving(key, line, unread.get(key[0], 0)) for key, line in sorted(found.items())]


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    """Cases of one key, each counted once: ``rejected`` and ``held`` of those not archived; ``closed`` as declared, if at all,
    and ``expected`` the sum of what was declared and, where nothing was, delivered."""

    archived: int
    delivered: int
    rejected: int
    held: int
    closed: int | None = None
    parts: tuple[int, int] = (0, 0)  # of a sum: how many lines with a declaration, and how many without
    expected: int | None = None

    @property
    def should(self) -> int:
        return next(n for n in (self.closed, self.expected, self.delivered) if n is not None)

    @property
    def spread(self) -> tuple[int, int]:
        """How many parts of it have a declaration, and how many have none."""
        if self.closed is not None:
            return 1, 0
        return self.parts if any(self.parts) else (0, 1)

    @property
    def basis(self) -> str:
        known, unknown = self.spread
        return "mixed" if known and unknown else "declared" if known else "delivered"


def _summed(lines: Mapping[tuple[str, ...], _Line], depth: int) -> dict[tuple[str, ...], _Line]:
    out: dict[tuple[str, ...], _Line] = {}
    for key, line in lines.items():
        so_far = out.get(key[:depth], _Line(0, 0, 0, 0, None, (0, 0), 0))
        out[key[:depth]] = _Line(
            so_far.archived + line.archived,
            so_far.delivered + line.delivered,
            so_far.rejected + line.rejected,
            so_far.held + line.held,
            None,
            (so_far.parts[0] + line.spread[0], so_far.parts[1] + line.spread[1]),
            (so_far.expected or 0) + line.should,
        )
    return out


def _cases(agency: str | None, year: int | None) -> sa.Select[Any]:
    """Each case once, in the order of an index that holds all that is asked; then the cases added up."""
    c = record.c
    wanted: list[sa.ColumnElement[bool]] = [
        c.case_no.is_not(None),
        c.state != State.DUPLICATE.value,
        c.origin.is_(None),
    ]
    if agency is not None:
        wanted.append(c.agency == agency)
    case = (
        sa.select(
            c.agency,
            _any(ARCHIVED).label("archived"),
            _any([State.REJECTED.value]).label("rejected"),
            _any([State.HELD.value]).label("held"),
            sa.func.substr(sa.func.max(c.closed_on), 1, 4).label("year"),
            sa.func.max(c.matter_code).label("matter_code"),
        )
        .where(*wanted)
        .group_by(c.agency, c.case_no)
        .subquery()
    )
    keys = (case.c.agency, case.c.year, case.c.matter_code)
    undone = case.c.archived == 0
    asked = sa.select(
        *keys,
        sa.func.count().label("cases"),
        sa.func.sum(case.c.archived).label("archived"),
        sa.func.sum(sa.case((undone & (case.c.held == 1), 1), else_=0)).label("held"),
        sa.func.sum(sa.case((undone & (case.c.held == 0) & (case.c.rejected == 1), 1), else_=0)).label("rejected"),
    )
    if year is not None:
        asked = asked.where(case.c.year == str(year))
    return asked.group_by(*keys)


def _any(states: Sequence[str]) -> sa.ColumnElement[int]:
    """1 where any record of a case stands in one of ``states``, else 0."""
    return sa.func.max(sa.case((record.c.state.in_(states), 1), else_=0))


def _unread(agency: str | None) -> sa.Select[Any]:
    """Deliveries that were refused before a case number could be read in them."""
    c = record.c
    # by what it counts, not by where it looks: so it is answered from the same index as the cases
    rejected = sa.func.sum(sa.case((c.state == State.REJECTED.value, 1), else_=0))
    asked = sa.select(c.agency, rejected.label("deliveries")).where(c.case_no.is_(None))
    return (asked if agency is None else asked.where(c.agency == agency)).group_by(c.agency)


def _archiving(key: tuple[str, ...], line: _Line, unread: int) -> Rate:
    of = dict(zip(("agency", "year", "matter_code"), key, strict=False)) | {"basis": line.basis}
    open_ = [
        Beside("rejected", line.rejected, Words("已退回，尚未补正重报", "returned and not yet sent again")),
        Beside("held", line.held, Words("待定，等人决定", "held: a person must decide")),
        Beside("under_way", line.delivered - line.archived - line.rejected - line.held, Words("处理中", "under way")),
        Beside("not_delivered", line.should - line.delivered, Words("已办结未报送", "closed but never delivered")),
    ]
    excluded = [
        Beside("unreadable", unread, Words("读不出办件编号的报送", "deliveries without a readable case number")),
        Beside("beyond", line.archived - line.should, Words("归档多于申报，申报数须核对", "archived beyond what was declared")),
    ]  # fmt: skip
    return Rate(
        of, "件", line.archived, line.should, _RULES[line.basis],
        excluded=tuple(b for b in excluded if b.count > 0), open=tuple(b for b in open_ if b.count > 0),
    )  # fmt: skip


def pass_rate(
    ledger: Ledger, period: Period = Period.YEAR, agency: str | None = None, since: str | None = None, until: str | None = None
) -> list[Rate]:  # fmt: skip
    """The 合格率 by agency, period and nature, and of all four natures together.

    ``since`` and ``until`` (YYYY-MM-DD, both included) are days of the nights in which records came in. ``of`` has agency, period
    (``2024``, ``2024-05``, …) and nature (authenticity, integrity, usability, safety, all). ``open`` are the held ones.
    """
    c = record.c
    span: sa.ColumnElement[str] = sa.func.substr(c.entered_on, 1, _LENGTH[period]).label("span")
    wanted: list[sa.ColumnElement[bool]] = [c.state.not_in(_UNJUDGED)]
    if agency is not None:
        wanted.append(c.agency == agency)
    if since is not None:
        wanted.append(c.entered_on >= since)
    if until is not None:
        wanted.append(c.entered_on <= until)
    counted = sa.func.count().label("records")
    asked = sa.select(c.agency, span, c.natures, counted).where(*wanted).group_by(c.agency, span, c.natures)
    found: dict[tuple[str, str], dict[str, int]] = {}
    with ledger.read() as conn:
        for row in conn.execute(asked):
            found.setdefault((row.agency, row.span), {})[row.natures] = row.records
    return [rate for key, counts in sorted(found.items()) for rate in _passed(key, counts)]


def _passed(key: tuple[str, str], counts: dict[str, int]) -> Iterator[Rate]:
    agency, span = key
    for nature in (*natures.NATURES, ALL_NATURES):
        at = slice(None) if nature == ALL_NATURES else slice(i := natures.NATURES.index(nature), i + 1)
        passed = sum(n for letters, n in counts.items() if not set(letters[at]) - {natures.PASS})
        held = sum(n for letters, n in counts.items() if _gravest(letters[at]) == natures.HELD)
        open_ = (Beside("held", held, Words("待定，等人决定", "held: a person must decide")),) if held else ()
        of = {"agency": agency, "period": span, "nature": nature}
        yield Rate(of, "件", passed, sum(counts.values()), _PASS_RULE, open=open_)


def _gravest(letters: str) -> str:
    return next((letter for letter in (natures.REJECTED, natures.HELD) if letter in letters), natures.PASS)
