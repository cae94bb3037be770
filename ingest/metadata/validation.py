"""All checks of a case's metadata, in one readable row."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata import coded, consistency, schema, texts, times

MAX_ROWS = 5000
MAX_FINDINGS = 500
_LISTS = ("files", "agents", "events", "relations")


def validate(
    case: dict[str, Any], as_of: dt.datetime, agency: Mapping[str, Any], lacks: frozenset[str] = frozenset()
) -> list[Finding]:
    """Findings on the metadata of one case, in a fixed order; at most `MAX_FINDINGS` and then one that says so.

    ``as_of`` (aware) is the night's logical time; ``agency`` the entry of the agency registry that delivered. Nothing is
    raised for bad content: each check takes what is usable, so one fault does not hide the others. Rows beyond `MAX_ROWS`
    of one list are refused and not looked at, so that a flood of them costs no more than the longest list allowed. ``lacks`` are
    members (JSON pointers, ``*`` for an index, ``/events/<act>`` for an act) that the form of the delivery has no place for: they are
    not asked of it, and one finding says so.
    """
    cut = _cut(case)
    every = itertools.chain(
        _overlong(case),
        schema.check(cut),
        texts.check(cut),
        coded.check(cut, agency),
        times.check(cut, as_of),
        consistency.check(cut, agency),
    )
    carried = _carried(every, lacks) if lacks else every
    found = list(itertools.islice(carried, MAX_FINDINGS + 1))
    if len(found) > MAX_FINDINGS:
        found[MAX_FINDINGS:] = [Finding("MET-TOO-MANY", params={"limit": str(MAX_FINDINGS)})]
    return found


_ABSENT = ("MET-REQUIRED", "MET-EVENT-MISSING", "MET-NO-DIGEST")
_FOLLOWS = {"MET-TIME-TOO-OLD": "/case/closed_at"}  # what never was a case may be older than the Republic
_INDEX = re.compile("/[0-9]+(?=/|$)")


def _carried(found: Iterable[Finding], lacks: frozenset[str]) -> Iterator[Finding]:
    missed: dict[str, None] = {}
    for finding in found:
        place = _INDEX.sub("/*", finding.field or "")
        if finding.code == "MET-EVENT-MISSING":
            place = f"/events/{finding.params['action']}"
        if finding.code in _ABSENT and place in lacks:
            missed[place] = None
        elif _FOLLOWS.get(finding.code) in lacks:
            continue  # a rule about something that the form does not have
        else:
            yield finding
    if missed:
        yield Finding("PRF-NOT-CARRIED", params={"fields": "、".join(missed)})


def _overlong(case: Any) -> Iterator[Finding]:
    for name in _LISTS:
        rows = case.get(name) if isinstance(case, dict) else None
        if isinstance(rows, list) and len(rows) > MAX_ROWS:
            yield Finding("MET-SCHEMA", field=f"/{name}", params={"rule": f"maxItems {MAX_ROWS}"})


def _cut(case: Any) -> Any:
    if not isinstance(case, dict):
        return case
    return {name: rows[:MAX_ROWS] if name in _LISTS and isinstance(rows, list) else rows for name, rows in case.items()}
