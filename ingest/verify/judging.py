"""One package judged by all judges that were asked: `sip.verify`, its commit mark, its signatures, the bagit library."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest.findings import Finding, Severity
from ingest.settings import Home
from ingest.signatures.apart import Apart, Lost
from ingest.signatures.evidence import Rejudged, rejudge
from ingest.store.marks import first_readable
from ingest.verify.places import Place, places
from sip import commit
from sip.faults import Fault, fault
from sip.opening import Source
from sip.verify import VerifyResult, verify

_CHUNK = 1 << 20
SIGNATURE_SECONDS = 600.0  # for all the files of one package; judging a usual one takes well under a second
_AS_FAULT = {Severity.REJECT: "error", Severity.HOLD: "error", Severity.REMARK: "warning", Severity.INFO: "info"}


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What all judges said of one package. ``signatures`` is None where it has none to judge again, or they were not asked."""

    result: VerifyResult
    signatures: Rejudged | None = None
    told: tuple[Finding, ...] = ()  # what the signatures' judge found, or why there is none

    @property
    def judged(self) -> bool:
        return self.result.judged and not any(f.code == "EVI-NOT-JUDGED" for f in self.told)

    @property
    def valid(self) -> bool:
        return self.result.valid and not any(_AS_FAULT[f.weight] == "error" for f in self.told)

    def as_json(self) -> dict[str, Any]:
        """`VerifyResult.as_json` with everybody's findings, and what became of the signatures."""
        out = self.result.as_json()
        for found in self.told:
            shown = found.as_json()
            out["findings"].append({"path": None, "params": {}} | shown | {"severity": _AS_FAULT[found.weight]})
        again = self.signatures
        signatures = {"files": again.files, "verdict": again.verdict, "good": again.good} if again else None
        return out | {"valid": self.valid, "judged": self.judged, "signatures": signatures}


class Judges:
    """The judges of a run. Use as a context manager: signatures are judged in a process of its own, started when first needed."""

    def __init__(self, home: Home, *, bagit: bool = False, signatures: bool = True) -> None:
        self._home, self._bagit, self._signatures = home, bagit, signatures
        self._apart: Apart | None = None

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *_: object) -> None:
        if self._apart is not None:
            self._apart.__exit__(None, None, None)

    def judge(self, place: Place) -> Judgement:
        """All that is to be said of the package at ``place``. What cannot be read is in it too (not judged)."""
        try:
            source = place.open()
            result = verify(source, place.name)
            if not result.judged:
                return Judgement(result)
            extra: list[Fault] = list(_against_mark(place, source))
            if self._bagit:
                extra += _library(source)
            result = dataclasses.replace(result, findings=(*result.findings, *extra))
        except KeyError:
            return _unreadable(place, "没有此对象 / no such object")
        except (ClientError, BotoCoreError, OSError) as e:
            return _unreadable(place, str(e)[:300])
        if not self._signatures or result.profile is None or result.form == "tar":
            return Judgement(result)
        return self._with_signatures(place, result)

    def _with_signatures(self, place: Place, result: VerifyResult) -> Judgement:
        if self._apart is None:
            self._apart = Apart(SIGNATURE_SECONDS)
        try:
            again = self._apart.run(signatures_of, self._home.root, place.name)
        except Lost as e:
            return Judgement(result, None, (Finding("EVI-NOT-JUDGED", params={"detail": str(e)}),))
        except (ClientError, BotoCoreError, OSError) as e:
            return _unreadable(place, str(e)[:300])
        return Judgement(result, again, again.findings)


def signatures_of(home: Path, name: str) -> Rejudged:
    """In a process of its own: judge the signatures of one place again by the evidence in the package."""
    (place,) = places(Home.of(home), name)
    return rejudge(place.open())


def _unreadable(place: Place, reason: str) -> Judgement:
    return Judgement(VerifyResult(place.name, (fault("PKG-UNREADABLE", reason=reason),)))


def _against_mark(place: Place, source: Source) -> Iterator[Fault]:
    """A package in a store is also held against its commit mark."""
    if place.store is None or not place.key.endswith(commit.PACKAGE_SUFFIX):
        return
    assert not isinstance(source, Path)
    sha256, size = hashlib.sha256(), 0
    source.seek(0)
    while piece := source.read(_CHUNK):
        sha256.update(piece)
        size += len(piece)
    yield from commit.compare(first_readable(place.store, commit.commit_key(place.key)), sha256.hexdigest(), size)


def _library(source: Source) -> list[Fault]:
    from sip.judge import bagit_faults

    with tempfile.TemporaryDirectory(prefix="guidang-") as folder:
        return bagit_faults(source, Path(folder))
