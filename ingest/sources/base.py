"""What the pipeline asks of a source system: list what is new, read one delivery, take a receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import BinaryIO, Protocol

METADATA = "case.json"  # written last by the producer: its presence says that the delivery is complete


class DeliveryGone(Exception):
    """The delivery was removed or changed shape between listing and reading."""


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as listed. ``fingerprint`` changes when the producer writes it anew under the same name."""

    agency: str
    name: str
    location: str
    fingerprint: str
    arrived: dt.date  # the day on which it was complete, China time


class DeliveryReader(Protocol):
    """One open delivery. Names are as the producer gave them; nothing is followed out of the delivery."""

    def metadata(self, limit: int) -> bytes:
        """The bytes of case.json; ValueError when longer than ``limit`` bytes."""

    def names(self) -> list[str]:
        """All regular files but case.json, as POSIX paths relative to the delivery, sorted; links appear too."""

    def open(self, name: str) -> BinaryIO:
        """A file of the delivery for reading once; OSError for links, devices and what is not there."""


class Source(Protocol):
    """One source system."""

    def deliveries(self) -> Iterator[Delivery]:
        """All complete deliveries, ordered by agency and name."""

    def reader(self, location: str) -> DeliveryReader:
        """Open one delivery for reading."""

    def acknowledge(self, agency: str, name: str, receipt: bytes) -> None:
        """Hand over the receipt of a delivery; safe to repeat, the last one stands."""
