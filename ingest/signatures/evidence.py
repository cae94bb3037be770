"""The evidence of verdicts in a package: what is kept, and how the verdicts are made again from it alone, in thirty years.

A package has ``metadata/signatures.json`` and, below ``metadata/evidence/``, every certificate, CRL and OCSP answer that its
verdicts rest on, named by SHA-256. The summary also says which of the certificates the archive believed (``anchors``) and by
which policy, for that cannot be seen from a certificate: without it a forger's own root would be as good as any.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from ingest.findings import Finding, Severity, gravest
from ingest.signatures import der
from ingest.signatures.certs import parse_certificate, parse_crl
from ingest.signatures.cms import StreamContent
from ingest.signatures.detached import verify_detached
from ingest.signatures.dispatch import MAX_STRUCTURE, verify, verify_eep
from ingest.signatures.trust import TrustPolicy, TrustStore
from ingest.signatures.verdict import FileVerdict, Verdict, worst
from sip.container import Container, Damaged, Folder, Item
from sip.zipread import Zip

SCHEMA = "guidang.signatures/1.0"
SUMMARY, FOLDER = "metadata/signatures.json", "metadata/evidence/"
MAX_SUMMARY = 256 << 20
MAX_EVIDENCE = 64 << 20
MAX_JUDGED = 256 << 20  # larger files are signed by detached signatures only, and those need no more than digests
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def summary(verdicts: Sequence[Mapping[str, Any]], store: TrustStore, as_of: str) -> dict[str, Any]:
    """signatures.json of a record: ``verdicts`` are `FileVerdict.as_json` each with its ``archived_path``, or, for a
    delivery that was signed as a whole, its ``metadata_path``; the record's own verdict is the worst of theirs."""
    used = {name.removesuffix(".cer") for v in verdicts for s in v["signatures"] for name in s["evidence_files"]}
    return {
        "schema": SCHEMA,
        "as_of": as_of,
        "verdict": worst(Verdict(v["verdict"]) for v in verdicts).value,
        "trust": store.digest,
        "policy": dataclasses.asdict(store.policy),
        "anchors": sorted(c.sha256 for c in store.anchors if c.sha256 in used),
        "files": list(verdicts),
    }


@dataclasses.dataclass(frozen=True)
class Rejudged:
    """What judging again gave: how many ``files`` had a verdict, and ``findings`` (EVI-…). ``verdict`` is the record's, as
    found now; None where the package has no summary that can be read."""

    files: int
    verdict: Verdict | None
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether every verdict came out as it is written. A package without any is neither: see its EVI-ABSENT."""
        return gravest(self.findings) not in (Severity.REJECT, Severity.HOLD)

    def as_json(self) -> dict[str, Any]:
        return {
            "files": self.files, "verdict": self.verdict.value if self.verdict else None, "good": self.good,
            "findings": [f.as_json() for f in self.findings],
        }  # fmt: skip


def rejudge(source: Path | BinaryIO | RawIOBase) -> Rejudged:
    """Judge the content files of a package, and a delivery kept whole for its signature,
    again with nothing but the evidence in it: no net, no clock, no trust store.

    ``source`` is a package (ZIP) or an unpacked one (folder), by path or as an open, seekable binary file (far ones:
    `sip.remote.RangeFile`). Whatever is wrong with the content becomes a finding. OSError when it cannot be read. Call it in
    a process that may be killed (`ingest.workers`, `ingest.signatures.apart`): the files inside may be hostile.
    """
    if isinstance(source, Path):
        if source.is_dir():
            return _Again(Folder(source), "").run()
        with source.open("rb") as file:
            return rejudge(file)
    package = Zip(source)
    top = next((item.name.partition("/")[0] + "/" for item in package.items if "/" in item.name), "")
    return _Again(package, top).run()


class _Again:
    """One package, judged again."""

    def __init__(self, container: Container, top: str) -> None:
        self._container = container
        self._items = {i.name.removeprefix(top): i for i in container.items if i.name.startswith(top)}
        self._findings: list[Finding] = []

    def run(self) -> Rejudged:
        if SUMMARY not in self._items:
            return Rejudged(0, None, (Finding("EVI-ABSENT", path=SUMMARY),))
        try:
            said = json.loads(self._read(self._items[SUMMARY], MAX_SUMMARY))
            if said["schema"] != SCHEMA:
                raise ValueError(f"schema {str(said['schema'])[:60]}")
            store = self._store(said)
            verdicts = [self._judge(entry, store) for entry in said["files"]]
            now = worst(v.verdict for v in verdicts if v is not None)
            if now.value != said["verdict"] and all(verdicts):
                self._differs(SUMMARY, str(said["verdict"]), now.value)
        except (*_BROKEN, Damaged) as error:
            return Rejudged(0, None, (*self._findings, _finding("EVI-UNREADABLE", SUMMARY, error)))
        return Rejudged(len(verdicts), now, tuple(self._findings))

    def _store(self, said: Mapping[str, Any]) -> TrustStore:
        """The trust store that the evidence makes up; what is not as it was named is said and left out."""
        named = sorted({str(n) for f in said["files"] for s in f["signatures"] for n in s["evidence_files"]})
        anchors, certificates, crls = {str(a) for a in said["anchors"]}, [], []
        for name in named:
            item = self._items.get(FOLDER + name)
            if item is None:
                self._findings.append(Finding("EVI-MISSING", path=FOLDER + name[:120]))
                continue
            digest, _, kind = name.partition(".")
            try:
                data = self._read(item, MAX_EVIDENCE)
                if hashlib.sha256(data).hexdigest() != digest:
                    raise ValueError("SHA-256")
                if kind == "cer":
                    certificates.append(parse_certificate(data))
                elif kind == "crl":
                    crls.append(parse_crl(data))
            except (der.DerError, ValueError, Damaged) as error:
                self._findings.append(_finding("EVI-ALTERED", FOLDER + name, error))
        return TrustStore(
            tuple(c for c in certificates if c.sha256 in anchors),
            tuple(c for c in certificates if c.sha256 not in anchors),
            tuple(crls),
            TrustPolicy(**said["policy"]),
        )

    def _judge(self, entry: Mapping[str, Any], store: TrustStore) -> FileVerdict | None:
        whole = "metadata_path" in entry  # the delivery as given, which is signed itself
        path, name = str(entry["metadata_path" if whole else "archived_path"]), str(entry["path"])
        at = dt.datetime.fromisoformat(entry["judged_at"])
        try:
            item = self._item(path, "metadata" if whole else "data")
            if whole:
                large = item.size > MAX_STRUCTURE
                found = verify_eep(None if large else self._read(item, MAX_STRUCTURE), name, store, at)
            elif "about" in entry:
                target = self._item(str(entry["about_path"]))
                content = StreamContent(lambda: self._container.chunks(target), target.size)
                found = verify_detached(self._read(item, MAX_JUDGED), content, name, store, at, entry["about"])
            else:
                found = verify(self._read(item, MAX_JUDGED), name, store, at)
        except KeyError as error:
            self._findings.append(Finding("EVI-FILE-MISSING", path=str(error.args[0])[:300]))
            return None
        except Damaged as error:
            self._findings.append(_finding("EVI-FILE-DAMAGED", path, error))
            return None
        was, now = _essence(entry), _essence(found.as_json())
        if was[0] != now[0]:
            self._differs(path, *(f"{verdict} {' '.join(reasons)}".strip() for verdict, reasons, _ in (was, now)))
        elif was != now:
            reasons = {"was": " ".join(was[1])[:300], "now": " ".join(now[1])[:300]}
            self._findings.append(Finding("EVI-REASONS-DIFFER", path=path, params=reasons))
        return found

    def _item(self, path: str, below: str = "data") -> Item:
        if f"{below}/{path}" not in self._items:
            raise KeyError(f"{below}/{path}")
        return self._items[f"{below}/{path}"]

    def _read(self, item: Item, limit: int) -> bytes:
        return b"".join(_limited(self._container.chunks(item), limit))

    def _differs(self, path: str, was: str, now: str) -> None:
        self._findings.append(Finding("EVI-VERDICT-DIFFERS", path=path, params={"was": was[:300], "now": now[:300]}))


def _limited(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise ValueError(f"more than {limit} bytes")
        yield piece


def _finding(code: str, path: str, error: Exception) -> Finding:
    return Finding(code, path=path, params={"detail": f"{type(error).__name__}: {error}"[:200]})


def _essence(verdict: Mapping[str, Any]) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
    """What must come out again: the verdict, its reasons, and the same for each signature."""
    signatures = tuple((s["kind"], s["verdict"], tuple(s["reasons"])) for s in verdict["signatures"])
    return str(verdict["verdict"]), tuple(verdict["reasons"]), signatures
