"""Where one installation keeps its things, and what it is configured to do.

Everything hangs below one home folder (``GUIDANG_HOME``, by default ``var/`` beside the code). Secrets never stand in the
configuration; they are files of mode 0600 below ``secrets/`` or environment variables.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.paths import ROOT


class ConfigError(Exception):
    """The installation is not configured as it must be. Trying again does not help; the text says what to mend."""


@dataclasses.dataclass(frozen=True, slots=True)
class Agency:
    """A producer: who delivers, into which fonds, and by which policy its signatures are judged."""

    id: str
    name: str
    uscc: str
    region_code: str
    fonds_no: str
    fonds_name: str
    policy: Mapping[str, str]
    raw: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one delivery may cost, what staging may, and how long an answer may take. Sizes in bytes, times in seconds or days."""

    metadata_bytes: int = 8 * 1024**2
    file_bytes: int = 20 * 1024**3
    files: int = 100_000
    package_files: int = 20_000  # members of one delivered ZIP
    record_seconds: float = 300.0
    listing_seconds: float = 900.0  # all deliveries of one source
    slowest_bytes: int = 10_000_000  # a second more for so many bytes of a record, once its size is known
    worker_memory: int = 4 * 1024**3
    # a batch begins only when so much of the home's disk is free, and staging holds no more than so much
    free_bytes: int = 1024**3
    staging_bytes: int = 1024**4
    unanswered_days: int = 3  # a delivery that has no final receipt after so many days is told in each night's report

    def seconds(self, size: int) -> float:
        """How long a worker may take over a record of ``size`` bytes: hashing 20 GB is no sign of being stuck."""
        return self.record_seconds + size / self.slowest_bytes

    @classmethod
    def load(cls, path: Path) -> Limits:
        """The limits with those that the file at ``path`` sets; the defaults where there is none. ConfigError for others."""
        try:
            given = json.loads(path.read_text("utf-8"))
            whole = {f.name: f.type == "int" for f in dataclasses.fields(cls)}
            if any(type(v) not in ((int,) if whole[k] else (int, float)) or v <= 0 for k, v in given.items()):
                raise ValueError("> 0")
            return cls(**given)
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            raise ConfigError(f"限额配置有误 / limits are broken: {path}: {type(e).__name__}: {e}") from e


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """One installation. All paths are absolute."""

    root: Path
    limits: Limits = dataclasses.field(default_factory=Limits)
    # connections to source systems that the scheduler hands in, by id; secrets: in no repr, no file, no ledger
    connections: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, root: Path | str | None = None) -> Home:
        """The home at ``root``, else at ``GUIDANG_HOME``, else ``var/``."""
        given = root or os.environ.get("GUIDANG_HOME") or ROOT / "var"
        place = Path(given).resolve()
        return cls(place, Limits.load(place / "config" / "limits.json"))

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def containers(self) -> Path:
        """Delivered ZIPs of several records, as long as not all of them are received."""
        return self.root / "containers"

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def trust(self) -> Path:
        return self.config / "trust"

    @property
    def schedules(self) -> Path:
        return self.config / "schedules"

    @property
    def profiles(self) -> Path:
        """The installation's own metadata profiles, one JSON file a dialect."""
        return self.config / "profiles"

    @property
    def matters(self) -> Path:
        """The on-line 事项 that the agencies declared; there may be none."""
        return self.config / "matters.json"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the ledger: ``GUIDANG_DATABASE_URL``, else SQLite in the home."""
        return os.environ.get("GUIDANG_DATABASE_URL") or f"sqlite:///{self.root / 'ledger.db'}"

    def agencies(self) -> dict[str, Agency]:
        """The agency registry by id. Raises ConfigError when it is absent or broken."""
        path = self.config / "agencies.json"
        try:
            entries = json.loads(path.read_text("utf-8"))["agencies"]
            return {e["id"]: _agency(e) for e in entries}
        except FileNotFoundError:
            raise ConfigError(
                f"没有机构登记表 {path}；用 `guidang sample` 生成样例，或照 docs/configuration.md 编写。"
                f" / No agency registry at {path}: make the sample with `guidang sample`, or write one."
            ) from None
        except (ValueError, KeyError, TypeError) as e:
            raise ConfigError(f"机构登记表有误 / agency registry is broken: {path}: {e}") from e


def _agency(e: Mapping[str, Any]) -> Agency:
    return Agency(
        id=e["id"],
        name=e["name"],
        uscc=e["uscc"],
        region_code=e["region_code"],
        fonds_no=e["fonds_no"],
        fonds_name=e.get("fonds_name", e["fonds_no"]),
        policy=dict(e.get("policy", {})),
        raw=e,
    )
