"""What an inspector fills in, as the domain takes it."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field

from ingest.inspection.acts import Raised
from ingest.inspection.model import Level, Refused


class RaiseForm(BaseModel):
    """The form of a new finding. ``csrf`` is the guard's and not read here."""

    problem: str = Field(max_length=4000)
    inspector: str = Field(max_length=4000)
    inspected: str = Field(max_length=4000)
    demand: str = Field(max_length=4000)
    due: str = Field(max_length=40)
    year: int = Field(ge=1949, le=9999)
    basis: str = Field("", max_length=4000)
    level: Level = Level.MEDIUM
    agency: str = Field("", max_length=80)

    def found(self) -> Raised:
        """Raises Refused for a day that is in no calendar."""
        return Raised(
            self.problem, self.inspector, self.inspected, self.demand, day_of(self.due), self.year, self.basis,
            self.level, self.agency or None,
        )  # fmt: skip


def day_of(text: str) -> dt.date:
    """A day as browsers send it (YYYY-MM-DD). Raises Refused for any other text."""
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"“{text[:40]}”不是日期，应写作 2026-01-01 / not a day: write 2026-01-01") from None
