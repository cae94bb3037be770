"""The commit mark beside a package in the store: written last, so a package without one was never finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sip.faults import Fault, fault

COMMIT_SUFFIX = ".receipt.json"
PACKAGE_SUFFIX = ".zip"


def commit_key(key: str) -> str:
    """``…/v1.zip`` → ``…/v1.receipt.json``."""
    return key.removesuffix(PACKAGE_SUFFIX) + COMMIT_SUFFIX


def read(mark: bytes) -> dict[str, Any]:
    """The mark's content. ValueError where it is no commit mark."""
    data = json.loads(mark.decode("utf-8"))
    if not isinstance(data, dict) or not str(data.get("schema", "")).startswith("guidang.commit/"):
        raise ValueError("not a commit mark")
    return data


def compare(mark: bytes | None, sha256: str, size: int) -> Iterator[Fault]:
    """How an object with that digest (hex) and size differs from the commit mark that stands beside it, if one does."""
    if mark is None:
        yield fault("PKG-MARK-MISSING")
        return
    try:
        said = read(mark)
    except ValueError as e:
        yield fault("PKG-MARK-DIFFERS", what="mark", expected="guidang.commit/1.0", actual=str(e)[:200])
        return
    for what, actual in (("sha256", sha256), ("size", size)):
        if said.get(what) != actual:
            yield fault("PKG-MARK-DIFFERS", what=what, expected=str(said.get(what)), actual=str(actual))
