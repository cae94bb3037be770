"""Which object store the packages go to. Any S3; the embedded SeaweedFS by default."""

from __future__ import annotations

import dataclasses
import json
import os

from ingest.settings import ConfigError, Home


@dataclasses.dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where and as whom. ``secret_key`` never appears in a repr, so it cannot end in a log."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = dataclasses.field(repr=False)
    region: str = "us-east-1"


def load(home: Home) -> StoreConfig:
    """The store from ``GUIDANG_STORE_*`` variables, else from ``secrets/store.json`` (0600) that the supervisor writes."""
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
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home.secrets / "store.json"
    temp = path.with_suffix(".tmp")
    temp.unlink(missing_ok=True)
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as f:
        json.dump(dataclasses.asdict(config), f)
    temp.replace(path)
