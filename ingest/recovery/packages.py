"""One package in the store, read as what the ledger knew of it: its commit mark and its own metadata, by range requests."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.model import Filing, StagedFile
from ingest.store import marks as kept_marks
from ingest.store.objects import ObjectStore
from sip import bagtext, commit
from sip.container import Damaged
from sip.zipread import Zip

_MOST = 256 << 20  # a manifest or record of a million files


class Unusable(Exception):
    """The mark or the package cannot be read as what it should be; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A deposited package: its mark, its canonical record, the filing of its own version, its files in the record's order."""

    mark: dict[str, Any]
    record: dict[str, Any]
    filing: dict[str, Any]
    files: list[dict[str, Any]]

    @property
    def key(self) -> str:
        return str(self.mark["key"])

    @property
    def case(self) -> tuple[str, str]:
        return str(self.mark["agency"]), str(self.mark["case_no"])


def marks(store: ObjectStore) -> Iterator[str]:
    """The keys of all commit marks, in order; those too that somebody hid by a deletion."""
    return (key for key, _ in store.kept() if key.endswith(commit.COMMIT_SUFFIX) and not key.startswith("."))


def read_mark(store: ObjectStore, mark_key: str) -> dict[str, Any]:
    """A commit mark by its key; of several versions the first that is one. Raises Unusable."""
    try:
        if (raw := kept_marks.first_readable(store, mark_key)) is None:
            raise KeyError(mark_key)
        return kept_marks.read(raw, mark_key)
    except (ValueError, KeyError) as why:
        raise Unusable(f"{mark_key}: 不是提交标记 / no commit mark: {why}") from why


def deposited(store: ObjectStore, mark: Mapping[str, Any]) -> str | None:
    """Which version of a package is the one that its mark was written for: read whole only where several are of its size.

    Raises Unusable where none is.
    """
    key, expected = str(mark["key"]), (mark["sha256"], mark["size"])
    sizes = {version: store.size(key, version) for version in store.versions(key)}
    alike = [version for version, size in sizes.items() if size == mark["size"]]
    if len(sizes) == len(alike) == 1:
        return alike[0]
    for version in reversed(alike):  # the newest good one: a repair is younger than what it mends
        if store.digest(key, version) == expected:
            return version
    told = "、".join(str(size) for size in sizes.values()) or "0"
    raise Unusable(f"{key}: 有 {told} 字节，应为 {mark['size']} / nothing there is what its mark says")


def find(store: ObjectStore, mark_key: str) -> Found:
    """The package behind a commit mark; what mark and package say must agree. Raises Unusable."""
    mark = read_mark(store, mark_key)
    key = str(mark["key"])
    version = deposited(store, mark)
    try:
        package = _Members(Zip(store.open(key, version), lazy=True))
        record, given = package.json("metadata/record.json"), package.json("metadata/filing.json")
        filing = {f.name: given[f.name] for f in dataclasses.fields(Filing) if f.name in given}
        _agree(key, mark, filing, record)
        return Found(mark, record, filing, list(_files(package, record)))
    except (ValueError, KeyError, TypeError, Damaged) as e:
        raise Unusable(f"{key}: {type(e).__name__}: {e}") from e


def _agree(key: str, mark: Mapping[str, Any], filing: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    for name in ("electronic_record_code", "archival_code"):
        said = {mark[name], filing[name], record["record"][name]}
        if len(said) > 1:
            raise Unusable(f"{key}: {name}: {', '.join(sorted(map(str, said)))}")


class _Members:
    def __init__(self, package: Zip) -> None:
        self._package = package
        self._items = {i.name.partition("/")[2]: i for i in package.items}

    def bytes(self, path: str) -> bytes:
        item = self._items[path]
        if item.size > _MOST:
            raise ValueError(f"{path}: {item.size} bytes")
        return b"".join(self._package.chunks(item))

    def json(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.bytes(path))
        return found

    def digests(self, algorithm: str) -> dict[str, str]:
        path = f"manifest-{algorithm}.txt"
        return bagtext.manifest(self.bytes(path).decode(), path, (1, 0), set(self._items), []).digests

    def payload(self) -> dict[str, tuple[int, int]]:
        """Size and CRC-32 of each payload file by its path below data/."""
        return {
            path.removeprefix("data/"): (item.size, item.handle.crc)
            for path, item in self._items.items()
            if path.startswith("data/")
        }


def _files(package: _Members, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The files as receipt noted them. ``staged`` is empty: where they stood before the deposit is no fact of the archive."""
    sha256, sm3 = package.digests("sha256"), package.digests("sm3")
    payload = package.payload()
    for described in record["files"]:
        path = described["archived"]["path"]
        size, crc = payload.pop(path)
        listed = f"data/{path}"
        yield StagedFile(path, described["path"], "", size, sha256[listed], sm3[listed], crc).as_json()
    if payload:
        raise ValueError(f"{min(payload)} is not in the record")
