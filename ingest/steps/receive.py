"""Receive one delivery: every byte is read from the source once, and hashed once, on its way into staging.

What it finds wrong with the *content* does not stop it: the check stage still checks all the rest, so that the producer is
told everything at once. Only what cannot be received at all ends here (no readable metadata, classified, nothing to take).
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import shutil
import tempfile
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ingest.findings import Finding
from ingest.metadata import strictjson
from ingest.metadata.case import BadEnvelope, DeclaredFile, Envelope, envelope
from ingest.model import StagedFile
from ingest.profiles import BadForm, ContentDamaged, FormDelivery, Profiles, Rooms, open_delivery
from ingest.settings import Home, Limits
from ingest.sources import open_source
from ingest.sources.base import METADATA, DeliveryGone, DeliveryReader, Place
from ingest.steps import house
from sip import canonical

GIVEN, FORM = "given", "form.json"  # beside case.json: the metadata as given in another form, and its profile
_CHUNK = 1 << 20
_NAME_BYTES = 255  # the longest file name of common file systems


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """What receiving one delivery gave. ``final`` when nothing more can be checked."""

    findings: list[Finding]
    files: list[StagedFile]
    case_no: str | None = None
    version: int | None = None
    content_digest: str | None = None
    final: bool = False
    origin: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "findings": [f.as_json() for f in self.findings],
            "files": [f.as_json() for f in self.files],
            "case_no": self.case_no,
            "version": self.version,
            "content_digest": self.content_digest,
            "final": self.final,
            "origin": self.origin,
        }


def staged(home: Home, batch_id: str, record_id: str) -> Path:
    """The staging folder of a record."""
    return home.staging / batch_id / record_id


def work(home: Home, job: dict[str, Any]) -> dict[str, Any]:
    """Worker side of the receive stage; ``job`` names the record, its batch and its location at the source."""
    final = staged(home, job["batch_id"], job["id"])
    final.parent.mkdir(parents=True, exist_ok=True)
    attempt = Path(tempfile.mkdtemp(prefix=f".{job['id']}-", dir=final.parent))
    try:
        agency = house.agencies(home)[job["agency"]]
        place = Place.of(job["location"])
        whole = home.containers / (place.container or job["id"])
        reader = open_source(home, agency, job["source"]).reader(place.delivery)
        context = Context(house.profiles(home), agency.raw, whole, place.part)
        out = receive(reader, attempt, home.limits, context)
        if not place.part:  # one record: what was fetched of it is in staging now
            shutil.rmtree(whole, ignore_errors=True)
        if not out.final:
            if final.exists():  # an earlier try got as far as publishing, but not as far as the ledger
                shutil.rmtree(final)
            attempt.rename(final)
        return out.as_json()
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What reading another form than case.json takes: the profiles, the delivering agency's entry, the folder in which a delivered
    ZIP is kept while its records are read, and which of them is meant."""

    profiles: Profiles
    agency: Mapping[str, Any]
    whole: Path
    part: str = ""


def receive(reader: DeliveryReader, into: Path, limits: Limits, context: Context | None = None) -> Received:
    """Copy one delivery into the fresh folder ``into``. Raises OSError for machine trouble only.

    One without case.json is read by its form and profile, where ``context`` gives them: into the same case.json, beside which the
    metadata as given stand below ``given/``.
    """
    try:
        raw = reader.metadata(limits.metadata_bytes)
    except FileNotFoundError:
        if context is None:
            return _ended(Finding("RCV-DELIVERY-VANISHED", path=METADATA))
        return _receive_form(reader, into, limits, context)
    except DeliveryGone:
        return _ended(Finding("RCV-DELIVERY-VANISHED", path=METADATA))
    except ValueError as e:
        return _ended(Finding("RCV-JSON-BROKEN", path=METADATA, params={"reason": str(e)}))
    return _take(reader, raw, into, limits)


def _receive_form(reader: DeliveryReader, into: Path, limits: Limits, context: Context) -> Received:
    (work := into / "work").mkdir()
    with contextlib.ExitStack() as stack:
        try:
            opened = open_delivery(
                reader, context.part, context.profiles, context.agency, Rooms(work, context.whole, stack), limits
            )
        except BadForm as e:
            return Received(e.findings, [], final=True)
        except DeliveryGone:
            return _ended(Finding("RCV-DELIVERY-VANISHED"))
        try:
            raw = opened.metadata(limits.metadata_bytes)
        except ValueError as e:
            return _ended(Finding("RCV-JSON-BROKEN", path=METADATA, params={"reason": str(e)}))
        out = _take(opened, raw, into, limits, opened.profile.get("signed", {}).get("sha256", ""))
    _keep(opened, into)
    shutil.rmtree(work)
    return dataclasses.replace(out, findings=[*opened.findings, *out.findings], origin=opened.profile.get("origin"))


def origin(base: Path) -> str | None:
    """What a staged delivery is a record of, by its profile: None, a case; else model.DIGITISED."""
    form = base / FORM
    said = strictjson.loads(form.read_bytes()).get("origin") if form.exists() else None
    return said if isinstance(said, str) else None


def _keep(opened: FormDelivery, into: Path) -> None:
    """The metadata as given, which go into the package, and by which profile they were read, which the checks want to know."""
    (into / GIVEN).mkdir()
    for name, data in opened.originals.items():
        (into / GIVEN / name).write_bytes(data)
    for name, path in opened.signed.items():
        path.replace(into / GIVEN / name)
    (into / FORM).write_bytes(canonical.dumps(opened.profile))


def _take(reader: DeliveryReader, raw: bytes, into: Path, limits: Limits, signed: str = "") -> Received:
    """Receive what ``raw``, the case.json, names. The rest of `receive`, alike for all forms. ``signed`` is the SHA-256 of a
    delivery that carries its own signature."""
    try:
        head = envelope(strictjson.loads(raw))
    except strictjson.BadJson as e:
        return _ended(Finding("RCV-JSON-BROKEN", path=METADATA, params={"reason": str(e)}))
    except BadEnvelope as e:
        return _ended(Finding("RCV-ENVELOPE", path=METADATA, params={"reason": str(e)}))
    if head.secret:  # not a byte of its files is read
        return _ended(Finding("RCV-CLASSIFIED", path=METADATA, params={"level": head.classification}), head)
    if not head.files:
        return _ended(Finding("RCV-NO-FILES", path=METADATA), head)
    (into / METADATA).write_bytes(raw)
    (into / "files").mkdir()
    try:
        findings, files = _fetch(reader, head, into, limits)
    except DeliveryGone:
        return _ended(Finding("RCV-DELIVERY-VANISHED"), head)
    return Received(findings, files, head.case_no, head.version, _content_digest(raw, files, signed))


def _ended(finding: Finding, head: Envelope | None = None) -> Received:
    if head is None:
        return Received([finding], [], final=True)
    return Received([finding], [], head.case_no, head.version, final=True)


def _fetch(
    reader: DeliveryReader, head: Envelope, into: Path, limits: Limits
) -> tuple[list[Finding], list[StagedFile]]:
    present = reader.names()
    by_nfc = {unicodedata.normalize("NFC", n): n for n in present}
    exact = set(present)
    findings: list[Finding] = []
    files: list[StagedFile] = []
    taken: set[str] = set()
    twins: dict[str, str] = {}
    for i, declared in enumerate(head.files[: limits.files], start=1):
        path = unicodedata.normalize("NFC", declared.path)
        problem = _name_problem(declared.path)
        if problem is not None:
            findings.append(problem)
            continue
        if (twin := twins.get(path.casefold())) is not None:
            findings.append(Finding("RCV-NAME-TWIN", path=declared.path, params={"other": twin}))
            continue
        twins[path.casefold()] = declared.path
        at_source = declared.path if declared.path in exact else by_nfc.get(path)
        if at_source is None:
            findings.append(Finding("RCV-FILE-MISSING", path=declared.path))
            continue
        taken.add(at_source)
        if path != declared.path:
            findings.append(Finding("RCV-NAME-NOT-NFC", path=declared.path))
        name = f"files/{i:04d}"
        try:
            with reader.open(at_source) as source:
                file, wrong = _copy(source, into / name, declared, path, name, limits)
        except ContentDamaged as e:
            findings.append(Finding("FMT-UNREADABLE", path=declared.path, params={"detail": str(e)}))
            continue
        except OSError as e:
            if _is_ours(e):
                raise
            findings.append(Finding("RCV-PATH-UNSAFE", path=declared.path))
            continue
        findings += wrong
        if file is not None:
            files.append(file)
    findings += [Finding("RCV-FILE-EXTRA", path=_shown(n)) for n in present if n not in taken]
    return findings, files


def _copy(
    source: BinaryIO, target: Path, declared: DeclaredFile, path: str, name: str, limits: Limits
) -> tuple[StagedFile | None, list[Finding]]:
    """The one pass: copy, count, SHA-256, SM3, CRC-32, and whatever digests the source gave."""
    sha256, sm3, crc, size = hashlib.sha256(), hashlib.new("sm3"), 0, 0
    given = {a: h for a, h in declared.digests.items() if a != "SHA-256"}
    others = {a: hashlib.new(a.replace("-", "").lower(), usedforsecurity=False) for a in given if a != "SM3"}
    with target.open("wb", buffering=0) as out:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limits.file_bytes:
                return None, [
                    Finding("RCV-FILE-TOO-LARGE", path=declared.path, params={"limit": str(limits.file_bytes)})
                ]
            sha256.update(chunk)
            sm3.update(chunk)
            crc = zlib.crc32(chunk, crc)
            for digest in others.values():
                digest.update(chunk)
            _write_all(out.fileno(), chunk)
    file = StagedFile(path, declared.path, name, size, sha256.hexdigest(), sm3.hexdigest(), crc)
    actual = {"SHA-256": file.sha256, "SM3": file.sm3} | {a: d.hexdigest() for a, d in others.items()}
    findings = [
        Finding("RCV-DIGEST-MISMATCH", path=declared.path, params={"algorithm": algorithm})
        for algorithm, expected in declared.digests.items()
        if actual[algorithm] != expected.lower()
    ]
    if declared.size is not None and declared.size != size:
        findings.append(
            Finding(
                "RCV-SIZE-MISMATCH", path=declared.path, params={"actual": str(size), "declared": str(declared.size)}
            )
        )
    return file, findings


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _name_problem(path: str) -> Finding | None:
    parts = path.split("/")
    if (
        any(p in ("", ".", "..") for p in parts)
        or "\\" in path
        or any(unicodedata.category(c) in ("Cc", "Cs") for c in path)
        or (len(path) > 1 and path[1] == ":")
    ):
        return Finding("RCV-PATH-UNSAFE", path=path)
    longest = max(len(unicodedata.normalize("NFC", p).encode()) for p in parts)
    if longest > _NAME_BYTES:
        return Finding("RCV-NAME-TOO-LONG", path=path, params={"bytes": str(longest)})
    return None


def _is_ours(error: OSError) -> bool:
    """Whether an OSError is trouble of this machine (disk full, I/O) rather than a link or device at the source."""
    return error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.ENOMEM)


def _shown(name: str) -> str:
    """A name that may hold undecodable bytes, in a form that can be stored and shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _content_digest(raw: bytes, files: Iterable[StagedFile], signed: str) -> str:
    """SHA-256 over what was delivered: two deliveries with the same digest are the same delivery. The same content signed anew
    is another one: what was decided on the old signature does not hold for it."""
    digest = hashlib.sha256(hashlib.sha256(raw).digest())
    for f in sorted(files, key=lambda f: f.path):
        digest.update(f"{f.sha256}  {f.path}\n".encode())
    if signed:
        digest.update(f"{signed}\n".encode())
    return digest.hexdigest()


def findings_of(data: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Findings back from their stored form."""
    return [Finding.from_json(d) for d in data]
