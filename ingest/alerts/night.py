"""At a run's end: what the machine left undone, by the alarm of its cause; and which sources were away."""

from __future__ import annotations

import datetime as dt

from ingest.alerts.incidents import Alarm, settle
from ingest.ledger import Ledger
from ingest.report import NightReport
from ingest.rerun.listing import undone
from ingest.settings import Home
from ingest.trouble import causes

CODES = frozenset({"RUN-UNDONE", "SOURCE-AWAY", "STORE-AWAY", "CODE-CHANGED"})


def settle_night(home: Home, ledger: Ledger, night: NightReport, now: dt.datetime) -> list[Alarm]:
    """Tell of what is undone in the whole ledger, and of this run's absent sources; what is mended by now is over."""
    by_code: dict[tuple[str, str], list[str]] = {}
    for agency, why in night.away.items():
        by_code.setdefault(("SOURCE-AWAY", agency), []).append(why)
    for line in undone(ledger):
        cause = causes().get(line.cause)
        if cause is None or cause.alarm not in CODES:
            continue
        for agency, count in line.agencies.items():
            subject = agency if cause.alarm == "SOURCE-AWAY" else line.cause
            words = f"{line.cause} {agency} {count} 件 / records: {line.example}"
            by_code.setdefault((cause.alarm, subject), []).append(words)
    if left := night.unfinished - sum(night.failed.values()):
        by_code[("RUN-UNDONE", "not reached")] = [f"{left} 件没有处理到 / records were not reached: {night.run_id}"]
    alarms = [Alarm(code, subject, lines) for (code, subject), lines in by_code.items()]
    settle(home, CODES, alarms, now)
    return alarms
