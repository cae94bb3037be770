"""What the pipeline asks of a source system: list what is new, read one delivery, take a receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from ingest.model import Receipt

METADATA = "case.json"  # written last by the producer: its presence says that the delivery is complete
DONE = "_DONE"  # the same for a delivery of any other form; beside a delivery X that is a single file it is X_DONE


class DeliveryGone(Exception):
    """The delivery was removed or changed shape between listing and reading."""


class SourceAway(Exception):
    """The source does not answer, or not as it must. Machine trouble: what it holds is taken when it is back."""

    def __init__(self, what: str, error: BaseException | str) -> None:
        words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        super().__init__(f"来源不可用 / the source is away: {what}: {words}")


class SourceRefuses(SourceAway):
    """The source does not let us in, or is not who it must be. Asking again does not help, and may lock the account."""


class TooSlow(SourceAway):
    """The source did not answer to the end within the time that it was given."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            what,
            f"太慢，{seconds:.0f} 秒内没有完成，稍后再取 / too slow, not done in {seconds:.0f} s; it is taken later",
        )


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
    packed: bool = False  # of another form than case.json; it may hold several records


_PART = "//"  # between a delivery's location and one record of it; no path or key of ours holds two slashes in a row
_LONGEST = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where one record stands: its delivery's location, and, where that holds several records, the id under which the delivery
    was opened and the record's own number in it."""

    delivery: str
    container: str = ""
    part: str = ""

    @classmethod
    def of(cls, location: str) -> Place:
        whole, _, rest = location.partition(_PART)
        container, _, part = rest.partition("/")
        return cls(whole, container, part) if part else cls(location)


def part_of(delivery: Delivery, container: str, part: str) -> Delivery:
    """One record of a delivery that holds several, as a delivery of its own. A number that makes no file name is told by its
    digest in the delivery's name."""
    plain = part.isprintable() and "/" not in part and len(part.encode()) <= _LONGEST
    shown = part if plain else hashlib.sha256(part.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    location = f"{delivery.location}{_PART}{container}/{part}"
    return dataclasses.replace(delivery, name=f"{delivery.name}#{shown}", location=location, packed=False)


class DeliveryReader(Protocol):
    """One open delivery. Names are as the producer gave them; nothing is followed out of the delivery.

    Any of its methods raises DeliveryGone when the delivery is there no more, and SourceAway when the source is in trouble.
    """

    def metadata(self, limit: int) -> bytes:
        """The bytes of case.json; ValueError when longer than ``limit`` bytes, FileNotFoundError where there is none."""

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

    def tell(self, receipts: Sequence[tuple[str, Receipt, bytes]]) -> None:
        """Hand over receipts, each with its delivery's name and kind: all of them, or SourceAway. Safe to repeat; of a kind the
        last one stands."""
