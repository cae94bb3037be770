"""Packages back into a folder: proved while they stream, gone on with after a break, and never half a file under its name."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.recovery import packages
from ingest.recovery.packages import Unusable
from ingest.store.objects import ObjectStore
from sip import commit
from sip.package import publish

_CHUNK = 1 << 20
_PART = ".part"


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """One package in the folder: its key, the file, the replica that gave it (None: the file stood there already, whole),
    and what replicas before it said."""

    key: str
    path: Path
    replica: str | None
    troubles: tuple[str, ...] = ()


class NotRestored(Exception):
    """No replica gives the bytes that were deposited; the text says what each gave."""


def keys_of(ledger: Ledger | None, store: ObjectStore, name: str) -> list[str]:
    """The object keys that ``name`` means: a key itself, or all versions of a 档号 or 电子文件号, as the ledger knows them or,
    where there is no ledger or it does not, as the commit marks in the store do (each is read: slow)."""
    if name.endswith(commit.PACKAGE_SUFFIX):
        return [name]
    if ledger is not None:
        wanted = sa.or_(record.c.archival_code == name, record.c.electronic_record_code == name)
        with ledger.read() as conn:
            known = conn.execute(
                sa.select(record.c.object_key)
                .where(wanted, record.c.object_key.is_not(None))
                .order_by(record.c.object_key)
            )
            if found := [str(key) for key in known.scalars()]:
                return found
    return [
        str(mark["key"]) for mark in _marks(store) if name in (mark["archival_code"], mark["electronic_record_code"])
    ]


def all_keys(store: ObjectStore) -> Iterator[str]:
    """The keys of all packages whose deposit was finished."""
    return (k.removesuffix(commit.COMMIT_SUFFIX) + commit.PACKAGE_SUFFIX for k in packages.marks(store))


def _marks(store: ObjectStore) -> Iterator[Mapping[str, object]]:
    for key in packages.marks(store):
        try:
            yield packages.read_mark(store, key)
        except Unusable:
            continue  # a mark that cannot be read names nothing


def restore(key: str, stores: Mapping[str, ObjectStore], folder: Path) -> Restored:
    """Bring one package below ``folder``, at the path that its key is, from the first replica that gives its bytes.

    A file that stands there already is proved, not fetched again; a break leaves a ``.part`` that the next try goes on with.
    Raises NotRestored, OSError for trouble with the folder.
    """
    target = _inside(folder, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    troubles: list[str] = []
    for name, store in stores.items():
        try:
            mark = packages.read_mark(store, commit.commit_key(key))
            expected = (str(mark["sha256"]), int(mark["size"]))
            if target.is_file() and _digest(target) == expected:
                return Restored(key, target, None, tuple(troubles))
            _fetch(store, key, packages.deposited(store, mark), target, expected)
            return Restored(key, target, name, tuple(troubles))
        except (Unusable, NotRestored, ClientError, BotoCoreError) as e:
            troubles.append(f"{name}: {e}")
    raise NotRestored(f"{key}: " + "; ".join(troubles))


def _inside(folder: Path, key: str) -> Path:
    """The path of a key below ``folder``; a key is not trusted to stay there."""
    parts = key.split("/")
    if any(p in ("", ".", "..") or "\0" in p or "\\" in p for p in parts):
        raise NotRestored(f"{key!r}: 键不能作为路径 / the key is no safe path")
    return folder.joinpath(*parts)


def _fetch(store: ObjectStore, key: str, version: str | None, target: Path, expected: tuple[str, int]) -> None:
    part = target.with_name(target.name + _PART)
    sha256, size = hashlib.sha256(), 0
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(part, flags, 0o600), "r+b") as file:
        while piece := file.read(_CHUNK):  # what an earlier try left is proved with the rest
            sha256.update(piece)
            size += len(piece)
        while size < expected[1] and (piece := store.read(key, size, min(16 * _CHUNK, expected[1] - size), version)):
            file.write(piece)
            sha256.update(piece)
            size += len(piece)
        file.flush()
    found = sha256.hexdigest(), size
    if found != expected:
        part.unlink()  # whichever of its bytes is wrong, the next try must not build on it
        raise NotRestored(f"SHA-256 {found[0]}（{found[1]} 字节 bytes）≠ {expected[0]}（{expected[1]}）")
    publish(part, target)


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
