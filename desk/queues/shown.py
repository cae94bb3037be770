"""What the queues show of a record: whose it is stays hidden here; its own page unveils it to those who may see it."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from desk.paging import Part
from desk.queues.queries import Sent, Waiting
from desk.records.veil import by_digest
from ingest.settings import Home

Row = TypeVar("Row", Waiting, Sent)


def veiled(home: Home, found: Part[Row]) -> Part[Row]:
    """The same rows with the files, places and words of their findings veiled."""
    return dataclasses.replace(found, rows=[_veiled(home, row) for row in found.rows])


def _veiled(home: Home, row: Row) -> Row:
    veil = by_digest(home, row.applicant_keys)
    return dataclasses.replace(row, findings=tuple(map(veil.finding, row.findings)))
