"""Open new deliveries of other forms just far enough to know how many records they hold.

Done when a night lists what is new, so that each record is filed, rejected and acknowledged by itself. The reading is of hostile
files and happens in a worker process; a delivery that is lost over it is listed as one record, and told so when it is received.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import State
from ingest.profiles import Rooms, parts
from ingest.settings import ConfigError, Home
from ingest.sources import Delivery, SourceAway, open_source
from ingest.sources.base import Place
from ingest.steps import house
from ingest.workers import Workers


@dataclasses.dataclass(frozen=True, slots=True)
class Inside:
    """What new deliveries hold, by delivery id: ``parts`` where there are several records; ``away`` why one could not be read to its
    end, so that it is listed another time."""

    parts: Mapping[str, list[str]]
    away: Mapping[str, str]


def look_into(home: Home, source: str, new: Mapping[str, Delivery]) -> Inside:
    """Open those of ``new`` (by id) that may hold several records."""
    jobs = [{"id": i, "source": source, "agency": d.agency, "location": d.location} for i, d in new.items() if d.packed]
    inside: dict[str, list[str]] = {}
    away: dict[str, str] = {}
    if jobs:
        with Workers(home) as workers:
            for done in workers.map(work, jobs):
                for d in done:
                    if d.error is not None:
                        away[d.job["id"]] = d.error
                    elif d.value is not None and d.value["parts"]:
                        inside[d.job["id"]] = d.value["parts"]
    return Inside(inside, away)


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side: ``{"parts": [number…]}``, or None where the delivery is one record. A ZIP is fetched for it, and kept."""
    agency = house.agencies(home)[job["agency"]]
    reader = open_source(home, agency, job["source"]).reader(job["location"])
    whole = home.containers / job["id"]
    with contextlib.ExitStack() as stack:
        try:
            found = parts(reader, house.profiles(home), agency.raw, Rooms(whole, whole, stack), home.limits)
        except (SourceAway, OSError, ConfigError):
            raise
        except Exception:  # received as one record, it tells its trouble by itself and holds up no other
            found = None
    return {"parts": found}


def waiting_for(conn: sa.Connection) -> dict[str, list[sa.Row[Any]]]:
    """The records that are still to be received, in order, by the name of the folder that their fetched ZIP stands in."""
    out: dict[str, list[sa.Row[Any]]] = {}
    names = ("id", "agency", "delivery", "location", "state", "last_error", "updated_at")
    rows = sa.select(*(record.c[name] for name in names)).where(record.c.state == State.LISTED.value)
    for row in conn.execute(rows.order_by(record.c.id)):
        out.setdefault(Place.of(row.location).container or row.id, []).append(row)
    return out


def sweep(home: Home, ledger: Ledger) -> None:
    """Remove the fetched ZIPs of which every record has been received."""
    if not home.containers.is_dir():
        return
    with ledger.read() as conn:
        wanted = waiting_for(conn)
    for folder in home.containers.iterdir():
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
