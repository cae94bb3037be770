"""The watch: looks from outside, so that it notices too when the scheduler itself is down. Every ten minutes, by the supervisor
of `guidang run` and `guidang servers`, or by `guidang watch` from cron on a cluster."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest import runs
from ingest.alerts.incidents import Alarm, settle
from ingest.alerts.rules import Rules
from ingest.ledger import Ledger
from ingest.ledger.tables import event
from ingest.model import CST
from ingest.settings import ConfigError, Home
from ingest.staging.room import NoRoom, ensure_room

CODES = ("RUN-STALLED", "RUN-LATE", "RUN-MISSED", "DISK-FULL", "LEDGER-AWAY")
_OF_RUNS = CODES[:3]
# what the stages write as they go: looks at the desk, decisions and audits are no progress of a night
_PROGRESS = ("batch", "received", "checked", "filed", "packaged", "deposited", "copied", "acknowledged", "receipt_sent", "failed",
             "stage-failed", "restaged", "held", "released")  # fmt: skip


def look(home: Home, now: dt.datetime) -> list[Alarm]:
    """All that is wrong at ``now`` (aware), settled and told; also returned. Raises ConfigError, OSError."""
    alarms = _disk(home)
    known = set(CODES)
    try:
        with Ledger(home.database_url) as ledger:
            if ledger.exists():
                rules = Rules.of(home)
                with ledger.read() as conn:
                    alarms += _runs(conn, rules, now)
    except sa.exc.DatabaseError as e:
        known -= set(_OF_RUNS)  # of these nothing can be said now
        said = str(e.orig).splitlines() if e.orig is not None else [type(e).__name__]
        alarms.append(Alarm("LEDGER-AWAY", "ledger", said[:1] or [type(e).__name__]))
    settle(home, known, alarms, now)
    return alarms


def _disk(home: Home) -> list[Alarm]:
    try:
        ensure_room(home)
    except NoRoom as e:
        return [Alarm("DISK-FULL", "staging", [str(e)])]
    return []


def _runs(conn: Connection, rules: Rules, now: dt.datetime) -> list[Alarm]:
    latest = runs.latest(conn)
    if latest is None:
        return []  # a house that has never worked misses nothing
    out = []
    begun = dt.datetime.fromisoformat(latest.begun_at).astimezone(CST)
    here = now.astimezone(CST)
    if latest.ended_at is None:
        still = now - max(begun, _progress(conn) or begun)
        if still > dt.timedelta(minutes=rules.stalled_minutes):
            minutes = int(still.total_seconds() // 60)
            out.append(Alarm("RUN-STALLED", latest.id, [f"{minutes} 分钟没有进展 / no progress for {minutes} minutes"]))
        if here > _deadline(begun, rules.end_by):
            out.append(
                Alarm("RUN-LATE", latest.id, [f"应于 {rules.end_by:%H:%M} 前结束 / was to end by {rules.end_by:%H:%M}"])
            )
    today = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if begun < today and here.time() >= rules.begin_by:
        said = f"应于 {rules.begin_by:%H:%M} 前开始；上一次 / was to begin by {rules.begin_by:%H:%M}; the last one: {latest.id}"
        out.append(Alarm("RUN-MISSED", f"{here:%Y-%m-%d}", [said]))
    return out


def _deadline(begun: dt.datetime, end_by: dt.time) -> dt.datetime:
    same_day = begun.replace(hour=end_by.hour, minute=end_by.minute, second=0, microsecond=0)
    return same_day if same_day > begun else same_day + dt.timedelta(days=1)


def _progress(conn: Connection) -> dt.datetime | None:
    newest = sa.select(event.c.at).where(event.c.kind.in_(_PROGRESS)).order_by(event.c.seq.desc()).limit(1)
    at = conn.execute(newest).scalar()
    return None if at is None else dt.datetime.fromisoformat(at)


class Watch(threading.Thread):
    """The watch beside a supervisor: a look every ``seconds``; ``extra`` adds what only the supervisor sees."""

    def __init__(
        self, home: Home, say: Callable[[str], None], extra: Callable[[dt.datetime], None], seconds: float = 600.0
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._home, self._say, self._extra, self._seconds = home, say, extra, seconds
        self._ending = threading.Event()
        self._said: set[tuple[str, str]] = set()

    def run(self) -> None:
        while not self._ending.wait(self._seconds):
            now = dt.datetime.now(dt.UTC)
            try:
                self._extra(now)
                found = {(a.code, a.subject): a.lines[0] for a in look(self._home, now)}
            except (ConfigError, OSError) as e:
                self._say(f"告警未能发出 / alarms could not be told: {e}")
                continue
            for key in found.keys() - self._said:
                self._say(f"{' '.join(key)}: {found[key]} (docs/operations/{key[0]}.md)")
            self._said = set(found)

    def stop(self) -> None:
        self._ending.set()
        self.join(30)
