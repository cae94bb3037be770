"""The commit mark of a package as its store keeps it, where somebody or something put others over it."""

from __future__ import annotations

from ingest.store.objects import ObjectStore
from sip import commit


def first_readable(store: ObjectStore, mark_key: str) -> bytes | None:
    """The first version that is a mark of that key; where none is, the first as it stands; None where there is nothing.

    Deposits are conditional on a free key, so what came later is a repair, which has the same bytes, or an intruder's.
    """
    first: bytes | None = None
    for version in store.versions(mark_key):
        raw = b"".join(store.stream(mark_key, version))
        first = raw if first is None else first
        try:
            if commit.commit_key(str(commit.read(raw)["key"])) == mark_key:
                return raw
        except (ValueError, KeyError):
            continue
    return first
