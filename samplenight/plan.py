"""Plan the cases of a night: everything about case *i* follows from (seed, i), so workers may make them in any order."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
from functools import cache
from typing import Any

from samplenight import parties
from samplenight.codes import case_number
from samplenight.fonts import HERE
from samplenight.model import Case, Paper
from samplenight.papers import RESULT, Desk
from samplenight.timeline import course

MOST_FILES, FEWEST_FILES = 12, 5


@cache
def agencies() -> dict[str, dict[str, Any]]:
    """The registry's agencies by id."""
    data = json.loads((HERE / "agencies.json").read_text("utf-8"))
    return {a["id"]: a for a in data["agencies"]}


@cache
def matters() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((HERE / "matters.json").read_text("utf-8"))["matters"])


def plan(seed: str, serial: int, night: dt.date, *, result_kind: str | None = None, scheduled: bool = True) -> Case:
    """Case number ``serial`` (1–9999: its last four digits) of the night ``seed``.

    ``result_kind`` makes the case a plain granted one whose decision is a file of that kind (pdf or ofd), which is what a fault
    needs; ``scheduled=False`` takes a matter that stands in no schedule.
    """
    if not 1 <= serial <= 9999:
        raise ValueError("a night has at most 9999 cases: the serial has four digits")
    rng = random.Random(f"{seed}:{night}:{serial}")
    agency_ids = list(agencies())
    wanted = [m for m in matters() if (m["weight"] > 0) == scheduled and (result_kind is None or _slow(m))]
    if scheduled:
        wanted = [m for m in wanted if m["agency"] == agency_ids[serial % len(agency_ids)]]
    matter = rng.choices(wanted, [m["weight"] or 1 for m in wanted])[0]
    agency = agencies()[matter["agency"]]
    region = agency["region_code"]
    party = parties.applicant(rng, region, matter["applicant"])
    clerk = chief = parties.person(rng, region)[0]
    while chief == clerk:  # nobody approves what he examined himself
        chief = parties.person(rng, region)[0]
    staff = ((clerk, "承办人"), (chief, "批准人"))
    way = course(rng, matter, night, plain=result_kind is not None)
    case_no = case_number(matter["implementation_code"], way.times["applied"].date(), serial)
    number = f"{matter['number_prefix']}〔{way.times['closed'].year}〕{serial}号"
    desk = Desk(rng, agency, matter, party, way, case_no, number, staff)
    desk.application()
    desk.process()
    desk.outcome()
    papers = _fit(desk)
    if result_kind:
        papers = [dataclasses.replace(p, kind=result_kind) if p.role == "decision" else p for p in papers]
    return Case(serial, agency, matter, case_no, number, f"关于{party.name}{matter['name']}的办件", party, way.result, staff,
                way.times, way.events, tuple(papers))  # fmt: skip


def _slow(matter: dict[str, Any]) -> bool:
    return bool(matter["service_kind"]["code"] == "2")


def _fit(desk: Desk) -> list[Paper]:
    """Keep the promise of 5 to 12 files: thin cases get their form data and log, rich ones lose what is optional."""
    roles = {p.role for p in desk.made}
    if len(desk.made) < FEWEST_FILES and "form_data" not in roles:
        desk.sent_in("form_data", "A", "申请表单数据", "xml", None, (), False)
    if len(desk.made) < FEWEST_FILES:
        scan = desk.scans(1, 1)
        desk.sent_in(
            "consent", "A", "信用承诺书", "pdf", None, ("申请人承诺守法诚信，如有违反，愿意依法承担责任。",), True, scan
        )
    if len(desk.made) < FEWEST_FILES:
        at = desk.course.times["closed"]
        desk.notice(
            "closing_notice",
            RESULT,
            "B13",
            "办结通知书",
            at,
            (("办结时间", f"{at:%Y-%m-%d}"),),
            ("本件已办结。",),
            "pdf",
        )
    papers = desk.made
    for role in ("process_log", "receipt_voucher", "form_data"):
        if len(papers) > MOST_FILES:
            papers = [p for p in papers if p.role != role]
    order = {"申报文件": 0, "过程文件": 1, "结果文件": 2}
    return sorted(
        papers, key=lambda p: (order[p.group], p.made_at if p.group != "申报文件" else desk.course.times["applied"])
    )
