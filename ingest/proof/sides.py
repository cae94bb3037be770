"""Two replicas' copies of one package side by side: what the stores say of them, and where their bytes part."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import hashlib
import operator
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.store.objects import ObjectStore
from ingest.store.reading import Reader
from sip import commit
from sip.zipread import TooManyMembers, Zip

_MOST_NAMED = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One replica's copy. ``versions`` how many the store keeps under the key; ``mark`` the SHA-256 that its commit mark states,
    None where there is none that can be read. Fields are None where the copy is not there."""

    replica: str
    size: int | None = None
    version: str | None = None
    versions: int = 0
    modified: str | None = None
    etag: str | None = None
    lock: str | None = None
    until: str | None = None
    held: bool = False
    mark: str | None = None
    sha256: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sides:
    """Both, and where they differ: ``first`` is the offset of the first differing byte, ``differing`` how many bytes differ (of
    copies of one length), ``members`` the files that those bytes belong to, in order."""

    a: Side
    b: Side
    first: int | None = None
    differing: int | None = None
    members: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return self.a.sha256 is not None and self.a.sha256 == self.b.sha256


def compare(key: str, a: Reader, b: Reader, versions: Mapping[str, str | None]) -> Sides:
    """Read both copies whole; ``versions`` are those deposited, by replica. Raises ClientError, BotoCoreError for trouble."""
    one_side, other_side = (_side(reader.store, key, versions.get(reader.name)) for reader in (a, b))
    if one_side.size is None or other_side.size is None:
        return Sides(one_side, other_side)
    digests = [hashlib.sha256(), hashlib.sha256()]
    spots = _Spots(_names(a, b, key, versions))
    streams = [_Blocks(r.store.stream(key, versions.get(r.name))) for r in (a, b)]
    at = 0
    while True:
        one, other = (s.read(1 << 20) for s in streams)
        digests[0].update(one)
        digests[1].update(other)
        if not one and not other:
            break
        spots.take(at, one, other)
        at += max(len(one), len(other))
    one_side, other_side = (
        dataclasses.replace(side, sha256=d.hexdigest()) for side, d in zip((one_side, other_side), digests, strict=True)
    )
    count = spots.count if one_side.size == other_side.size else None
    return Sides(one_side, other_side, spots.first, count, tuple(spots.members))


class _Blocks:
    """A stream of pieces read in blocks of one length."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def read(self, size: int) -> bytes:
        parts, length = [self._left], len(self._left)
        while length < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            length += len(piece)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]


class _Spots:
    """Which bytes differ, and whose they are. ``names``: where each member begins, and its name."""

    def __init__(self, names: list[tuple[int, str]]) -> None:
        self._names = names
        self.first: int | None = None
        self.count = 0
        self.members: dict[str, None] = {}

    def take(self, at: int, one: bytes, other: bytes) -> None:
        if one == other:
            return
        shared = min(len(one), len(other))
        if self.first is None:
            self.first = at + next((i for i in range(shared) if one[i] != other[i]), shared)
        self.count += sum(map(operator.ne, one, other)) + abs(len(one) - len(other))
        begin = 0
        while begin < max(len(one), len(other)) and len(self.members) < _MOST_NAMED:
            end, name = self._of(at + begin)
            end = min(end - at, max(len(one), len(other)))
            if one[begin:end] != other[begin:end]:
                self.members.setdefault(name)
            begin = end

    def _of(self, offset: int) -> tuple[int, str]:
        """Whose byte that is, and where the next one's begin."""
        index = bisect.bisect_right(self._names, offset, key=operator.itemgetter(0))
        end = self._names[index][0] if index < len(self._names) else sys.maxsize
        return end, self._names[index - 1][1] if index else "—"


def _names(a: Reader, b: Reader, key: str, versions: Mapping[str, str | None]) -> list[tuple[int, str]]:
    """Where each member begins, by the directory of whichever copy has one that can be read."""
    for reader in (a, b):
        with contextlib.suppress(TooManyMembers):
            package = Zip(reader.store.open(key, versions.get(reader.name)), lazy=True, most=1_000_000)
            if package.whole and not package.faults:
                out = sorted((e.offset, e.name.partition("/")[2] or e.name) for e in package.entries)
                return [*out, (package.directory_start, "ZIP 目录 directory")]
    return [(0, "ZIP（目录已坏 directory broken）")]


def _side(store: ObjectStore, key: str, version: str | None) -> Side:
    head: Mapping[str, Any] | None = store.head(key, version)
    kept = len(store.versions(key))
    if head is None:
        return Side(store.name, versions=kept, version=version)
    mode, until = store.retention(key, version)
    return Side(
        store.name, int(head["ContentLength"]), head.get("VersionId", version), kept, head["LastModified"].isoformat(),
        str(head.get("ETag", "")).strip('"'), mode.lower() if mode else None, until.isoformat() if until else None,
        store.held(key, version), _mark(store, key),
    )  # fmt: skip


def _mark(store: ObjectStore, key: str) -> str | None:
    mark_key = commit.commit_key(key)
    try:
        return str(commit.read(b"".join(store.stream(mark_key, store.versions(mark_key)[0]))).get("sha256"))
    except (ValueError, IndexError):
        return None
