"""All checks of a case's metadata, in one readable row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata import coded, consistency, schema, texts, times


def validate(case: dict[str, Any], as_of: dt.datetime, agency: Mapping[str, Any]) -> list[Finding]:
    """Findings on the metadata of one case, in a fixed order.

    ``as_of`` (aware) is the night's logical time; ``agency`` the entry of the agency registry that delivered. Nothing is
    raised for bad content: each check takes what is usable, so one fault does not hide the others.
    """
    return [
        *schema.check(case),
        *texts.check(case),
        *coded.check(case, agency),
        *times.check(case, as_of),
        *consistency.check(case, agency),
    ]
