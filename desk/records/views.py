"""Searches that a person keeps under a name."""

from __future__ import annotations

import dataclasses
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from fastapi import HTTPException

from desk.records.asking import Asked
from desk.roles import User
from ingest.ledger import Ledger
from ingest.ledger.tables import saved_view

MOST = 50  # of one person
_LONGEST = 80  # characters of a name


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    name: str
    asked: Asked


def views(ledger: Ledger, user: User) -> list[View]:
    """The user's own views, by name."""
    query = sa.select(saved_view.c.name, saved_view.c.query).where(saved_view.c.owner == user.name)
    with ledger.read() as conn:
        rows = conn.execute(query.order_by(saved_view.c.name).limit(MOST)).all()
    return [View(row.name, Asked.of(dict(parse_qsl(row.query)))) for row in rows]


def keep(ledger: Ledger, user: User, name: str, asked: Asked) -> None:
    """Keep a search under a name; the same name again replaces it. 422 for a name that is none, 409 when there are too many."""
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise HTTPException(422, f"名称应为 1–{_LONGEST} 个字符 / a name has 1 to {_LONGEST} characters")
    with ledger.begin() as tx:
        own = saved_view.c.owner == user.name
        tx.conn.execute(sa.delete(saved_view).where(own, saved_view.c.name == name))
        if tx.conn.execute(sa.select(sa.func.count()).select_from(saved_view).where(own)).scalar_one() >= MOST:
            raise HTTPException(409, f"最多保存 {MOST} 个视图，请先删除不用的 / at most {MOST} views: delete one first")
        tx.conn.execute(
            sa.insert(saved_view).values(
                owner=user.name, name=name, query=urlencode(asked.as_query()), created_at=tx.now
            )
        )


def forget(ledger: Ledger, user: User, name: str) -> None:
    """Delete one of the user's own views; none of that name is fine."""
    with ledger.begin() as tx:
        tx.conn.execute(sa.delete(saved_view).where(saved_view.c.owner == user.name, saved_view.c.name == name))
