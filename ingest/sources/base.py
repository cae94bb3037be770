"""What the pipeline asks of a source system: list what is new, read one delivery, take a receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import BinaryIO, Protocol

METADATA = "case.json"  # written last by the producer: its presence says that the delivery is complete


class DeliveryGone(Exception):
    """The delivery was removed or changed shape between listing and reading."""


class SourceAway(Exception):
    """The source does not answer, or not as it must. Machine trouble: what it holds is taken when it is back."""

    def __init__(self, what: str, error: BaseException | str) -> None:
        words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        super().__init__(f"来源不可用 / the source is away: {what}: {words}")


class StillWriting(SourceAway):
    """A file changed while it was read: the producer is not done with it. It is read again at the next try."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "读取时文件仍在变化，稍后再取 / the file changed while it was read; it is taken later")


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as listed. ``fingerprint`` changes when the producer writes it anew under the same name."""

    agency: str
    name: str
    location: str
    fingerprint: str
    arrived: dt.date  # the day on which it was complete, China time


class DeliveryReader(Protocol):
    """One open delivery. Names are as the producer gave them; nothing is followed out of the delivery.

    Any of its methods raises DeliveryGone when the delivery is there no more, and SourceAway when the source is in trouble.
    """

    def metadata(self, limit: int) -> bytes:
        """The bytes of case.json; ValueError when longer than ``limit`` bytes."""

    def names(self) -> list[str]:
        """All regular files but case.json, as POSIX paths relative to the delivery, sorted; links appear too."""

    def open(self, name: str) -> BinaryIO:
        """A file of the delivery for reading once; OSError for links, devices and what is not there."""


class Source(Protocol):
    """The source system of one agency."""

    def deliveries(self, since: dt.date | None = None) -> Iterator[Delivery]:
        """All complete deliveries, ordered by name; at least those that came on or after ``since``. Raises SourceAway."""

    def reader(self, location: str) -> DeliveryReader:
        """Open one delivery for reading."""

    def acknowledge(self, name: str, receipt: bytes) -> None:
        """Hand over the receipt of a delivery; safe to repeat, the last one stands. Raises SourceAway."""
