"""The course of a case: which events happened and when (order rules of GD-1-5: apply ≤ accept ≤ approve ≤ close ≤ deliver)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from typing import Any

from samplenight.model import CST, Event


@dataclasses.dataclass(frozen=True)
class Course:
    """How a case went. ``result`` is the gdbs.bjjgdm code: 0 granted with a paper, 6 closed, 1 sent back, 5 never completed."""

    result: tuple[str, str]
    correction: bool
    special: bool
    times: dict[str, dt.datetime]
    events: tuple[Event, ...]

    def at(self, action: str) -> dt.datetime | None:
        return next((e.at for e in self.events if e.action == action), None)


class _Clock:
    """Office hours: every call moves on, nights and weekends are skipped."""

    def __init__(self, rng: random.Random, start: dt.datetime) -> None:
        self.rng, self.now = rng, start

    def minutes(self, low: int, high: int) -> dt.datetime:
        self.now += dt.timedelta(seconds=self.rng.randrange(low * 60, high * 60))
        return self.now

    def days(self, low: int, high: int) -> dt.datetime:
        day = self.now.date()
        for _ in range(self.rng.randrange(low, high + 1)):
            day += dt.timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
        moment = dt.time(self.rng.randrange(9, 17), self.rng.randrange(60), self.rng.randrange(60))
        self.now = max(self.now + dt.timedelta(minutes=5), dt.datetime.combine(day, moment, CST))
        return self.now


def course(rng: random.Random, matter: dict[str, Any], night: dt.date, plain: bool) -> Course:
    """Draw a course that ends before ``night``. ``plain``: granted, without correction or special procedure."""
    at_once = matter["service_kind"]["code"] == "1"
    outcome = 0.0 if plain or at_once else rng.random()
    if outcome > 0.95:
        result = ("5", "补正不来办结") if outcome > 0.975 else ("1", "退回办结")
    else:
        result = ("0", "出证办结") if matter["licence"] else ("6", "办结")
    correction = result[0] == "5" or (not plain and not at_once and rng.random() < 0.15)
    special = result[0] in "06" and not plain and not at_once and matter["limit_days"] >= 10 and rng.random() < 0.2
    # Two and a half times the legal limit in calendar days leaves room for corrections before the night.
    start_day = night - dt.timedelta(days=12 + int(matter["limit_days"] * 2.5) + rng.randrange(20))
    clock = _Clock(rng, dt.datetime.combine(start_day, dt.time(9, rng.randrange(60), rng.randrange(60)), CST))
    clock.days(1, 1)

    events: list[Event] = []

    def add(
        action: str, text: str, at: dt.datetime, agent: str | None, *roles: str, opinion: str | None = None
    ) -> None:
        mandate = matter["mandate"] if action in ("accept", "reject_accept") else None
        events.append(Event(action, text, at, agent, roles, opinion, mandate))

    add("apply", "申办", clock.now, None, "apply_form", "material", "called_licence", "form_data", "consent")
    add("receive", "收件", clock.minutes(2, 40), "AG2", "receipt_voucher")
    if correction:
        add(
            "correction_notice",
            "补正告知",
            clock.minutes(30, 120),
            "AG2",
            "correction_notice",
            opinion="申请材料不齐全",
        )
        if result[0] == "5":
            add("close", "办结", clock.days(5, 6), "AG2", "termination_notice", opinion="逾期未补正，终止办理")
            return _done(result, True, False, events)
        add("correction_accept", "补正受理", clock.days(1, 2), "AG2", "correction_material")
    if result[0] == "1":
        add("reject_accept", "不予受理", clock.days(1, 2), "AG2", "reject_notice", opinion="不属于本机关职权范围")
        add("close", "办结", clock.minutes(10, 60), "AG2", opinion="退回办结")
        add("deliver", "送达", clock.days(1, 1), "AG2", "delivery_receipt")
        return _done(result, correction, False, events)
    add("accept", "受理", clock.minutes(3, 30), "AG2", "accept_notice")
    if special:
        add("special_start", "特别程序开始", clock.days(1, 1), "AG2", "special_notice", opinion="组织专家评审")
        add("special_end", "特别程序结束", clock.days(1, 2), "AG2", "special_result", opinion="评审通过")
    if at_once:
        add("approve", "批准", clock.minutes(2, 20), "AG3", "decision", opinion="同意")
        add("close", "办结", clock.minutes(1, 10), "AG2", "process_log")
        add("deliver", "送达", clock.minutes(1, 30), "AG2", "delivery_receipt")
        return _done(result, correction, special, events)
    add(
        "review",
        "审核",
        clock.days(1, max(1, matter["limit_days"] // 4)),
        "AG2",
        "approval_form",
        opinion="符合条件，拟同意",
    )
    add("approve", "批准", clock.days(1, max(1, matter["limit_days"] // 4)), "AG3", "approval_form", opinion="同意")
    add("decide", "决定", clock.minutes(5, 60), "AG3", "decision")
    if matter["licence"]:
        add("make_licence", "制证", clock.minutes(5, 60), "AG2", "licence")
    add("close", "办结", clock.minutes(5, 60), "AG2", "process_log")
    add("deliver", "送达", clock.days(1, 1), "AG2", "delivery_receipt")
    return _done(result, correction, special, events)


def _done(result: tuple[str, str], correction: bool, special: bool, events: list[Event]) -> Course:
    first = {e.action: e.at for e in reversed(events)}
    times = {"applied": first["apply"], "closed": first["close"]}
    if "accept" in first:
        times |= {"accepted": first["accept"], "decided": first.get("decide", first["approve"])}
    return Course(result, correction, special, times, tuple(events))
