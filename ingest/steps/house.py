"""What a worker process loads once and uses for every record: trust, schedules, agencies, the store's client."""

from __future__ import annotations

import os
import secrets as random
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.checks.virus import Clamd, Scanner
from ingest.profiles import Profiles
from ingest.review.force import in_use
from ingest.schedule import ScheduleError, ScheduleSet
from ingest.schedule.lineage import Lineage
from ingest.schedule.opening import load_terms
from ingest.servers.secrets import publish
from ingest.settings import Agency, ConfigError, Home
from ingest.signatures import TrustStore
from ingest.store import config as store_config

if TYPE_CHECKING:
    from ingest.store.objects import ObjectStore

Stamp = tuple[tuple[str, int, int, int], ...]


@cache
def agencies(home: Home) -> dict[str, Agency]:
    return home.agencies()


@cache
def profiles(home: Home) -> Profiles:
    return Profiles.load(home.profiles)


@cache
def trust(home: Home) -> TrustStore:
    return TrustStore.load(home.trust)


def schedules(home: Home) -> ScheduleSet:
    """The versions that classify records, from the ledger as it stands now. Not to be asked for within a transaction.

    Raises ConfigError where they cannot be trusted: no record may then be filed, and waiting does not mend it.
    """
    try:
        return in_use(home)
    except ScheduleError as e:
        raise ConfigError(f"“三合一”制度不能用于归档 / the schedules cannot be used for filing: {e}") from e


def lineage(home: Home) -> Lineage:
    """Which fonds succeeded which, as it stands now. Raises ConfigError."""
    return _lineage(home, _stamp(home.config, "lineage.json"))


@lru_cache(maxsize=2)
def _lineage(home: Home, stamp: Stamp) -> Lineage:
    try:
        return Lineage.load(home.config / "lineage.json")
    except ValueError as e:
        raise ConfigError(str(e)) from e


@cache
def opening_terms(home: Home) -> tuple[str, ...]:
    """Words in the metadata that tell of third parties' secrets. Raises ConfigError."""
    try:
        return load_terms(home.config / "opening.json")
    except ValueError as e:
        raise ConfigError(str(e)) from e


def _stamp(folder: Path, pattern: str) -> Stamp:
    """What tells that a file was written anew: its inode, size and time."""
    found = [(str(file), file.stat()) for file in sorted(folder.glob(pattern))]
    return tuple((name, st.st_ino, st.st_size, st.st_mtime_ns) for name, st in found)


@cache
def scanner() -> Scanner | None:
    """The anti-virus engine at ``GUIDANG_CLAMD``, if one is configured. Raises ConfigError for what is no address."""
    address = os.environ.get("GUIDANG_CLAMD")
    try:
        return Clamd(address) if address else None
    except ValueError as e:
        raise ConfigError(f"GUIDANG_CLAMD: {e}") from None


@cache
def applicant_key(home: Home) -> bytes:
    """The secret under which applicants are searched for; made when first asked for, and then kept as long as the ledger."""
    path = home.secrets / "applicant-key"
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    publish(path, lambda: random.token_hex(32))
    return bytes.fromhex(path.read_text("ascii"))


def store(home: Home) -> ObjectStore:
    """The main store as configured now; its client is kept as long as the configuration stays the same."""
    from ingest.store.replicas import open_store  # boto3 takes long to import, and who only checks needs none

    return open_store(home, store_config.load(home))
