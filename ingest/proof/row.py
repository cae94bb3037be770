"""The record's row against what cannot be edited unseen: its chained events, and its own package with the commit mark.

The row is made again from the store as `guidang ledger rebuild` would make it, and compared column by column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Connection

from ingest.ledger.tables import number
from ingest.proof.copies import Bytes
from ingest.proof.evidence import Evidence, Outcome, compared
from ingest.proof.subject import Subject
from ingest.recovery import packages
from ingest.recovery.history import History
from ingest.recovery.packages import Unusable
from ingest.recovery.rebuild import row_of
from ingest.settings import Agency
from ingest.store.reading import Reader
from sip import commit

# Where the source found it, what trouble said and when the row was last touched are no facts of the archive.
_NO_FACTS = {"location", "last_error", "failures", "updated_at"}
_MOST = 100
_ROW = ("台账记录行", "The ledger's row")


def compare(
    conn: Connection,
    subject: Subject,
    readers: Mapping[str, Reader],
    found: Sequence[Bytes],
    agencies: Mapping[str, Agency],
) -> list[Evidence]:
    """All that differs, and how much was compared. ``found`` are the bytes that the replicas gave."""
    out = [*_by_chain(subject), *_by_package(subject, readers, found, agencies), *_numbers(conn, subject)]
    if all(e.outcome is not Outcome.BAD for e in out):
        return out
    return sorted(out, key=lambda e: e.outcome is not Outcome.BAD)


# ------------------------------------------------------------------------------------------------ by the chain


_SAID = {  # kind of event → column of the row → name in the event's detail; the last event of the kind counts
    "received": {"agency": "agency", "source": "source", "delivery": "delivery", "case_no": "case_no",
                 "version": "version", "content_digest": "content"},
    "filed": {"filing": "filing"},
    "packaged": {"package_sha256": "sha256", "package_size": "size"},
    "deposited": {"object_key": "key"},
    "acknowledged": {"receipt_code": "receipt"},
}  # fmt: skip


def _by_chain(subject: Subject) -> Iterator[Evidence]:
    count = 0
    differing: list[Evidence] = []
    for kind, columns in _SAID.items():
        event = subject.last(kind)
        if event is None:
            continue
        for column, name in columns.items():
            if name not in event["detail"]:
                continue
            count += 1
            by = f"事件 event #{event['seq']} {kind}"
            differing += _differences("LEDGER-CHAIN", column, event["detail"][name], subject.row[column], by)
    moved = next((e for e in reversed(subject.events) if e["kind"] in _MOVES and "state" in e["detail"]), None)
    if moved is not None:
        count += 1
        by = f"事件 event #{moved['seq']} {moved['kind']}"
        differing += _differences("LEDGER-CHAIN", "state", moved["detail"]["state"], subject.row["state"], by)
    yield from differing[:_MOST]
    if not differing and count:
        what = f"{count} 项 facts"
        yield Evidence(Outcome.GOOD, "LEDGER-CHAIN", "台账记录行与事件链所记相同", "The row says what the chained events say",
                       "record", what, "事件链 event chain", what)  # fmt: skip
    if not count:
        yield Evidence(
            Outcome.UNKNOWN, "LEDGER-CHAIN", "链中没有可供比对的事件", "No event to compare it with", "record"
        )


# events that move a record; others (a fixity check, say) have a state that is not the record's
_MOVES = {
    "received",
    "checked",
    "filed",
    "packaged",
    "deposited",
    "acknowledged",
    "held",
    "released",
    "returned",
    "restaged",
}


# ------------------------------------------------------------------------------------------------ by the package


def _by_package(
    subject: Subject, readers: Mapping[str, Reader], found: Sequence[Bytes], agencies: Mapping[str, Agency]
) -> Iterator[Evidence]:
    key = subject.key
    if key is None or not found:
        yield Evidence(Outcome.UNKNOWN, "LEDGER-PACKAGE", "没有可读的副本，未与包比对",
                       "No copy can be read: not compared with the package", "record")  # fmt: skip
        return
    name = found[0].replicas[0]
    by = f"包与提交标记 package and mark（{name}）"
    history = History()
    history.take({**e, "detail": json.dumps(e["detail"])} for e in subject.events)
    try:
        told = packages.find(readers[name].store, commit.commit_key(key))
        agency = agencies[str(told.mark["agency"])]
    except Unusable as e:
        yield Evidence(
            Outcome.BAD,
            "LEDGER-PACKAGE",
            "包与提交标记不能作为依据",
            "Package and mark do not agree",
            name,
            found=str(e),
        )
        return
    except (KeyError, ClientError, BotoCoreError) as e:
        yield Evidence(
            Outcome.UNKNOWN, "LEDGER-PACKAGE", "未能与包比对", "It could not be compared", name, found=str(e)
        )
        return
    record_id = str(subject.row["id"])
    made = row_of(told, history.records.get(record_id), agency, "")
    differing: list[Evidence] = []
    columns = [c for c in made if c not in _NO_FACTS and c in subject.row]
    for column in columns:
        expected, actual = made[column], subject.row[column]
        if column == "files":
            expected, actual = _unstaged(expected), _unstaged(actual)
        if column == "state" and subject.row["receipt_at"] is None:
            continue  # deposited, no receipt yet, or under way again: the chain tells, not the package
        differing += _differences("LEDGER-PACKAGE", column, expected, actual, by)
        if len(differing) > _MOST:
            break
    yield from differing[:_MOST]
    if not differing:
        what = f"{len(columns)} 列 columns"
        yield Evidence(Outcome.GOOD, "LEDGER-PACKAGE", "台账记录行与由包重建者逐列相同",
                       "The row equals, column by column, the one made again from the package", "record", what, by, what)  # fmt: skip


def _unstaged(files: Any) -> Any:
    """Where a file stood in staging is no fact of the archive."""
    if not isinstance(files, list):
        return files
    return [{**f, "staged": ""} if isinstance(f, dict) else f for f in files]


def _numbers(conn: Connection, subject: Subject) -> Iterator[Evidence]:
    """The numbers given to the case, once for ever."""
    row = subject.row
    if row["electronic_record_code"] is None:
        return
    asked = (number.c.agency == row["agency"], number.c.case_no == row["case_no"])
    given = conn.execute(sa.select(number.c.electronic_record_code, number.c.archival_code).where(*asked)).one_or_none()
    for at, column in enumerate(("electronic_record_code", "archival_code")):
        yield compared("LEDGER-NUMBER", ("编号表所给的号", "The number given in the table of numbers"), column,
                       given[at] if given else None, "台账 number 行 ledger", row[column])  # fmt: skip


# ------------------------------------------------------------------------------------------------ differences


def _differences(code: str, column: str, expected: Any, actual: Any, by: str) -> Iterator[Evidence]:
    """Where two values differ, down into JSON: the column or the pointer into it, with both values."""
    for place, one, other in _walk(f"record.{column}", expected, actual):
        yield Evidence(Outcome.BAD, code, *_EDITED, place, _text(one), by, _text(other))


_EDITED = ("台账记录行与依据不同", "The row differs from what it rests on")


def _walk(place: str, expected: Any, actual: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for name in sorted({*expected, *actual}, key=str):
            yield from _walk(f"{place}/{name}", expected.get(name), actual.get(name))
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for at, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _walk(f"{place}/{at}", one, other)
    elif not _same(expected, actual):
        yield place, expected, actual


def _same(expected: Any, actual: Any) -> bool:
    """Empty is empty, however a JSON column keeps it."""
    return bool(expected == actual) or (not expected and not actual and expected != 0 and actual != 0)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
