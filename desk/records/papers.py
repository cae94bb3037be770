"""A record's own papers (metadata, checks, signatures): from staging while it is there, else out of its package in the store."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from ingest.metadata import strictjson
from ingest.settings import ConfigError, Home
from ingest.sources.base import METADATA
from ingest.steps.check import CHECKS, RECORD, SIGNATURES
from ingest.steps.package import local_package
from ingest.steps.receive import staged
from ingest.store import config
from ingest.store.replicas import open_store
from sip.container import Damaged, Item
from sip.zipread import Zip

_MOST = 32 << 20  # bytes of one paper; a record of very many files has its own page of the package
_NAMES = {"record": RECORD, "checks": CHECKS, "signatures": SIGNATURES}


@dataclasses.dataclass(frozen=True, slots=True)
class Papers:
    """What could be read. ``source`` is ``staging``, ``package`` or the replica's name, None where nothing could be; ``trouble``
    says why in words. Each paper is None where it does not exist (yet) or is too large to be shown."""

    source: str | None = None
    trouble: str | None = None
    record: Mapping[str, Any] | None = None
    checks: Mapping[str, Any] | None = None
    signatures: Mapping[str, Any] | None = None


def papers(home: Home, row: Mapping[str, Any], copies: Sequence[Mapping[str, Any]]) -> Papers:
    """The papers of a record by its ledger row; ``copies`` are its copies in the store, which are tried one after the other."""
    base = staged(home, row["batch_id"], row["id"])
    if base.is_dir() and (found := _of_folder(base)).record is not None:
        return found
    local = local_package(home, row["batch_id"], row["id"])
    try:
        with local.open("rb") as file:
            return _of_package(file, "package")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, Damaged) as e:
        return Papers(trouble=f"{type(e).__name__}: {e}"[:300])
    if not copies:
        return Papers()
    troubles = []
    for one in copies:
        try:
            return _of_store(home, one)
        except (ClientError, BotoCoreError, OSError, ValueError, Damaged, ConfigError, KeyError) as e:
            troubles.append(f"{one['replica']}: {type(e).__name__}: {e}"[:300])
    return Papers(trouble="; ".join(troubles))


def _of_folder(base: Path) -> Papers:
    """What the stages have left in staging so far; before the check, the metadata as delivered."""
    found: dict[str, Any] = {name: _read(base / file) for name, file in _NAMES.items()}
    found["record"] = found["record"] or _read(base / METADATA)
    return Papers("staging", **found)


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        with path.open("rb") as file:
            return _object(file.read(_MOST + 1))
    except OSError:  # not made yet, or gone while we looked
        return None


def _object(data: bytes) -> Mapping[str, Any] | None:
    if len(data) > _MOST:
        return None
    try:
        value = strictjson.loads(data)
    except strictjson.BadJson:
        return None
    return value if isinstance(value, Mapping) else None


def _of_store(home: Home, copy: Mapping[str, Any]) -> Papers:
    replica = next((r for r in config.plan(home).replicas if r.name == copy["replica"]), None)
    if replica is None:
        raise ConfigError(f"{copy['replica']} 已不在 config/store.json 中 / is no longer configured")
    store = open_store(home, replica)
    return _of_package(store.open(copy["object_key"], copy["version_id"]), str(copy["replica"]))


def _of_package(file: BinaryIO | RawIOBase, source: str) -> Papers:
    package = Zip(file, lazy=True)
    members = {item.name.partition("/")[2]: item for item in package.items}
    found: dict[str, Any] = {name: _member(package, members.get(f"metadata/{part}")) for name, part in _NAMES.items()}
    return Papers(source, **found)


def _member(package: Zip, item: Item | None) -> Mapping[str, Any] | None:
    if item is None or item.size > _MOST:
        return None
    value = json.loads(b"".join(package.chunks(item)))
    return value if isinstance(value, Mapping) else None
