"""Incidents: one file each below ``alerts/``, so that they outlive processes and need no database; told once, and when over.

Whoever looks at something says with ``settle`` all that is wrong with it now. What is new begins an incident; what is wrong
still says nothing more, unless there is more of it; what is no longer wrong ends it. Several may look at once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.alerts import notify
from ingest.alerts.kinds import kinds
from ingest.settings import Home
from sip import canonical

OPEN, ENDED = "open", "ended"
_LINES = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is wrong now. ``subject`` tells it from others of its code (a run, an agency); ``lines`` are for people;
    ``items`` name its parts where more of them is news."""

    code: str
    subject: str
    lines: Sequence[str]
    items: frozenset[str] = frozenset()


def settle(
    home: Home, codes: Iterable[str], alarms: Sequence[Alarm], now: dt.datetime, subject: str | None = None
) -> None:  # fmt: skip
    """Of these codes exactly these alarms are true at ``now`` (aware), of all subjects or of one: begin and end incidents, and tell.

    What a notifier does not take is noted in the file and tried again at the next call. Raises ConfigError where the notifiers
    are configured wrongly (the files are written before), OSError where the home cannot be written.
    """
    folder = home.root / "alerts"
    if not alarms and not folder.is_dir():
        return
    codes = set(codes)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = now.astimezone(dt.UTC).isoformat(timespec="seconds")
    with _alone(folder):
        there = {path: _read(path) for path in folder.glob("*.json")}
        wrong = {folder / _name(alarm): alarm for alarm in alarms}
        assert {alarm.code for alarm in alarms} <= codes
        for path, alarm in wrong.items():
            before = there.get(path)
            begun = before is not None and before["state"] == OPEN
            there[path] = _more(before, alarm, at) if before is not None and begun else _begin(alarm, at)
            _write(path, there[path])
        for path, incident in there.items():
            asked = incident["what"] in codes and subject in (None, incident["subject"])
            if asked and incident["state"] == OPEN and path not in wrong:
                incident |= {"state": ENDED, "ended_at": at, "told": []}
                _write(path, incident)
        _tell(home, {path: incident for path, incident in there.items() if incident["what"] in codes})


def incidents(home: Home, state: str | None = None) -> list[dict[str, Any]]:
    """The incidents of a home, oldest first; of one ``state`` (open, ended) or all."""
    found = (_read(path) for path in (home.root / "alerts").glob("*.json"))
    return sorted(
        (i for i in found if state in (None, i["state"])), key=lambda i: (i["begun_at"], i["what"], i["subject"])
    )


def _begin(alarm: Alarm, at: str) -> dict[str, Any]:
    kind = kinds()[alarm.code]
    return {
        "schema": "guidang.alert/1.1", "what": alarm.code, "subject": alarm.subject, "state": OPEN, "begun_at": at,
        "ended_at": None, "zh": kind.zh, "en": kind.en, "next": {"zh": kind.next_zh, "en": kind.next_en}, "page": kind.page,
        "count": len(alarm.lines), "lines": list(alarm.lines[:_LINES]), "items": sorted(alarm.items), "told": [],
        "untold": {},
    }  # fmt: skip


def _more(before: dict[str, Any], alarm: Alarm, at: str) -> dict[str, Any]:
    """The incident goes on. It is told again where it has got new parts."""
    known = set(before["items"])
    told = [] if alarm.items - known else before["told"]
    return before | {"count": len(alarm.lines), "lines": list(alarm.lines[:_LINES]), "told": told,
                     "items": sorted(known | alarm.items)}  # fmt: skip


def _tell(home: Home, incidents: dict[Path, dict[str, Any]]) -> None:
    due = {path: i for path, i in incidents.items() if i["state"] == OPEN or not i.get("over")}
    if not due:
        return
    notifiers = notify.notifiers(home)
    for path, incident in due.items():
        before = json.dumps(incident, sort_keys=True)
        for name, send in notifiers.items():
            if name in incident["told"]:
                continue
            try:
                send(_public(incident))
                incident["told"] = [*incident["told"], name]
                incident["untold"].pop(name, None)
            except notify.NotTold as e:
                incident["untold"][name] = str(e)
        if incident["state"] == ENDED and not set(notifiers) - set(incident["told"]):
            incident["over"] = True
        if json.dumps(incident, sort_keys=True) != before:
            _write(path, incident)


def _public(incident: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in incident.items() if name not in ("told", "untold", "items", "over")}


def _name(alarm: Alarm) -> str:
    return f"{alarm.code}-{hashlib.sha256(alarm.subject.encode()).hexdigest()[:12]}.json"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _write(path: Path, incident: dict[str, Any]) -> None:
    temp = path.with_suffix(".tmp")
    with temp.open("wb") as f:
        f.write(canonical.dumps(incident))
        f.flush()
        os.fsync(f.fileno())
    temp.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
