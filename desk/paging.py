"""Lists in parts: where the next part begins is said by the last row's own sort key, so that any part is one indexed question."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from fastapi import HTTPException

Row = TypeVar("Row")
Key = tuple[str | int, ...]
SIZE = 50
_INT = 2**63  # no database has larger ones


@dataclasses.dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """Some rows of a list; ``next`` is the cursor of those that follow, None at the end."""

    rows: Sequence[Row]
    next: str | None = None
    first: bool = True


def part(rows: Sequence[Row], key: Callable[[Row], Key], *, after: str | None = None, size: int = SIZE) -> Part[Row]:
    """A part out of up to ``size + 1`` rows that were asked for: the one too many only tells that there are more."""
    more = len(rows) > size
    return Part(rows[:size], encode(key(rows[size - 1])) if more else None, first=after is None)


def encode(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, ensure_ascii=False).encode()).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> Key | None:
    """The sort key in a cursor, its values of these types; None where there is no cursor, 400 for a made-up one."""
    if not cursor:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        key = None
    fits = isinstance(key, list) and [type(v) for v in key] == list(kinds)
    if not fits or not all(map(_storable, key)):
        raise HTTPException(400, "页码无效，请从第一页开始 / no such page: begin at the first")
    return tuple(key)


def _storable(value: str | int) -> bool:
    """Whether a database takes it: 64 bits, no zero byte, no half of a surrogate pair."""
    if isinstance(value, int):
        return -_INT <= value < _INT
    return "\0" not in value and value == value.encode("utf-8", "ignore").decode()
