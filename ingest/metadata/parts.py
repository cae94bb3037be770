"""Reaching into metadata of unknown shape: what is not of the expected type is treated as absent.

The schema check has reported the wrong type already; the other checks go on with what is usable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def section(value: Any, *keys: str) -> Json:
    """The object at ``keys``, or an empty one."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def rows(value: Any, key: str) -> Iterator[tuple[int, Json]]:
    """The objects in the array ``key``, each with its index in the array."""
    array = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(array, list):
        for index, row in enumerate(array):
            if isinstance(row, Mapping):
                yield index, row


def text(value: Json, key: str) -> str | None:
    """A non-empty string, or None."""
    got = value.get(key)
    return got if isinstance(got, str) and got.strip() else None


def whole(value: Json, key: str) -> int | None:
    """An integer that is no boolean, or None."""
    got = value.get(key)
    return got if isinstance(got, int) and not isinstance(got, bool) else None
