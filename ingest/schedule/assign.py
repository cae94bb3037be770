"""Give a matched record its two numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingest.model import Filing
from ingest.schedule import numbers
from ingest.schedule.match import Match
from ingest.schedule.opening import propose_opening, unit_opinion


def assign(match: Match, record: Mapping[str, Any], serials: Callable[[str], int], terms: Sequence[str] = ()) -> Filing:
    """Draw the 流水号 and the 件号 and write both numbers.

    ``serials(scope)`` gives the next number of a scope, from 1, inside the caller's transaction; when this function raises
    (NumberSpaceExhausted, ValueError) the caller rolls back, so that no number is lost. Both are drawn in the same order every
    time, the 电子文件号 first, so that two writers cannot lock each other out. ``terms`` are words that tell of secrets.
    """
    year, retention, org = match.year, match.retention_code, match.entry.org_code
    electronic = (match.region_code, match.fonds_no, match.implementation_code, year, retention)
    archival = (match.category, match.fonds_no, year, retention, org)
    serial = serials(numbers.electronic_scope(*electronic))
    item_no = serials(numbers.archival_scope(*archival))
    opening = propose_opening(match.entry, record, terms)
    return Filing(
        schedule_id=match.schedule_id,
        schedule_version=match.schedule_version,
        entry_no=match.entry.entry_no,
        fonds_no=match.fonds_no,
        category=match.category.path,
        year=year,
        retention_code=retention,
        org_code=org,
        matched_by=match.level,
        why=match.why,
        open_control=opening.decision,
        access_control=match.entry.access_control,
        electronic_record_code=numbers.electronic_record_code(*electronic, serial),
        archival_code=numbers.archival_code(*archival, item_no),
        fonds_name=match.fonds_name,
        schedule_digest=match.schedule_digest,
        open_reasons=opening.reasons,
        unit_opinion=unit_opinion(record),
    )
