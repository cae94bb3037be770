"""Which packages are locked against deletion (Object Lock), how and until when: policy as data, by series."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.model import CST

_PERMANENT_YEARS = 100  # servers know no "for ever"; a lock can always be extended, so this is the time to do so


@dataclasses.dataclass(frozen=True, slots=True)
class Lock:
    """``mode`` as S3 writes it (GOVERNANCE, COMPLIANCE); ``until`` is an aware moment."""

    mode: str
    until: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class LockRule:
    """One line of the policy. What is None fits every package; ``years`` None means until the retention period ends."""

    mode: str  # none, governance, compliance
    fonds: str | None = None
    category: str | None = None
    retention: str | None = None
    years: int | None = None
    permanent_years: int = _PERMANENT_YEARS

    def fits(self, filing: Mapping[str, Any]) -> bool:
        """Whether the rule speaks of this filing. A category without its second class (``ZY``) fits all of them."""
        category = str(filing["category"])
        return (
            self.fonds in (None, filing["fonds_no"])
            and self.category in (None, category, category.partition("·")[0])
            and self.retention in (None, filing["retention_code"])
        )

    def until(self, filing: Mapping[str, Any], as_of: dt.datetime) -> dt.datetime:
        """When the lock ends: the start (China time) of the year after the last year of retention, which counts from the
        year after the record's own; or so many years after archiving."""
        code = str(filing["retention_code"])
        if self.years is not None:
            year, years = as_of.astimezone(CST).year, self.years
        else:
            year, years = int(filing["year"]), self.permanent_years if code == "Y" else int(code[1:])
        return dt.datetime(year + 1 + years, 1, 1, tzinfo=CST)


def lock_for(rules: Iterable[LockRule], filing: Mapping[str, Any], as_of: dt.datetime) -> Lock | None:
    """The lock of a package by the first rule that fits its filing; None where it is not to be locked."""
    rule = next((r for r in rules if r.fits(filing)), None)
    if rule is None or rule.mode == "none":
        return None
    return Lock(rule.mode.upper(), rule.until(filing, as_of))
