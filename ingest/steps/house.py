"""What a worker process loads once and uses for every record: trust, schedules, agencies, the store's client."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ingest.schedule import ScheduleSet
from ingest.schedule import load as load_schedules
from ingest.settings import Agency, Home
from ingest.signatures import TrustStore
from ingest.store import config as store_config

if TYPE_CHECKING:
    from ingest.store.objects import ObjectStore


@cache
def agencies(home: Home) -> dict[str, Agency]:
    return home.agencies()


@cache
def trust(home: Home) -> TrustStore:
    return TrustStore.load(home.trust)


@cache
def schedules(home: Home) -> ScheduleSet:
    return load_schedules(home.schedules)


def store(home: Home) -> ObjectStore:
    """The store as configured now; its client is kept as long as the configuration stays the same."""
    from ingest.store.objects import ObjectStore  # boto3 takes long to import, and who only checks needs none

    return ObjectStore(store_config.load(home))
