"""Which versions filing uses: those of the ledger, and nothing else.

What an organ had in force before it used this system is put into ``config/schedules/`` and adopted from there once, with an
event, as long as its fonds has no version that was reviewed here. A file changed later changes nothing: it is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy.engine import Connection

from ingest.findings import Finding
from ingest.ledger import Ledger
from ingest.model import CST
from ingest.people import account
from ingest.review import shelf
from ingest.review.desk import Desk
from ingest.review.kept import Ref
from ingest.schedule import Schedule, ScheduleError, ScheduleSet, parse_schedule
from ingest.schedule.review import BEGINNINGS, Refused
from ingest.schedule.rulings import FOLDER as RULINGS
from ingest.schedule.rulings import Ruling, load_rulings
from ingest.settings import Home


def in_use(home: Home) -> ScheduleSet:
    """What filing files by, adopting first what lies new in ``config/schedules/``. Indexed once a process and content.

    Raises ScheduleError where a file contradicts the ledger, or the ledger's rows their events: filing by either would be wrong.
    """
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        adopt_folder(home, ledger)
        with ledger.read() as conn:
            digests = tuple(sorted(head["digest"] for head in shelf.heads(conn)))
    return _indexed(home.database_url, digests, tuple(load_rulings(home.schedules / RULINGS)))


@lru_cache(maxsize=2)
def _indexed(url: str, _digests: tuple[str, ...], rulings: tuple[Ruling, ...]) -> ScheduleSet:
    with Ledger(url) as ledger, ledger.read() as conn:
        return ScheduleSet(shelf.classifying(conn), rulings)


@contextmanager
def open_desk(home: Home) -> Iterator[Desk]:
    """The desk of an installation, with its earlier versions adopted: a draft is compared with what was in force before it.

    Raises ScheduleError where ``config/schedules/`` contradicts the ledger.
    """
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        adopt_folder(home, ledger)
        yield Desk(home, ledger)


def adopt_folder(home: Home, ledger: Ledger) -> list[str]:
    """Take the versions in ``config/schedules/*.json`` that the ledger does not know into it; returns their names.

    Drafts there classify nothing and are left alone. Raises ScheduleError with the findings of all files; then none is taken.
    """
    files = {path: path.read_bytes() for path in sorted(home.schedules.glob("*.json"))}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    with ledger.read() as conn:
        known = shelf.sources(conn, digests.values())
        fresh = [path for path in files if digests[path] not in known]
        new, wrong = _new(conn, {path: files[path] for path in fresh})
    if wrong:
        raise ScheduleError(wrong)
    if not new:
        return []
    who, at = account(), dt.datetime.now(CST)
    names = "、".join(path.name for _, path in new)
    answer = Desk(home, ledger).adopt(
        [(schedule, digests[path]) for schedule, path in new], who, at, f"采用 config/schedules：{names}", f"os:{who}"
    )
    if isinstance(answer, Refused):
        codes = {finding.code for finding in answer.findings}
        if codes == {"REV-KNOWN"}:  # another process adopted them a moment ago
            return adopt_folder(home, ledger)
        raise ScheduleError(answer.findings)
    return [schedule.name for schedule, _ in new]


def _new(conn: Connection, files: dict[Path, bytes]) -> tuple[list[tuple[Schedule, Path]], list[Finding]]:
    """The versions in these files that are to be adopted, and what is wrong with the others."""
    heads = {(head["schedule_id"], head["version"]): head for head in shelf.heads(conn)}
    managed = {head["fonds_no"] for head in heads.values() if head["source_sha256"] is None}
    new: list[tuple[Schedule, Path]] = []
    wrong: list[Finding] = []
    for path, content in files.items():
        try:
            schedule = parse_schedule(content, path.name)
        except ScheduleError as error:
            wrong.extend(error.findings)
            continue
        head = heads.get((schedule.schedule_id, schedule.version))
        if head is not None:
            if head["text_digest"] != schedule.text_digest:
                wrong.append(Finding("REV-KNOWN", path=path.name, params={"schedule": schedule.name}))
        elif schedule.status not in BEGINNINGS["adopt"]:
            continue
        elif schedule.fonds_no in managed:
            params = {"file": path.name, "fonds": schedule.fonds_no}
            wrong.append(Finding("REV-MANAGED", path=path.name, params=params))
        elif any(Ref.of(other) == Ref.of(schedule) for other, _ in new):
            params = {"schedule": schedule.name, "file": path.name}
            wrong.append(Finding("SCH-VERSION-TWICE", path=path.name, params=params))
        else:
            new.append((schedule, path))
    return new, wrong
