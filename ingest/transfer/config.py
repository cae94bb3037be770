"""``config/transfer.json``: where transfers go, who receives, how long the sender keeps its own copy. All of it may be left out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.settings import ConfigError, Home

ENVIRONMENT = "PDF、OFD、JPEG、TXT、XML，通用阅读软件即可打开；信息包为不压缩的 ZIP，符合 BagIt 1.0"


@dataclasses.dataclass(frozen=True, slots=True)
class TransferConfig:
    """``targets``: name → folder; ``archives`` the receiving archives' own name and code (used by the receiving side);
    ``keep_years`` how long after acceptance the unit keeps its copy; ``environment`` the note's 软硬件环境."""

    targets: Mapping[str, Path]
    archives: Mapping[str, str]
    keep_years: int = 5
    environment: str = ENVIRONMENT

    def folder(self, target: str) -> Path:
        """The folder of a target. Raises ConfigError for a name that is not configured."""
        try:
            return self.targets[target]
        except KeyError:
            known = "、".join(sorted(self.targets))
            raise ConfigError(
                f"没有名为“{target}”的移交目标；config/transfer.json 的 targets 中有：{known}"
                f" / no target {target!r}; config/transfer.json has: {known}"
            ) from None


def load(home: Home) -> TransferConfig:
    """The configuration as it stands now. Without a file: one target ``archives`` below the home. Raises ConfigError."""
    path = home.config / "transfer.json"
    given: dict[str, Any] = {}
    try:
        if path.exists():
            given = json.loads(path.read_text("utf-8"))
        targets = {name: Path(t["path"]) for name, t in given.get("targets", {}).items() if t["kind"] == "folder"}
        if len(targets) != len(given.get("targets", {})):
            raise ValueError("targets: kind 只能是 folder / kind must be folder")
        if not all(t.is_absolute() for t in targets.values()):
            raise ValueError("targets: path 须为绝对路径 / path must be absolute")
        archives = {
            "name": str(given.get("archives", {}).get("name", "")),
            "code": str(given.get("archives", {}).get("code", "")),
        }
        keep = given.get("keep_years", 5)
        if not isinstance(keep, int) or keep < 0:
            raise ValueError("keep_years")
        return TransferConfig(
            targets or {"archives": home.root / "transfers" / "outbox"}, archives, keep,
            str(given.get("environment") or ENVIRONMENT),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ConfigError(f"移交配置有误 / the transfer configuration is broken: {path}: {e}") from e
