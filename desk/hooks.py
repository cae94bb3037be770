"""What surrounds the desk and it may ask for: the scheduler that it is mounted in. Alone there is none, and pages say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """A question that the scheduler holds for people; ``address`` is the page where it is answered."""

    subject: str
    dag: str
    run_id: str
    task: str
    since: str
    address: str


class NotStarted(Exception):
    """The scheduler did not take the run; the text says why and what to do."""


class Scheduler(Protocol):
    """The scheduler as the desk knows it. Both calls are made for a user whom the desk has let through."""

    def pending(self) -> Sequence[Pending]:
        """Questions of our DAGs that nobody has answered, oldest first."""

    def start_night(self, by: str, reason: str) -> None:
        """Start the nightly run now. Raises NotStarted."""
