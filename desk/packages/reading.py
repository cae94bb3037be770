"""A package read where it stands: its directory and manifests by range requests, one member without the rest."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.store.reading import Reader
from sip import bagtext
from sip.container import Damaged, Item
from sip.faults import Fault
from sip.zipread import TooManyMembers, Zip

MOST_MEMBERS = 250_000
MOST_TAG_BYTES = 128 << 20  # a manifest of a million files
_KEPT_MEMBERS = 300_000  # over all packages whose directory is kept in memory
TROUBLE = (ClientError, BotoCoreError, OSError)


class Unreadable(Exception):
    """The package cannot be shown from this replica; the text says why, Chinese and English."""


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One file of the bag: ``path`` below its folder; digests (hex) as the manifests list them, None where they do not;
    ``size`` None where it is listed and not there."""

    path: str
    size: int | None
    sha256: str | None
    sm3: str | None

    @property
    def payload(self) -> bool:
        return self.path.startswith("data/")


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A package's directory: members with the payload first, bag-info's fields, what is wrong with the container."""

    reader: Reader
    key: str
    version: str | None
    length: int
    top: str
    members: tuple[Member, ...]
    info: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    package: Zip
    items: Mapping[str, Item]
    by_path: Mapping[str, Member]

    def stream(self, path: str) -> Iterator[bytes]:
        """One member's content by range requests. KeyError where there is none, `sip.container.Damaged` where it cannot be read."""
        item = self.items[path]
        return self.package.over(self.reader.store.open(self.key, self.version)).chunks(item)


class Shelf:
    """Directories of the packages looked at last: paging through a hundred thousand files reads them once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], Opened] = OrderedDict()

    def open(self, reader: Reader, key: str, version: str | None) -> Opened:
        """Raises Unreadable."""
        try:
            head = reader.store.head(key, version)
            if head is None:
                raise Unreadable(f"副本 {reader.name} 中没有该包 / replica {reader.name} does not have it")
            stamp = (reader.name, key, version, head.get("ETag"), str(head.get("LastModified")), head["ContentLength"])
            with self._lock:
                if (found := self._kept.get(stamp)) is not None:
                    self._kept.move_to_end(stamp)
                    return found
            opened = _read(reader, key, version)
        except TROUBLE as e:
            raise Unreadable(
                f"副本 {reader.name} 不可达 / replica {reader.name} cannot be read: {type(e).__name__}"
            ) from e
        with self._lock:
            self._kept[stamp] = opened
            while len(self._kept) > 1 and sum(len(o.members) for o in self._kept.values()) > _KEPT_MEMBERS:
                self._kept.popitem(last=False)
        return opened


def _read(reader: Reader, key: str, version: str | None) -> Opened:
    file = reader.store.open(key, version)
    try:
        package = Zip(file, lazy=True, most=MOST_MEMBERS)
    except TooManyMembers as e:
        raise Unreadable(f"成员过多，请用 guidang verify / too many members: {e}") from e
    names = [i.name for i in package.items]
    top = names[0].partition("/")[0] + "/" if names else ""
    items = {n.removeprefix(top): i for n, i in zip(names, package.items, strict=True) if n.startswith(top)}
    faults = list(package.faults)

    def tag(path: str) -> bytes:
        item = items.get(path)
        if item is None:
            return b""
        if item.size > MOST_TAG_BYTES:
            raise Unreadable(f"{path} 过大 / is too large: {item.size}")
        try:
            return b"".join(package.chunks(item))
        except Damaged as e:
            faults.append(e.fault)
            return b""

    digests: dict[str, dict[str, str]] = {"sha256": {}, "sm3": {}}
    same = {path: path for path in items}
    for algorithm, found in digests.items():
        for name in (f"manifest-{algorithm}.txt", f"tagmanifest-{algorithm}.txt"):
            text = bagtext.decode(tag(name), "UTF-8", name, faults) or ""
            found |= bagtext.manifest(text, name, (1, 0), same, faults).digests
    listed = dict.fromkeys([*items, *digests["sha256"], *digests["sm3"]])
    members = sorted(
        (Member(p, items[p].size if p in items else None, digests["sha256"].get(p), digests["sm3"].get(p)) for p in listed),
        key=lambda m: (not m.payload, m.path),
    )  # fmt: skip
    about = bagtext.decode(tag("bag-info.txt"), "UTF-8", "bag-info.txt", faults) or ""
    info = bagtext.fields(about, "bag-info.txt", (1, 0), faults)
    return Opened(reader, key, version, package.length, top, tuple(members), tuple(info), tuple(faults), package, items,
                  {m.path: m for m in members})  # fmt: skip
