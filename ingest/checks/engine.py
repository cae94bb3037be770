"""The 四性检测 of one record: everything that can be checked is, each file read once, and all findings come together."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.checks import accepted, archives, formats, items, materials, pixels, policy, readable, scans, virus
from ingest.checks.items import Circumstances
from ingest.checks.ofdzip import BadZip
from ingest.findings import Finding
from ingest.metadata import validate
from ingest.metadata.canonical import normalised
from ingest.metadata.parts import Json, rows, text, whole
from ingest.model import StagedFile

if TYPE_CHECKING:
    from ingest.signatures import FileVerdict, TrustStore

# After these a file is not opened again, not even to look at its signatures.
_HOSTILE = {
    "FMT-EMPTY", "FMT-ZIP-BOMB", "FMT-ZIP-UNSAFE-PATH", "FMT-ZIP-DUPLICATE", "FMT-ENCRYPTED", "FMT-COMPRESSION", "FMT-XML-DTD"
}  # fmt: skip
_SIGNED = {"pdf", "pdfa", "ofd"}
_PICTURES = {"jpeg", "png", "tiff"}


class StagingAltered(Exception):
    """A staged file is not as receive left it: trouble of this machine, never the producer's."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignedWhole:
    """A delivery that carries its own signature, kept whole: its ``name`` at the source, its ``path`` below the package's
    metadata, the ``file`` where it stands now, and its size and SHA-256 (hex) as it came in."""

    name: str
    path: str
    file: Path
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may know besides the record: no clock, no network.

    ``as_of`` is the night's logical time (aware), ``agency`` the registry entry of the agency that delivered, ``trust`` the
    anchors against which signatures are judged, ``prior`` what receive found, ``scanner`` an anti-virus engine if there is one,
    ``decisions`` what people decided about the record while it was held, ``lacks`` what the form of its delivery cannot carry,
    ``whole`` the delivery itself where it is signed, ``scans`` whether it is the scans of a traditional archive.
    """

    as_of: dt.datetime
    agency: Mapping[str, Any]
    trust: TrustStore
    prior: Sequence[Finding] = ()
    scanner: virus.Scanner | None = None
    decisions: Sequence[Mapping[str, Any]] = ()
    lacks: frozenset[str] = frozenset()
    whole: SignedWhole | None = None
    scans: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check stage found.

    ``findings`` include receive's; ``items`` are the results by item of DA/T 70; ``signatures`` one verdict a file
    and one on a delivery that is signed itself; ``evidence`` certificates and revocation lists by name; ``formats`` by payload
    path; ``record`` the canonical record; ``circumstances`` what the items' results rest on besides.
    """

    findings: list[Finding]
    items: list[dict[str, Any]]
    signatures: list[dict[str, Any]]
    evidence: dict[str, bytes]
    formats: dict[str, dict[str, Any]]
    record: dict[str, Any]
    circumstances: Circumstances


@dataclasses.dataclass(frozen=True, slots=True)
class FileReport:
    """One file: findings, the format found (JSON-ready), and the verdict on its signatures where it can carry any."""

    findings: list[Finding]
    format: dict[str, Any]
    verdict: FileVerdict | None = None


def run(case: dict[str, Any], files: Sequence[StagedFile], base: Path, context: CheckContext) -> CheckReport:
    """Check one record whose files stand below ``base``.

    Raises StagingAltered or OSError for machine trouble; bad content, however bad, gives findings.
    """
    findings = [
        *context.prior,
        *validate(case, context.as_of, context.agency, context.lacks),
        *(() if context.scans else materials.check(case, context.agency)),
    ]
    findings += _unmatched(case, files, findings)
    declared = {path: row for _, row in rows(case, "files") if (path := text(row, "path"))}
    about = _signed_beside(files, base)
    signed = {target.source_path for target in about.values()}
    reports = {
        file.path: check_signature(file, about[file.path], declared.get(file.source_path, {}), base, context)
        if file.path in about
        else check_file(file, declared.get(file.source_path, {}), base, context, file.source_path in signed)
        for file in files
    }
    engine, scanned = scan(files, base, context.scanner)
    findings += scanned
    evidence: dict[str, bytes] = {}
    signatures = []
    for path, report in reports.items():
        findings += report.findings
        if report.verdict is not None:
            beside = {"about_path": about[path].path} if path in about else {}
            signatures.append(report.verdict.as_json() | {"archived_path": path} | beside)
            evidence |= report.verdict.evidence_files()
    if context.whole is not None:
        verdict = check_whole(context.whole, context)
        findings += verdict.findings(context.agency.get("policy", {}))
        signatures.append(verdict.as_json() | {"metadata_path": context.whole.path})
        evidence |= verdict.evidence_files()
    found = {path: report.format for path, report in reports.items()}
    if context.scans:
        findings += scans.check(case, files, found, base)
    findings = accepted.soften(findings, context.decisions)
    circumstances = Circumstances(engine)
    return CheckReport(
        findings, items.results(findings, circumstances), signatures, evidence, found, _record(case, files, found), circumstances
    )  # fmt: skip


def scan(files: Sequence[StagedFile], base: Path, scanner: virus.Scanner | None) -> tuple[str | None, list[Finding]]:
    """The engine that answered, or None, and what it found. An engine that is away is said once."""
    if scanner is None:
        return None, []
    try:
        engine = scanner.version()
    except virus.ScannerAway as exc:
        return None, [Finding("VIR-NOT-SCANNED", params={"detail": str(exc)})]
    codes = {virus.State.INFECTED: "VIR-FOUND", virus.State.NOT_SCANNED: "VIR-NOT-SCANNED"}
    limit = policy.limits().whole_file_bytes
    scans = [(file.source_path, virus.scan_file(scanner, base / file.staged, limit)) for file in files]
    return engine, [Finding("VIR-SCANNED", params={"engine": engine})] + [
        Finding(codes[scan.state], path=path, params={"detail": scan.detail})
        for path, scan in scans
        if scan.state in codes
    ]


def _unmatched(case: dict[str, Any], files: Sequence[StagedFile], found: Sequence[Finding]) -> Iterator[Finding]:
    """Files named but not there, and there but not named, unless receive has said so already."""
    said = {finding.path for finding in found if finding.code.startswith(("RCV-", "FMT-"))}
    named = dict.fromkeys(path for _, row in rows(case, "files") if (path := text(row, "path")))
    there = {file.source_path for file in files}
    for path in named:
        if path not in there and path not in said:
            yield Finding("RCV-FILE-MISSING", path=path)
    for file in files:
        if file.source_path not in named and file.source_path not in said:
            yield Finding("RCV-FILE-EXTRA", path=file.source_path)


def _signed_beside(files: Sequence[StagedFile], base: Path) -> dict[str, StagedFile]:
    """Detached signature files by their path, each with the file of the record that it signs."""
    from ingest.signatures import detached_target
    from ingest.signatures.detached import MAX_BYTES, is_detached

    by_name = {file.source_path: file for file in files}
    out: dict[str, StagedFile] = {}
    for file in files:
        target = detached_target(file.source_path, by_name)
        if target is None or not 0 < file.size <= MAX_BYTES:
            continue
        if is_detached(file.source_path, (base / file.staged).read_bytes()):
            out[file.path] = by_name[target]
    return out


def check_signature(
    file: StagedFile, target: StagedFile, declared: Json, base: Path, context: CheckContext
) -> FileReport:
    """Check a detached signature over the file ``target`` that stands beside it."""
    from ingest.signatures import verify_detached
    from ingest.signatures.cms import StreamContent

    for each in (file, target):
        _as_received(each, base)
    name, found = file.source_path, formats.beside()
    # The digests that receive took spare reading the signed file again, however large it is.
    digests = {"sha256": bytes.fromhex(target.sha256), "sm3": bytes.fromhex(target.sm3)}
    content = StreamContent(lambda: _pieces(base / target.staged), target.size, digests)
    verdict = verify_detached(
        (base / file.staged).read_bytes(), content, name, context.trust, context.as_of, target.source_path
    )
    form = policy.formats()[str(found.own)]
    findings = [
        *_as_declared(form, None, name, declared), *verdict.findings(context.agency.get("policy", {})),
    ]  # fmt: skip
    return FileReport(findings, found.as_json() | {"format": form.id, "zh": form.zh, "pages": None}, verdict)


def check_whole(whole: SignedWhole, context: CheckContext) -> FileVerdict:
    """The verdict on the signature that a delivery carries over itself. Raises StagingAltered."""
    from ingest.signatures import verify_eep
    from ingest.signatures.dispatch import MAX_STRUCTURE

    if (size := whole.file.stat().st_size) != whole.size:
        raise StagingAltered(f"{whole.file.name}: {size} bytes, received {whole.size}")
    data = whole.file.read_bytes() if size <= MAX_STRUCTURE else None
    if data is not None and hashlib.sha256(data).hexdigest() != whole.sha256:
        raise StagingAltered(f"{whole.file.name}: SHA-256")
    return verify_eep(data, whole.name, context.trust, context.as_of)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _as_received(file: StagedFile, base: Path) -> Path:
    staged = base / file.staged
    if (size := staged.stat().st_size) != file.size:
        raise StagingAltered(f"{file.staged}: {size} bytes, received {file.size}")
    return staged


def check_file(
    file: StagedFile, declared: Json, base: Path, context: CheckContext, signed_beside: bool = False
) -> FileReport:
    """Check one staged file against itself and its row in the metadata (``declared``, may be empty). ``signed_beside``: a
    detached signature speaks for it, so it is not reported as unsigned."""
    staged = _as_received(file, base)
    limit = policy.limits().whole_file_bytes
    name, size = file.source_path, file.size
    if size == 0:
        return FileReport([Finding("FMT-EMPTY", path=name)], {"pronom": "UNKNOWN", "name": "", "pages": None})
    data = staged.read_bytes() if size <= limit else None
    try:
        found = formats.identify(staged, name, data)
    except BadZip as exc:
        return FileReport(
            [Finding(exc.code, path=name, params={"detail": exc.detail})],
            {"pronom": "x-fmt/263", "name": "ZIP Format", "pages": None},
        )
    form = found.accepted
    if form is None:
        refused = _refused(found, name, data)
        # A lone seal or signature value has no PRONOM identifier; what can be said of it is said beside the refusal.
        verdict = _judge(data, name, context) if data is not None else None
        if verdict is None or not verdict.signatures:
            return FileReport(refused, found.as_json() | {"pages": None})
        said = verdict.findings(context.agency.get("policy", {}))
        return FileReport([*refused, *said], found.as_json() | {"pages": None}, verdict)
    if data is None:
        findings = (
            [] if form.reader == "head" else [Finding("FMT-TOO-LARGE-TO-OPEN", path=name, params={"limit": str(limit)})]
        )
        return FileReport([*findings, *_as_declared(form, None, name, declared)], found.as_json() | {"pages": None})
    reading = readable.read(form.reader, data, policy.limits())
    findings = [
        Finding(code, path=name, params={"detail": detail} if detail else {}) for code, detail in reading.faults
    ]
    if form.reader in _PICTURES and not findings and (broken := pixels.decode(data)):
        findings.append(Finding("FMT-UNREADABLE", path=name, params={"detail": broken}))
    findings += _as_declared(form, reading.pages, name, declared)
    verdict = None
    if not _HOSTILE.intersection(finding.code for finding in findings):
        verdict = _judge(data, name, context)
        silent = not verdict.signatures and not verdict.causes
        if silent and (signed_beside or context.scans) and form.id in _SIGNED:
            pass  # its signature is judged in the file beside it, or it is a picture of paper that nobody signs
        elif form.id in _SIGNED or not silent:
            findings += verdict.findings(context.agency.get("policy", {}))
        else:
            verdict = (
                None  # data and pictures are not expected to be signed: the policy on unsigned files is not for them
            )
    return FileReport(findings, found.as_json() | _opened(form, reading), verdict)


def _opened(form: policy.Format, reading: readable.Reading) -> dict[str, Any]:
    """What opening a file adds to its identity."""
    about: dict[str, Any] = {"format": form.id, "zh": form.zh, "pages": reading.pages}
    if reading.root is not None:
        kind = policy.xml_kind(reading.root)
        about |= {"root": reading.root} | ({"kind": kind} if kind else {})
    return about


def _judge(data: bytes, name: str, context: CheckContext) -> FileVerdict:
    from ingest.signatures import verify

    return verify(data, name, context.trust, context.as_of)


def _refused(found: formats.FormatResult, name: str, data: bytes | None) -> list[Finding]:
    """Why a file of no accepted format is not taken: an archive is called one, macros and passwords are named."""
    hidden = archives.hidden(data, policy.limits()) if data is not None else []
    said = [Finding(code, path=name, params={"detail": detail, "name": detail}) for code, detail in hidden]
    if any(code == "FMT-ARCHIVE" for code, _ in hidden):
        return said
    if found.pronom == "UNKNOWN":
        return said or [Finding("FMT-UNKNOWN", path=name)]
    return [Finding("FMT-NOT-ALLOWED", path=name, params={"name": found.name, "pronom": str(found.pronom)}), *said]


def _as_declared(form: policy.Format, pages: int | None, name: str, declared: Json) -> Iterator[Finding]:
    """The electronic attributes as recorded (GD-1-10): extension, format, pages."""
    extension = formats.extension(name)
    if extension not in form.extensions:
        yield Finding("FMT-EXTENSION-MISMATCH", path=name, params={"extension": extension, "name": form.zh})
    stated = text(declared, "format")
    if stated and stated.upper() not in form.declared:
        yield Finding("FMT-DECLARED-MISMATCH", path=name, params={"declared": stated[:20], "name": form.zh})
    counted = whole(declared, "pages")
    if pages is not None and counted is not None and counted != pages:
        yield Finding("FMT-PAGES", path=name, params={"stated": str(counted), "pages": str(pages)})


def _record(case: dict[str, Any], files: Sequence[StagedFile], found: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The canonical record: the case, codes normalised, and beside each file what the archive itself found out."""
    record = normalised(case)
    staged = {file.source_path: file for file in files}
    for _, row in rows(record, "files"):
        file = staged.get(str(row.get("path")))
        if file is not None and isinstance(row, dict):
            row["archived"] = {
                "path": file.path,
                "size": file.size,
                "digest": {"SHA-256": file.sha256, "SM3": file.sm3},
                "format": found[file.path],
            }
    return record
