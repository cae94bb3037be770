"""The commit mark of a package as its store keeps it, where somebody or something put others over it."""

from __future__ import annotations

import contextlib
from typing import Any

from ingest.store.objects import ObjectStore
from sip import commit


def read(raw: bytes, mark_key: str) -> dict[str, Any]:
    """What a mark says. ValueError or KeyError where it is none, or one that speaks of another package."""
    mark = commit.read(raw)
    if commit.commit_key(str(mark["key"])) != mark_key:
        raise ValueError(f"it speaks of {mark['key']}")
    return mark


def first_readable(store: ObjectStore, mark_key: str) -> bytes | None:
    """The first version that is a mark of that key; where none is, the first as it stands; None where there is nothing.

    Deposits are conditional on a free key, so what came later is a repair, which has the same bytes, or an intruder's.
    """
    first: bytes | None = None
    for version in store.versions(mark_key):
        raw = b"".join(store.stream(mark_key, version))
        first = raw if first is None else first
        with contextlib.suppress(ValueError, KeyError):
            read(raw, mark_key)
            return raw
    return first
