"""Reading the store as the auditor: with keys that can change nothing, wherever the installation has such keys.

The pages of the desk show what stands in the store; whoever breaks into them must not come away with keys that write.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from ingest.settings import ConfigError, Home
from ingest.store import config
from ingest.store.config import StoreConfig
from ingest.store.objects import ObjectStore

_FILE = "auditor-keys.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """One replica to be read. ``read_only``: whether its keys are the auditor's; else they are those that ingest adds with."""

    store: ObjectStore
    read_only: bool

    @property
    def name(self) -> str:
        return self.store.name


def readers(home: Home) -> dict[str, Reader]:
    """All replicas of the plan by name, the main one first. Nothing is asked of them yet. Raises ConfigError."""
    out = {}
    for replica in config.plan(home).replicas:
        keys = _keys(home, replica)
        read_as = dataclasses.replace(replica, **keys) if keys else replica
        # abilities decide how things are put; who only reads needs none, and probing would write
        out[replica.name] = Reader(ObjectStore(read_as), bool(keys))
    return out


def save_keys(home: Home, replica: str, access_key: str, secret_key: str) -> None:
    """Write the auditor's keys of a replica into ``secrets/auditor-keys.json`` (0600)."""
    path = home.secrets / _FILE
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    config.write_private(path, known | {replica: {"access_key": access_key, "secret_key": secret_key}})


def _keys(home: Home, replica: StoreConfig) -> dict[str, str] | None:
    """The auditor's keys of one replica: from the environment, entered by hand, or those of the embedded store."""
    prefix = f"GUIDANG_AUDITOR_{replica.name.upper().replace('-', '_')}_"
    if {f"{prefix}ACCESS_KEY", f"{prefix}SECRET_KEY"} <= set(os.environ):
        return {"access_key": os.environ[f"{prefix}ACCESS_KEY"], "secret_key": os.environ[f"{prefix}SECRET_KEY"]}
    entered = _read(home, _FILE)
    if replica.name in entered:
        return _pair(entered[replica.name])
    own = _read(home, "s3.json")
    # the embedded store's own users, where it is the embedded store that this home is configured for
    if own and replica.access_key in {_pair(user)["access_key"] for user in own.values()} and "auditor" in own:
        return _pair(own["auditor"]) if replica.name == config.MAIN else None
    return None


def _pair(given: Mapping[str, str]) -> dict[str, str]:
    return {"access_key": str(given["access_key"]), "secret_key": str(given["secret_key"])}


def _read(home: Home, name: str) -> dict[str, Mapping[str, str]]:
    path = home.secrets / name
    try:
        found: dict[str, Mapping[str, str]] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as e:
        raise ConfigError(f"密钥文件有误 / the file of keys is broken: {path}: {e}") from e
    return found
