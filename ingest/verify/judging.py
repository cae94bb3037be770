"""One package judged by all judges that were asked: `sip.verify`, its commit mark, and the bagit library."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ingest.verify.places import Place
from sip import commit
from sip.faults import Fault, fault
from sip.opening import Source
from sip.verify import VerifyResult, verify

_CHUNK = 1 << 20


def judge(place: Place, *, bagit: bool = False) -> VerifyResult:
    """All that is to be said of the package at ``place``. What cannot be read is in the result too (not judged)."""
    try:
        source = place.open()
        result = verify(source, place.name)
        extra: list[Fault] = []
        if result.judged:
            extra += _against_mark(place, source)
            if bagit:
                extra += _library(source)
    except KeyError:
        return VerifyResult(place.name, (fault("PKG-UNREADABLE", reason="没有此对象 / no such object"),))
    except (ClientError, BotoCoreError, OSError) as e:
        return VerifyResult(place.name, (fault("PKG-UNREADABLE", reason=str(e)[:300]),))
    return dataclasses.replace(result, findings=(*result.findings, *extra))


def _against_mark(place: Place, source: Source) -> Iterator[Fault]:
    """A package in a store is also held against what its commit mark says was deposited."""
    if place.store is None or not place.key.endswith(commit.PACKAGE_SUFFIX):
        return
    assert not isinstance(source, Path)
    mark_key = commit.commit_key(place.key)
    mark = b"".join(place.store.stream(mark_key)) if place.store.size(mark_key) is not None else None
    sha256, size = hashlib.sha256(), 0
    source.seek(0)
    while piece := source.read(_CHUNK):
        sha256.update(piece)
        size += len(piece)
    yield from commit.compare(mark, sha256.hexdigest(), size)


def _library(source: Source) -> list[Fault]:
    from sip.judge import bagit_faults

    with tempfile.TemporaryDirectory(prefix="guidang-") as folder:
        return bagit_faults(source, Path(folder))
