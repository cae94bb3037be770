"""Read one copy of a package again, every byte, and say what became of it."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.findings import Finding
from ingest.model import CopyState
from ingest.store.objects import ObjectStore
from sip import commit
from sip.faults import Fault


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What one look showed: the state, and what is wrong where it is not proved."""

    state: CopyState
    findings: tuple[Finding, ...] = ()

    @property
    def good(self) -> bool:
        return not self.findings


class Pace:
    """Holds reading to so many bytes a second (0: no limit), over all that is read with it."""

    def __init__(self, bytes_a_second: float) -> None:
        self._rate = bytes_a_second
        self._free_at = time.monotonic()

    def took(self, size: int) -> None:
        """Wait until reading ``size`` more bytes is within the pace."""
        if self._rate <= 0:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + size / self._rate
        time.sleep(max(0.0, self._free_at - now))


def look(store: ObjectStore, row: Mapping[str, Any], pace: Pace) -> Look:
    """Read the copy that the ledger's row is about. Raises ClientError, BotoCoreError where the store itself is in trouble."""
    key, version = str(row["object_key"]), row["version_id"]
    about = {"key": key, "replica": store.name}
    head = store.head(key)
    if head is None:
        return Look(CopyState.MISSING, (Finding("FIX-MISSING", params=about),))
    now = head.get("VersionId")
    if version is not None and now is not None and now != version:
        hidden = Finding("FIX-HIDDEN", params={**about, "version": version, "found": now})
        return Look(CopyState.DAMAGED, (hidden,))
    try:
        found, size = _digest(store, key, version, pace)
    except (ClientError, BotoCoreError) as e:
        store.reach()  # raises where it is the store, and not this object
        return Look(CopyState.DAMAGED, (Finding("FIX-UNREADABLE", params={**about, "detail": str(e)[:300]}),))
    if (found, size) != (row["sha256"], row["size"]):
        told = {**about, "expected": row["sha256"], "found": found, "bytes": str(size)}
        return Look(CopyState.DAMAGED, (Finding("FIX-DAMAGED", params=told),))
    marked = tuple(_mark(store, row, about))
    return Look(CopyState.DAMAGED if marked else CopyState.PROVED, marked)


def _digest(store: ObjectStore, key: str, version: str | None, pace: Pace) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    for piece in store.stream(key, version):
        sha256.update(piece)
        size += len(piece)
        pace.took(len(piece))
    return sha256.hexdigest(), size


def _mark(store: ObjectStore, row: Mapping[str, Any], about: Mapping[str, str]) -> list[Finding]:
    """The package is whole; without its mark it would look as if its deposit had never been finished."""
    key = commit.commit_key(str(row["object_key"]))
    mark = b"".join(store.stream(key)) if store.size(key) is not None else None
    faults: list[Fault] = list(commit.compare(mark, str(row["sha256"]), int(row["size"])))
    return [Finding("FIX-MARK", params={**about, "detail": f"{f.text('zh')} {f.text('en')}"}) for f in faults]
