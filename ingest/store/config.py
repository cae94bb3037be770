"""Which object stores the packages go to, how many copies count, what is locked. Any S3; the embedded SeaweedFS by default."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.paths import SCHEMAS
from ingest.settings import ConfigError, Home
from ingest.store.locks import LockRule

MAIN = "main"


@dataclasses.dataclass(frozen=True, slots=True)
class StoreConfig:
    """One replica: where and as whom. ``secret_key`` never appears in a repr, so it cannot end in a log."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = dataclasses.field(repr=False)
    region: str = "us-east-1"
    name: str = MAIN


@dataclasses.dataclass(frozen=True, slots=True)
class StorePlan:
    """Where packages go. The first replica (``main``) is written first and read first; ``min_copies`` proved copies make a
    record preserved; ``locks`` are tried in order."""

    replicas: tuple[StoreConfig, ...]
    min_copies: int = 1
    locks: tuple[LockRule, ...] = ()


def plan(home: Home) -> StorePlan:
    """The plan of ``config/store.json``; without that file, one unlocked copy in the main store. Raises ConfigError."""
    path = home.config / "store.json"
    main = load(home)
    if not path.exists():
        return StorePlan((main,))
    given = _read(path)
    replicas = (main, *(_replica(home, r) for r in given.get("replicas", [])))
    names = [r.name for r in replicas]
    places = {(r.endpoint.rstrip("/"), r.bucket) for r in replicas}
    if len(set(names)) < len(names) or len(places) < len(replicas):
        raise ConfigError(
            f"{path}: 副本的名称与位置（endpoint + bucket）须各不相同，同一处存两次只算一份"
            f" / replicas need different names and places; the same place twice is one copy"
        )
    least = given.get("min_copies", 1)
    if least > len(replicas):
        raise ConfigError(
            f"{path}: min_copies 为 {least}，但只配置了 {len(replicas)} 个副本，永远达不到；请增加 replicas"
            f" / min_copies is {least} with {len(replicas)} replicas: add replicas"
        )
    return StorePlan(replicas, least, tuple(LockRule(**rule) for rule in given.get("locks", [])))


def load(home: Home) -> StoreConfig:
    """The main store from ``GUIDANG_STORE_*`` variables, else from ``secrets/store.json`` (0600) that the supervisor
    writes. Raises ConfigError."""
    env = os.environ
    if "GUIDANG_STORE_ENDPOINT" in env:
        try:
            return StoreConfig(
                env["GUIDANG_STORE_ENDPOINT"],
                env.get("GUIDANG_STORE_BUCKET", "archive"),
                env["GUIDANG_STORE_ACCESS_KEY"],
                env["GUIDANG_STORE_SECRET_KEY"],
                env.get("GUIDANG_STORE_REGION", "us-east-1"),
            )
        except KeyError as e:
            raise ConfigError(f"缺少环境变量 / environment variable missing: {e.args[0]}") from None
    path = home.secrets / "store.json"
    try:
        return StoreConfig(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise ConfigError(
            f"没有对象存储配置：请设置 GUIDANG_STORE_ENDPOINT 等变量，或用 `guidang servers` 启动内置存储。"
            f" / No object store: set GUIDANG_STORE_ENDPOINT …, or start the embedded one with `guidang servers` ({path})."
        ) from None


def save(home: Home, config: StoreConfig) -> None:
    """Write ``secrets/store.json`` for the other processes of this home."""
    write_private(home.secrets / "store.json", dataclasses.asdict(config))


def save_keys(home: Home, replica: str, access_key: str, secret_key: str) -> None:
    """Write the keys of a further replica into ``secrets/replicas.json`` (0600)."""
    path = home.secrets / "replicas.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    write_private(path, known | {replica: {"access_key": access_key, "secret_key": secret_key}})


def _read(path: Path) -> dict[str, Any]:
    from jsonschema import Draft202012Validator

    try:
        given: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as e:
        raise ConfigError(f"{path} 不是 JSON / is not JSON: {e}") from e
    schema = json.loads((SCHEMAS / "store-1.0.schema.json").read_text("utf-8"))
    faults = sorted(Draft202012Validator(schema).iter_errors(given), key=lambda e: e.json_path)
    if faults:
        shown = "; ".join(f"{e.json_path}: {e.message}" for e in faults[:5])
        raise ConfigError(f"{path} 有误，请照 docs/store.md 修改 / is wrong, see docs/store.md: {shown}")
    return given


def _replica(home: Home, given: Mapping[str, Any]) -> StoreConfig:
    name, keys = given["name"], _keys(home, given["name"])
    return StoreConfig(
        given["endpoint"],
        given["bucket"],
        keys["access_key"],
        keys["secret_key"],
        given.get("region", "us-east-1"),
        name,
    )


def _keys(home: Home, name: str) -> Mapping[str, str]:
    prefix = f"GUIDANG_REPLICA_{name.upper().replace('-', '_')}_"
    if {f"{prefix}ACCESS_KEY", f"{prefix}SECRET_KEY"} <= set(os.environ):
        return {"access_key": os.environ[f"{prefix}ACCESS_KEY"], "secret_key": os.environ[f"{prefix}SECRET_KEY"]}
    path = home.secrets / "replicas.json"
    try:
        keys = json.loads(path.read_text("utf-8"))[name]
        return {"access_key": str(keys["access_key"]), "secret_key": str(keys["secret_key"])}
    except (FileNotFoundError, KeyError):
        raise ConfigError(
            f"副本 {name} 没有密钥：请运行 `guidang store keys {name}`，或设置 {prefix}ACCESS_KEY 与 {prefix}SECRET_KEY"
            f" / replica {name} has no keys: run `guidang store keys {name}` or set {prefix}…"
        ) from None


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only its owner can read (0600), replacing any older file in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temp = path.with_suffix(f".{os.getpid()}.tmp")
    temp.unlink(missing_ok=True)
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as f:
        json.dump(content, f)
    temp.replace(path)
