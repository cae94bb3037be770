"""What the maker plans before it makes a byte: a case, its papers, its events, as plain data."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

CST = dt.timezone(dt.timedelta(hours=8))
GROUPS = ("申报文件", "过程文件", "结果文件")
SUFFIX = {"pdf": ".pdf", "ofd": ".ofd", "jpeg": ".jpg", "xml": ".xml", "txt": ".txt"}
FORMAT = {"pdf": "PDF", "ofd": "OFD", "jpeg": "JPEG", "xml": "XML", "txt": "TXT"}


@dataclasses.dataclass(frozen=True)
class Party:
    """An applicant. ``kind`` is 1 个人 or 2 企业 (gdbs.sqrlx)."""

    kind: str
    name: str
    id_no: str
    representative: tuple[str, str] | None = None  # name, id number
    agent: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Paper:
    """One file to be made, with all that is written on it.

    ``signer`` names who signs or seals (an agency id, ``applicant``, ``expired`` ... as the signers' room knows them), None for
    unsigned; ``seal_name`` is the text of the seal's picture; ``scans`` are the pictures added as pages, by pool number.
    """

    role: str
    group: str
    file_code: str
    material_code: str | None
    name: str
    kind: str
    made_at: dt.datetime
    title: str
    letterhead: str | None = None
    number: str | None = None
    rows: tuple[tuple[str, str], ...] = ()
    body: tuple[str, ...] = ()
    unit: str = ""
    signer: str | None = None
    seal_name: str = ""
    scans: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Event:
    action: str
    text: str
    at: dt.datetime
    agent_id: str | None
    roles: tuple[str, ...] = ()
    opinion: str | None = None
    mandate: str | None = None


@dataclasses.dataclass(frozen=True)
class Case:
    """One closed case (办件) as its source knows it."""

    serial: int
    agency: dict[str, Any]
    matter: dict[str, Any]
    case_no: str
    document_no: str
    title: str
    applicant: Party
    result: tuple[str, str]  # gdbs.bjjgdm code and text
    staff: tuple[tuple[str, str], ...]  # (name, position), AG2 first
    times: dict[str, dt.datetime]  # applied, accepted, decided, closed where they happened
    events: tuple[Event, ...]
    papers: tuple[Paper, ...]


def iso(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


def chinese_date(at: dt.datetime) -> str:
    return f"{at.year}年{at.month}月{at.day}日"
