"""How far the schedules reach: agencies with one in force, matters covered, records matched, time from closing to archiving."""

from __future__ import annotations

import dataclasses
import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.schedule.codes import MatterCodes
from ingest.schedule.index import ScheduleIndex
from ingest.schedule.lint import outcome
from ingest.schedule.match import ScheduleSet


@dataclasses.dataclass(frozen=True, slots=True)
class RecordLine:
    """What coverage needs to know of one received record. Dates are None as long as the event has not come."""

    fonds_no: str
    matter_code: str
    matter_name: str
    matched: bool
    closed: dt.date | None
    archived: dt.date | None


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """One fonds. Rates are None where there is nothing to divide by; ``median_days`` is from closing to archiving."""

    fonds_no: str
    name: str
    version: str | None
    approval_no: str | None
    matters: int
    matters_covered: int
    received: int
    matched: int
    median_days: float | None
    uncovered: tuple[str, ...]
    unscheduled: tuple[tuple[str, str, int], ...]

    @property
    def matter_rate(self) -> float | None:
        return self.matters_covered / self.matters if self.matters else None

    @property
    def match_rate(self) -> float | None:
        return self.matched / self.received if self.received else None

    def as_json(self) -> dict[str, Any]:
        rates = {"matter_rate": self.matter_rate, "match_rate": self.match_rate}
        waiting = [{"code": code, "name": name, "records": count} for code, name, count in self.unscheduled]
        return dataclasses.asdict(self) | rates | {"uncovered": list(self.uncovered), "unscheduled": waiting}


def coverage(
    schedules: ScheduleSet,
    agencies: Iterable[Mapping[str, Any]],
    matters: Mapping[str, Iterable[Mapping[str, Any]]],
    records: Iterable[RecordLine],
    day: dt.date,
) -> list[Coverage]:
    """Coverage of each agency's fonds on ``day``, in order of fonds number.

    ``agencies`` are rows of agencies.json; ``matters`` maps a fonds to its on-line 事项 (objects like ``case.matter``);
    ``records`` are all received records of the period. A matter counts as covered if a granted case of it would be filed.
    """
    by_fonds: dict[str, list[RecordLine]] = {}
    for record in records:
        by_fonds.setdefault(record.fonds_no, []).append(record)
    out = []
    for agency in sorted(agencies, key=lambda a: str(a["fonds_no"])):
        fonds = str(agency["fonds_no"])
        schedule = schedules.in_force(fonds, day)
        index = ScheduleIndex(schedule) if schedule else None
        listed = list(matters.get(fonds, ()))
        scheme = agency.get("matter_type_scheme")
        bare = [matter for matter in listed if index is None or not _covered(index, matter, scheme)]
        rows = by_fonds.get(fonds, [])
        waiting = Counter((row.matter_code, row.matter_name) for row in rows if not row.matched)
        days = [(row.archived - row.closed).days for row in rows if row.archived and row.closed]
        out.append(
            Coverage(
                fonds_no=fonds,
                name=str(agency.get("name", fonds)),
                version=schedule.version if schedule else None,
                approval_no=schedule.approval.no if schedule and schedule.approval else None,
                matters=len(listed),
                matters_covered=len(listed) - len(bare),
                received=len(rows),
                matched=sum(row.matched for row in rows),
                median_days=statistics.median(days) if days else None,
                uncovered=tuple(str(matter.get("name", "")) for matter in bare),
                unscheduled=tuple(
                    (*key, count) for key, count in sorted(waiting.items(), key=lambda kv: (-kv[1], kv[0]))
                ),
            )
        )
    return out


def approved_share(lines: Iterable[Coverage]) -> tuple[int, int]:
    """Agencies with an approved version in force, and all agencies: the work plan's first measure."""
    rows = list(lines)
    return sum(row.version is not None for row in rows), len(rows)


def table(lines: Iterable[Coverage]) -> list[list[str]]:
    """The lines as a printed table with its head."""
    head = ["全宗", "单位", "施行版本", "批复文号", "事项覆盖", "归档匹配", "办结至归档（天，中位数）", "待定事项"]
    return [
        head,
        *(
            [
                row.fonds_no,
                row.name,
                row.version or "无",
                row.approval_no or "无",
                _share(row.matters_covered, row.matters),
                _share(row.matched, row.received),
                "—" if row.median_days is None else f"{row.median_days:g}",
                "；".join(f"{name}（{count}件）" for _, name, count in row.unscheduled) or "无",
            ]
            for row in lines
        ),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}（{part / whole:.1%}）" if whole else "—"


def _covered(index: ScheduleIndex, matter: Mapping[str, Any], scheme: str | None) -> bool:
    return outcome(index, MatterCodes.of(matter, scheme), [str(matter.get("name", ""))]) is not None
