"""What the API answers, in shapes of its own: the rooms' queries may change, these are kept.

Times are ISO 8601 with an offset, days YYYY-MM-DD, sizes in bytes. Persons' names are masked, as everywhere without a reason.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T", bound=BaseModel)


class _Model(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Problem(_Model):
    """Why a request was refused."""

    detail: str


class Me(_Model):
    """Who asks, and what they may."""

    name: str
    role: str
    agency: str | None
    rights: list[str]


class Several(_Model, Generic[T]):
    """Some of a list; ``next`` is the value of ``after`` that gives those that follow, null at the end."""

    items: list[T]
    next: str | None


class Run(_Model):
    """One run of the pipeline; without ``ended_at`` it works, or was cut off."""

    id: str
    lane: str
    as_of: str
    begun_at: str
    ended_at: str | None


class AgencyLine(_Model):
    """What became of one agency's records in a run, by state."""

    agency: str
    received: int
    states: dict[str, int]
    bytes: int


class Source(_Model):
    """One agency's source in a run: complete deliveries there, or why it could not be listed."""

    agency: str
    deliveries: int | None
    error: str | None


class Stage(_Model):
    """Records that wait for a stage, that have passed it, and that pass it a minute just now."""

    name: str
    waiting: int
    passed: int
    pace: float


class Cause(_Model):
    """How many records of a run were stopped by one finding, with one example in words."""

    code: str
    records: int
    zh: str
    en: str


class RunDetail(Run):
    """A run's present state; ``minutes_left`` is an estimate, null where nothing moves or nothing is left."""

    agencies: list[AgencyLine]
    sources: list[Source]
    stages: list[Stage]
    causes: list[Cause]
    minutes_left: float | None


class Night(_Model):
    """One night of the history, all its runs together."""

    day: str
    received: int
    accepted: int
    rejected: int
    held: int
    bytes: int
    minutes: float | None


class Record(_Model):
    """One record in a list."""

    id: str
    state: str
    agency: str
    case_no: str | None
    version: int | None
    title: str | None
    applicant: str | None
    matter_code: str | None
    closed_on: str | None
    entered_on: str
    archival_code: str | None
    electronic_record_code: str | None
    retention_code: str | None
    codes: list[str]


class Found(_Model):
    """One finding of a record."""

    code: str
    severity: str
    nature: str | None = None
    path: str | None = None
    field: str | None = None
    zh: str
    en: str


class StoredFile(_Model):
    """One file of a record, as it was received."""

    path: str
    size: int
    sha256: str
    sm3: str


class Copy(_Model):
    """Where a package stands, and when that was last proved."""

    replica: str
    state: str
    sha256: str
    size: int
    deposited_at: str
    verified_at: str
    retain_until: str | None
    legal_hold: bool


class Event(_Model):
    """One event of the chain; ``detail`` is canonical JSON, exactly as digested."""

    seq: int
    at: str
    kind: str
    detail: str
    digest: str


class RecordDetail(Record):
    """A record with its findings, files, copies and history."""

    delivery: str
    object_key: str | None
    package_sha256: str | None
    package_size: int | None
    receipt_code: int | None
    receipt_at: str | None
    findings: list[Found]
    files: list[StoredFile]
    copies: list[Copy]
    events: list[Event]


class FindingCode(_Model):
    """One code of the table of findings; ``receipt`` is what the producer is told (1–6)."""

    code: str
    severity: str
    nature: str | None
    zh: str
    en: str
