"""A version as the ledger keeps it, and its name."""

from __future__ import annotations

import dataclasses

from ingest.schedule import Schedule
from ingest.schedule.review import ReviewEvent


@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """The name of one version: ``T001-SHY/2026-V2``."""

    schedule_id: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Raises ValueError where the text is no such name."""
        schedule_id, slash, version = text.partition("/")
        if not (schedule_id and slash and version) or "/" in version:
            raise ValueError(f"应写作 制度标识/版本，例如 T001-SHY/2026-V2：{text[:80]}")
        return cls(schedule_id, version)

    @classmethod
    def of(cls, schedule: Schedule) -> Ref:
        return cls(schedule.schedule_id, schedule.version)

    def __str__(self) -> str:
        return f"{self.schedule_id}/{self.version}"


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A version as the ledger keeps it, with every step of its history in order."""

    schedule: Schedule
    history: tuple[ReviewEvent, ...]

    @property
    def round(self) -> int:
        """How many times it was sent for review."""
        return sum(step.action == "submit" for step in self.history)

    def this_round(self) -> tuple[ReviewEvent, ...]:
        """The steps since it was last sent for review; none where it never was."""
        last = max((at for at, step in enumerate(self.history) if step.action == "submit"), default=len(self.history))
        return self.history[last:]
