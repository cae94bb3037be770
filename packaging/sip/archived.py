"""A record's files as they stand in its package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_archived(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with each file as it stands in the package: what the archive measured in place of what the source said.

    A file that the archive has not measured stays as given; the producer's own path is kept as ``source_path``.
    """
    return {**record, "files": [measured(f) for f in record["files"]]}


def measured(f: Mapping[str, Any]) -> dict[str, Any]:
    """One file of a record as `as_archived` gives it."""
    own = f.get("archived")
    if not isinstance(own, Mapping) or not isinstance(digest := own.get("digest"), Mapping):
        return dict(f)
    return {**f, "path": own["path"], "source_path": f["path"], "size": own["size"], "format": own["format"],
            "sha256": digest["SHA-256"], "sm3": digest["SM3"]}  # fmt: skip
