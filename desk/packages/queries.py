"""What the ledger says of packages, for the pages about them. A producer sees its own agency's alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from desk.roles import User
from ingest.ledger.tables import copy, number, record, verification
from ingest.model import CopyState


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """A packaged record. ``copies`` are rows of the ledger's table, by replica."""

    id: str
    agency: str
    state: str
    title: str | None
    archival_code: str | None
    electronic_record_code: str | None
    key: str
    sha256: str
    size: int
    version: int | None
    applicant_keys: tuple[str, ...] | None
    copies: tuple[Mapping[str, Any], ...]

    def copy(self, replica: str) -> Mapping[str, Any] | None:
        return next((c for c in self.copies if c["replica"] == replica), None)


def facts(conn: Connection, record_id: str, user: User) -> Facts | None:
    """None where there is no such package, or it is not this user's to see."""
    names = ("id", "agency", "state", "title", "archival_code", "electronic_record_code", "version")
    wanted = [record.c[n] for n in names] + [
        record.c.object_key,
        record.c.package_sha256,
        record.c.package_size,
        record.c.applicant_keys,
    ]
    asked = sa.select(*wanted).where(record.c.id == record_id, record.c.object_key.is_not(None), _own(user))
    row = conn.execute(asked).one_or_none()
    if row is None:
        return None
    copies = conn.execute(sa.select(copy).where(copy.c.record_id == record_id).order_by(copy.c.replica))
    return Facts(
        **{n: getattr(row, n) for n in names}, key=row.object_key, sha256=row.package_sha256 or "", size=row.package_size or 0,
        applicant_keys=None if row.applicant_keys is None else tuple(row.applicant_keys),
        copies=tuple(dict(c._mapping) for c in copies),
    )  # fmt: skip


def find(conn: Connection, name: str, user: User) -> list[str]:
    """The packages that ``name`` means: 档号, 电子文件号, object key or record id; each is one indexed question."""
    by_number = sa.select(number.c.agency, number.c.case_no).where(number.c.electronic_record_code == name)
    wanted = (
        record.c.id == name,
        record.c.archival_code == name,
        record.c.id.in_(sa.select(copy.c.record_id).where(copy.c.object_key == name)),
        sa.tuple_(record.c.agency, record.c.case_no).in_(by_number),
    )
    out: dict[str, None] = {}
    for one in wanted:
        packaged = (one, record.c.object_key.is_not(None), _own(user))
        out |= dict.fromkeys(conn.execute(sa.select(record.c.id).where(*packaged).limit(20)).scalars())
    return list(out)


def latest(conn: Connection, user: User, limit: int = 20) -> list[Mapping[str, Any]]:
    """The verifications asked for last, with their records' names."""
    columns = [c for c in verification.c if c.name != "document"]
    rows = conn.execute(
        sa.select(*columns, record.c.archival_code, record.c.agency)
        .join(record, record.c.id == verification.c.record_id)
        .where(_own(user)).order_by(verification.c.event.desc()).limit(limit)
    )  # fmt: skip
    return [dict(r._mapping) for r in rows]


def unsound(conn: Connection, user: User, limit: int = 50) -> list[Mapping[str, Any]]:
    """Copies that are known to be damaged or gone."""
    bad = copy.c.state.in_([CopyState.DAMAGED.value, CopyState.MISSING.value])
    rows = conn.execute(
        sa.select(copy, record.c.archival_code, record.c.agency)
        .join(record, record.c.id == copy.c.record_id)
        .where(bad, _own(user)).order_by(copy.c.verified_at.desc()).limit(limit)
    )  # fmt: skip
    return [dict(r._mapping) for r in rows]


def _own(user: User) -> sa.ColumnElement[bool]:
    return sa.true() if user.agency is None else record.c.agency == user.agency
