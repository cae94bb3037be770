"""Source systems behind one small protocol: list deliveries, read one, hand over a receipt."""

from __future__ import annotations

from pathlib import Path

from ingest.settings import Home
from ingest.sources.base import Delivery, DeliveryReader, Source
from ingest.sources.folder import FolderSource

__all__ = ["Delivery", "DeliveryReader", "Source", "open_source"]


def open_source(home: Home, source: str) -> Source:
    """The source named by ``source``: the path of a drop folder, by default the home's inbox; receipts go to ``outbox`` beside it."""
    root = Path(source) if source else home.inbox
    return FolderSource(root, root.parent / "outbox", home.agencies())
