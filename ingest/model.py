"""The types that a record is made of on its way from the source to the receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Any

# China has one zone and no summer time; metadata without a zone means this one
CST = dt.timezone(dt.timedelta(hours=8), "CST")


class State(enum.StrEnum):
    """Where a record stands. It changes only in the ledger, in one transaction with its event."""

    LISTED = "listed"  # seen at the source, nothing read
    RECEIVED = "received"  # in staging, digests taken
    CHECKED = "checked"
    FILED = "filed"  # has its retention, 电子文件号 and 档号
    PACKAGED = "packaged"
    DEPOSITED = "deposited"  # in the object store, proved
    ACKNOWLEDGED = "acknowledged"  # the producer has its receipt
    REJECTED = "rejected"  # bad content; the producer is told why
    HELD = "held"  # a person must decide
    DUPLICATE = "duplicate"  # the same content was taken before

    @property
    def final(self) -> bool:
        return self in (State.ACKNOWLEDGED, State.REJECTED, State.DUPLICATE)


class Receipt(enum.StrEnum):
    """What the producer is told of a delivery, in three letters, each at the time when it is true."""

    RECEIVED = "received"  # its bytes are in staging, as many as we say; nothing is said about what they are worth
    EXAMINED = "examined"  # accepted, rejected with every finding, archived before, or still to be decided by a person
    FINAL = "final"  # the last word: preserved in so many copies, so the producer may delete; or rejected


# the receipts that a record owes its producer from the moment at which it stands in a state
OWED: Mapping[State, tuple[Receipt, ...]] = {
    State.FILED: (Receipt.EXAMINED,),
    State.HELD: (Receipt.EXAMINED,),
    State.REJECTED: (Receipt.EXAMINED, Receipt.FINAL),
    State.DUPLICATE: (Receipt.EXAMINED, Receipt.FINAL),
    State.DEPOSITED: (Receipt.FINAL,),  # due once it has its copies
}

DIGITISED = "digitised"  # the origin of scans of traditional archives; what came from no case has another than None


class CopyState(enum.StrEnum):
    """What is known of one copy of a package in one replica of the store, at the time it was last looked at."""

    PROVED = "proved"  # there, bit for bit
    DAMAGED = "damaged"  # there, but other bytes
    MISSING = "missing"  # not there any more


class TransferState(enum.StrEnum):
    """Where a transfer to the archives stands, as its sender knows it."""

    BUILDING = "building"  # its records are locked; the package is not whole yet
    BUILT = "built"  # the package is whole
    CHECKED = "checked"  # nothing speaks against it; a person must approve
    FAULTY = "faulty"  # its own check found errors; nothing is sent
    APPROVED = "approved"
    SENT = "sent"  # delivered, no receipt yet
    ACCEPTED = "accepted"  # the archives have it: its records are transferred
    REJECTED = "rejected"  # the archives refused it, or a person here did: its records are free again


class ReceptionState(enum.StrEnum):
    """Where a received package stands. Accepted as a whole or not at all, and by a person only."""

    RECEIVED = "RECEIVED"  # a copy of our own, whole
    CHECKING = "CHECKING"
    PENDING_REVIEW = "PENDING_REVIEW"  # no error found; what only a person can judge is listed
    ACCEPTING = "ACCEPTING"  # decided; being put in place
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"  # machine trouble; receive it again


@dataclasses.dataclass(frozen=True, slots=True)
class StagedFile:
    """One file of a record in staging, with the fixity values of the one pass in which it was read.

    ``path`` is the payload path below ``data/`` (POSIX, relative, NFC, safe); ``source_path`` is the name as the producer
    gave it; ``staged`` is where its bytes stand, relative to the record's staging folder (never a hostile name).
    """

    path: str
    source_path: str
    staged: str
    size: int
    sha256: str
    sm3: str
    crc32: int

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StagedFile:
        return cls(**data)


@dataclasses.dataclass(frozen=True, slots=True)
class Filing:
    """The answer of the 三合一 schedule for one record, and the numbers it was given, once for ever.

    ``retention_code`` is ``Y`` or ``D<years>``; ``matched_by`` is the level of domain/three-in-one §1.4 that hit
    (handling_item_code, implementation_code, basic_code, matter_type, category_default; or ruling, decided by an archivist);
    ``why`` says it in words.
    """

    schedule_id: str
    schedule_version: str
    entry_no: str
    fonds_no: str
    category: str  # "ZY·XK"
    year: int
    retention_code: str
    org_code: str | None
    matched_by: str
    why: str
    open_control: str
    access_control: str
    electronic_record_code: str  # 电子文件号
    archival_code: str  # 档号
    fonds_name: str = ""  # as the schedule names the fonds; after a reform it is not the delivering agency's own
    open_reasons: tuple[str, ...] = ()  # why ``open_control`` is proposed, for the 开放审核
    schedule_digest: str = ""  # SHA-256 of the schedule's text, as it was submitted, approved and in force
    unit_opinion: Mapping[str, str] | None = None  # what the producer itself said about opening

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"open_reasons": list(self.open_reasons)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Filing:
        """Take over a stored filing; what is written beside it (terms, schema) is left aside."""
        known = {f.name: data[f.name] for f in dataclasses.fields(cls) if f.name in data}
        return cls(**known | {"open_reasons": tuple(data.get("open_reasons", ()))})
