"""The figures of 业务建设评价 in one place: rates, calendars, schedules in force, findings, holdings; as JSON and as a workbook."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingest.inspection import book
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import schedule_version
from ingest.lists.calendar import Falling, calendar
from ingest.lists.closed import ClosedCases
from ingest.lists.digitised import digitisation_rate
from ingest.lists.due import Kind
from ingest.lists.holdings import HoldingsPlan
from ingest.lists.rate import Rate
from ingest.lists.rates import Period, archiving_rate, pass_rate
from ingest.lists.ratesform import form as rates_form
from ingest.model import CST
from ingest.settings import Agency, Home
from sip.forms import Column, Form, Notes, Table

SCHEMA = "guidang.indicators/1.0"


@dataclasses.dataclass(frozen=True, slots=True)
class Indicators:
    """What was counted at ``at`` (aware), when the event chain ended with ``event``.

    ``with_schedule`` of ``agencies`` have a 三合一 version in force; ``findings`` are numbers by 销账状态, ``late`` over their day.
    """

    at: dt.datetime
    event: int
    archiving: Sequence[Rate]
    passing: Sequence[Rate]
    digitisation: Sequence[Rate]
    transfer: Sequence[Falling]
    opening: Sequence[Falling]
    agencies: int
    with_schedule: int
    findings: Mapping[str, int]
    late: int

    @property
    def day(self) -> str:
        return self.at.astimezone(CST).date().isoformat()

    def overdue(self, falling: Sequence[Falling]) -> int:
        """件 that are over their day and still here."""
        return sum(f.here for f in falling if f.day < self.day)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "at": self.at.isoformat(),
            "event": self.event,
            "archiving": [r.as_json() for r in self.archiving],
            "pass": [r.as_json() for r in self.passing],
            "digitisation": [r.as_json() for r in self.digitisation],
            "transfer": {"overdue": self.overdue(self.transfer), "days": [f.as_json() for f in self.transfer]},
            "opening": {"overdue": self.overdue(self.opening), "days": [f.as_json() for f in self.opening]},
            "schedules": {"agencies": self.agencies, "in_force": self.with_schedule},
            "findings": {**self.findings, "overdue": self.late},
        }


def gather(home: Home, ledger: Ledger, at: dt.datetime, agency: Agency | None = None) -> Indicators:
    """Count everything, of one agency and its fonds or of all. Raises ConfigError where a declaration cannot be read."""
    only, fonds = (agency.id, agency.fonds_no) if agency else (None, None)
    fonds_numbers = {a.fonds_no for a in home.agencies().values()} if fonds is None else {fonds}
    with ledger.read() as conn:
        in_force = set(
            conn.execute(
                sa.select(schedule_version.c.fonds_no).where(schedule_version.c.status == "in_force")
            ).scalars()
        )
        counts = book.counts(conn, only)
        late = book.late(conn, at.astimezone(CST).date().isoformat(), only)
        event = chain.head(conn).seq
    return Indicators(
        at,
        event,
        archiving_rate(ledger, ClosedCases.of(home), agency=only),
        pass_rate(ledger, Period.YEAR, only),
        digitisation_rate(ledger, HoldingsPlan.of(home), fonds),
        calendar(ledger, Kind.TRANSFER, fonds),
        calendar(ledger, Kind.OPENING, fonds),
        len(fonds_numbers),
        len(fonds_numbers & in_force),
        {status.value: number for status, number in counts.items()},
        late,
    )


def forms(found: Indicators) -> list[Form]:
    """The workbook's sheets: a summary, the three rates, the two calendars."""
    return [
        _summary(found),
        rates_form("归档率 / archived", "archiving", found.archiving),
        rates_form("合格率 / passed the checks", "pass", found.passing),
        rates_form("数字化率 / digitised", "digitisation", found.digitisation),
        _calendar("移交日历", "应移交日", found.transfer, found.day),
        _calendar("开放日历", "应开放日", found.opening, found.day),
    ]


def _summary(found: Indicators) -> Form:
    states = {"open": "未整改", "fixing": "整改中", "to_verify": "待验收", "closed": "已销账"}
    rows: list[list[str | int | None]] = [
        ["有施行“三合一”制度的单位", found.with_schedule, found.agencies],
        ["逾期未移交（件）", found.overdue(found.transfer), sum(f.here for f in found.transfer)],
        ["已满开放年限未移交（件）", found.overdue(found.opening), sum(f.here for f in found.opening)],
        *([f"监督检查问题：{states[s]}", n, None] for s, n in found.findings.items()),
        ["监督检查问题：逾期未销账", found.late, None],
    ]
    for name, rates in (("归档率", found.archiving), ("数字化率", found.digitisation)):
        for unit in dict.fromkeys(r.unit for r in rates):
            of = [r for r in rates if r.unit == unit]
            rows.append([f"{name}（{unit}）", sum(r.numerator for r in of), sum(r.denominator for r in of)])
    columns = [Column("指标", 4), Column("数值或分子", 2), Column("总数或分母", 2)]
    notes = Notes([f"截至 {found.day}，事件链第 {found.event} 号事件。各项规则见各表。"])
    return Form("业务建设评价指标", [Table(columns, rows), notes], sheet="汇总", made_at=found.at)


def _calendar(title: str, head: str, falling: Sequence[Falling], day: str) -> Form:
    columns = [
        Column("全宗", 2),
        Column(head, 2),
        Column("件数", 1),
        Column("已移交", 1),
        Column("尚在本馆（室）", 1),
        Column("逾期", 1),
    ]
    rows: list[list[str | int | None]] = [
        [f.fonds_no, f.day, f.items, f.gone, f.here, "是" if f.here and f.day < day else ""] for f in falling
    ]
    return Form(title, [Table(columns, rows)], sheet=title)
