"""A package of ours as a subject of checks: one record in one bag, from a file or from wherever it is kept."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from ingest.checks.subject import PackagedRecord, Subject, Totals, take_out
from sip.container import Container, Item
from sip.faults import Fault
from sip.opening import opened
from sip.verify import verify

_CHUNK = 1 << 20


def kept_package(
    source: Path | BinaryIO | RawIOBase, name: str, work: Path, *,
    sent: str | None = None, stated: Totals | None = None, restored: bool | None = None,
) -> Subject:  # fmt: skip
    """The subject for `ingest.checks.packages.run` at stage BC (or YJ).

    ``work`` is an empty folder that takes the content, to be removed by the caller afterwards; ``sent`` and ``stated`` come
    from the ledger or the receipt of its deposit. OSError where the package cannot be read. A package that cannot be opened
    has no records and the faults say why.
    """
    verified = verify(source, name)
    with opened(source) as container:
        records = [] if isinstance(container, Fault) else list(_records(container, work))
    return Subject(name, records, verified.findings, stated, sent, _digest(source), restored=restored)


def _records(container: Container, work: Path) -> Iterator[PackagedRecord]:
    tops: dict[str, dict[str, Item]] = {}
    in_place = any(item.name == "bagit.txt" for item in container.items)  # a bag unpacked to a folder
    for item in container.items:
        top, _, path = ("", "", item.name) if in_place else item.name.partition("/")
        if path and _is_plain(path):
            tops.setdefault(top, {}).setdefault(path, item)
    for number, (top, members) in enumerate(sorted(tops.items())):
        if "bagit.txt" in members:
            yield take_out(top, container, members, work / f"{number:06d}")


def _is_plain(path: str) -> bool:
    return ".." not in path.split("/") and "\0" not in path


def _digest(source: Path | BinaryIO | RawIOBase) -> str | None:
    """SHA-256 of the whole package; a folder has none."""
    if isinstance(source, Path) and source.is_dir():
        return None
    sha256 = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        file.seek(0)
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
    return sha256.hexdigest()
