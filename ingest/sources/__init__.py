"""Source systems behind one small protocol: list deliveries, read one, hand over a receipt."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import Agency, ConfigError, Home
from ingest.sources.base import Delivery, DeliveryReader, Source, SourceAway, SourceRefuses
from ingest.sources.connections import Connection, connection
from ingest.sources.folder import LocalTree
from ingest.sources.trees import TreeDelivery, TreeSource

if TYPE_CHECKING:
    from ingest.sources.trees import Tree

__all__ = [
    "Delivery",
    "DeliveryReader",
    "Source",
    "SourceAway",
    "SourceRefuses",
    "TreeSource",
    "close",
    "connections",
    "local_delivery",
    "open_source",
]

_SHARE = 0.8  # of the time that one record may take: a slow source is told as such before its worker is killed


def open_source(home: Home, agency: Agency, folder: str = "") -> Source:
    """The source system of an agency, as ``agencies.json`` says; ``folder`` takes a drop folder of this machine instead.

    Raises ConfigError for a kind or connection that is not there.
    """
    given = dict(agency.raw.get("source", {}))
    kind = given.get("kind", "folder")
    seconds = home.limits.record_seconds * _SHARE, home.limits.listing_seconds
    if folder or kind == "folder":
        root = Path(folder) if folder else Path(given["path"]) if "path" in given else home.inbox
        outbox = Path(given["receipts"]) if "receipts" in given and not folder else root.parent / "outbox"
        return TreeSource(LocalTree(), agency.id, str(root / agency.id), str(outbox / agency.id), *seconds)
    try:
        at = connection(home, given["connection"])
        if kind == "https":
            return TreeSource(_tree(kind, at, ""), agency.id, "deliveries", "receipts", *seconds)
        if kind == "exchange":
            return TreeSource(_exchange(home, at, given["files"]), agency.id, "", given["receipts"], *seconds)
        tree = _tree(kind, at, given.get("bucket", ""))
        return TreeSource(tree, agency.id, given["path"], given["receipts"], *seconds)
    except KeyError as e:
        raise ConfigError(f"机构 {agency.id} 的来源缺少 {e} / the source of agency {agency.id} lacks {e}") from None


def connections(home: Home) -> list[str]:
    """The ids of the connections that the agencies' sources name."""
    sources = [agency.raw.get("source", {}) for agency in home.agencies().values()]
    named = {place.get("connection") for s in sources for place in (s, s.get("files", {}))}
    return sorted(id_ for id_ in named if id_)


def local_delivery(folder: Path) -> DeliveryReader:
    """One delivery folder of this machine."""
    return TreeDelivery(LocalTree(), str(folder))


def close() -> None:
    """Hang up on all source systems; the next request connects anew."""
    while _TREES:
        _TREES.popitem()[1].close()


def _tree(kind: str, at: Connection, bucket: str) -> Tree:
    """One client a process and connection: a night makes many requests over it."""
    with _OPENING:
        if (kind, at, bucket) not in _TREES:
            _TREES[kind, at, bucket] = _open_tree(kind, at, bucket)
        return _TREES[kind, at, bucket]


def _exchange(home: Home, at: Connection, files: Mapping[str, str]) -> Tree:
    """Exchange tables whose attachments stand at ``files``: a folder, or a place behind SFTP or in a bucket."""
    from ingest.sources.exchange import ExchangeTree

    kind = files["kind"]
    behind = (
        LocalTree() if kind == "folder" else _tree(kind, connection(home, files["connection"]), files.get("bucket", ""))
    )
    with _OPENING:
        key = ("exchange", at, files["path"])
        if key not in _TREES:
            _TREES[key] = ExchangeTree(at, behind, files["path"])
        return _TREES[key]


_TREES: dict[tuple[str, Connection, str], Tree] = {}
_OPENING = threading.Lock()


def _open_tree(kind: str, at: Connection, bucket: str) -> Tree:
    if kind == "sftp":
        from ingest.sources.sftp import SftpTree

        return SftpTree(at)
    if kind == "s3":
        from ingest.sources.bucket import BucketTree

        return BucketTree(at, bucket)
    if kind == "https":
        from ingest.sources.https import HttpsTree

        return HttpsTree(at)
    raise ConfigError(f"不认识的来源种类 / unknown kind of source: {kind}")
