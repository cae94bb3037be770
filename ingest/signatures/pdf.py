"""Signatures in PDF files, judged: PAdES, adbe.pkcs7.detached/sha1, document timestamps, SM2 in CMS and GB/T 35275,
and electronic seals (GM.sm2seal)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Sequence

from ingest.signatures import cms, der, ocsp, seals, ses, timestamps
from ingest.signatures.certs import Certificate, RevocationList, parse_certificate, parse_crl
from ingest.signatures.cms import Content, Form
from ingest.signatures.pdf_archival import read_archival_pdf
from ingest.signatures.pdf_lean import holds_no_signature, is_plainly_unsigned, read_plain_pdf
from ingest.signatures.pdf_model import Changes, Coverage, PdfSignature, PdfStructure, PdfUnreadableError
from ingest.signatures.revocation import Source
from ingest.signatures.signer import Around, judge_signer, only_signer
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, Verdict, fold, worst

_DETACHED = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached"})
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*0+\s+\d+\s+\d+\s+\d+\s*\]")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([Zz+-])(?:(\d\d)'?(?:(\d\d)'?)?)?)?")
_WHITE = b"\0\t\n\f\r "


def verify_pdf(data: bytes, name: str, store: TrustStore, at: dt.datetime) -> FileVerdict:
    """The verdict on one PDF file. Whatever is wrong with its content becomes a cause, never an exception."""
    judged_at = at.isoformat()
    structure = read_archival_pdf(data) or read_plain_pdf(data)
    if structure is None and is_plainly_unsigned(data):
        return FileVerdict(name, Verdict.UNSIGNED, (), (), store.digest, judged_at)
    marks = len(structure.signatures) if structure else len(_BYTE_RANGE.findall(data))
    try:
        structure = structure or _read_any_pdf(data)
    except PdfUnreadableError as error:
        if error.code == "SIG-PDF-UNREADABLE" and marks == 0 and holds_no_signature(data):
            return FileVerdict(name, Verdict.UNSIGNED, (), (), store.digest, judged_at)
        # A file that shows marks of a signature but cannot be read is not what was signed; without marks nobody knows.
        broken = error.code in ("SIG-PDF-UNREADABLE", "SIG-PDF-LIMIT") and marks > 0
        effect = Effect.INVALID if broken else Effect.INDETERMINATE
        found = [Cause(error.code, effect, {"detail": error.detail})]
        if broken and _trailing(data):
            found.append(Cause("SIG-PDF-TRAILING-BYTES", effect))
        return FileVerdict(name, fold(found), (), tuple(found), store.digest, judged_at)
    judges = judge_structure(data, structure, store, at)
    causes = [*structure.causes, *_stray(structure, marks)]
    verdicts = tuple(judge.verdict() for judge in judges)
    verdict = worst([*(v.verdict for v in verdicts), *([fold(causes)] if _decides(causes) else [])])
    return FileVerdict(name, verdict, verdicts, tuple(causes), store.digest, judged_at)


def _read_any_pdf(data: bytes) -> PdfStructure:
    """The full reading; pyHanko takes a second to import, so it waits for the first file that needs it. A file that breaks
    the standard in ways that pyHanko can read over is judged too, but never better than INDETERMINATE."""
    from ingest.signatures.pdf_full import read_pdf

    try:
        return read_pdf(data)
    except PdfUnreadableError as error:
        if error.code != "SIG-PDF-UNREADABLE":
            raise
        try:
            structure = read_pdf(data, strict=False)
        except PdfUnreadableError:
            raise error from None
        if not structure.signatures:
            raise
        cause = Cause("SIG-PDF-SLOPPY", Effect.INDETERMINATE, {"detail": error.detail})
        return dataclasses.replace(structure, causes=(cause,))


def _trailing(data: bytes) -> bool:
    """Whether anything but white space follows the last end-of-file mark."""
    end = data.rfind(b"%%EOF")
    return end >= 0 and bool(data[end + 5 :].strip(_WHITE))


def _decides(causes: Sequence[Cause]) -> bool:
    return any(cause.effect is not Effect.NOTE for cause in causes)


def _stray(structure: PdfStructure, marks: int) -> list[Cause]:
    """Byte ranges in the file that no signature field leads to: a seal may have been unhooked from the form."""
    reached = len(structure.signatures)
    if marks <= reached:
        return []
    covered = any(signature.coverage is Coverage.FILE for signature in structure.signatures)
    effect = Effect.NOTE if covered else Effect.INDETERMINATE
    return [Cause("SIG-PDF-ORPHAN", effect, {"count": str(marks - reached)})]


@dataclasses.dataclass(frozen=True)
class _Help:
    """Validation data that came inside the file: believed only by their issuers' signatures."""

    certificates: tuple[Certificate, ...]
    sources: tuple[Source, ...]


def _help(structure: PdfStructure) -> _Help:
    certificates: list[Certificate] = []
    crls: list[RevocationList] = []
    for raw in structure.certificates:
        try:
            certificates.append(parse_certificate(raw))
        except der.DerError:
            continue  # other certificates may still complete the chain
    for raw in structure.crls:
        try:
            crls.append(parse_crl(raw))
        except der.DerError:
            continue
    return _Help(tuple(certificates), (*crls, *ocsp.answers_from(structure.ocsps)))


def judge_structure(data: bytes, structure: PdfStructure, store: TrustStore, at: dt.datetime) -> list[Judge]:
    """A judge for each signature, in the file's order. Document timestamps are judged first: they prove that what they
    cover existed."""
    helped = _help(structure)
    judges: dict[int, Judge] = {}
    proofs: list[tuple[int, dt.datetime]] = []
    order = sorted(range(len(structure.signatures)), key=lambda i: not structure.signatures[i].document_timestamp)
    for index in order:
        signature = structure.signatures[index]
        judge = Judge("pdf")
        judges[index] = judge
        judge.evidence["field"] = signature.field[:200]
        judge.evidence["subfilter"] = signature.subfilter.lstrip("/")[:60]
        content = _content(data, signature)
        try:
            if signature.document_timestamp or signature.subfilter == "/ETSI.RFC3161":
                proof = _document_timestamp(judge, signature, content, store, at, helped)
            else:
                reach = _reach(signature)
                covering = [when for end, when in proofs if end >= reach]
                proof = None
                _judge_signature(judge, signature, content, store, at, helped, min(covering, default=None))
        except der.DerError as error:
            judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error))
            proof = None
        _judge_coverage(judge, data, signature)
        if proof is not None and judge.verdict().verdict is Verdict.VALID:
            proofs.append((_reach(signature), proof))
    return [judges[index] for index in range(len(structure.signatures))]


def _reach(signature: PdfSignature) -> int:
    return sum(signature.byte_range[2:4]) if len(signature.byte_range) == 4 else 0


def _content(data: bytes, signature: PdfSignature) -> Content:
    """The bytes that the byte range names, as far as the file has them."""
    view = memoryview(data)
    numbers = signature.byte_range
    return Content(*(view[a : a + n] for a, n in zip(numbers[::2], numbers[1::2], strict=False) if a >= 0 and n >= 0))


def _document_timestamp(
    judge: Judge, signature: PdfSignature, content: Content, store: TrustStore, at: dt.datetime, helped: _Help
) -> dt.datetime | None:
    judge.kind = "pdf-document-timestamp"
    return timestamps.verify_timestamp(
        judge, signature.contents, content, store, at, helped.certificates, helped.sources, trailing=True
    )


def _judge_signature(
    judge: Judge, signature: PdfSignature, content: Content, store: TrustStore, at: dt.datetime, helped: _Help,
    archived: dt.datetime | None,
) -> None:  # fmt: skip
    claimed = parse_date(signature.modified)
    if signature.subfilter == "/adbe.x509.rsa_sha1":
        # A bare RSA value over SHA-1 with its certificate outside it (deprecated by ISO 32000-2): it could prove nothing.
        judge.kind = "pdf-rsa-sha1"
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-PDF-RSA-SHA1")
        return
    first = der.parse(signature.contents, trailing=True).fields(1)[0]
    if first.tag == der.SEQUENCE:
        seal_signature = ses.parse_signature(signature.contents, trailing=True)
        judge.kind = f"pdf-seal-{seal_signature.version}"
        seals.judge_seal_signature(judge, seal_signature, content, store, at, claimed)
        return
    data = cms.parse(signature.contents, trailing=True)
    form = Form.DETACHED
    if signature.subfilter == "/adbe.pkcs7.sha1":
        form = Form.SHA1_INSIDE
    elif signature.subfilter not in _DETACHED:
        judge.note(Aspect.INTEGRITY, "SIG-PDF-SUBFILTER", subfilter=signature.subfilter[:60])
    judge.kind = "pdf-cms"
    signer = only_signer(judge, data)
    if signer is None:
        return
    around = Around(claimed, archived, helped.certificates, helped.sources)
    certificate = judge_signer(judge, data, signer, content, form, store, at, around)
    judge.kind = _kind(signature, data, certificate)


def _kind(signature: PdfSignature, data: cms.SignedData, certificate: Certificate | None) -> str:
    if data.gm:
        return "pdf-gbt35275"
    if certificate is not None and certificate.key.is_sm2:
        return "pdf-cms-sm2"
    return "pdf-pades" if signature.subfilter == "/ETSI.CAdES.detached" else "pdf-cms"


_CHANGE_CODES = {
    Changes.ARCHIVAL: "SIG-PDF-ARCHIVAL-UPDATE",
    Changes.SIGNATURES: "SIG-PDF-LATER-SIGNATURE",
    Changes.FORM: "SIG-PDF-FORM-FILLED",
    Changes.ANNOTATIONS: "SIG-PDF-ANNOTATED",
    Changes.OTHER: "SIG-PDF-CHANGED",
}


def _judge_coverage(judge: Judge, data: bytes, signature: PdfSignature) -> None:
    """What the byte range leaves out and what came later. Archival data and further signatures are clean; filled fields
    and annotations can show other content than what was signed, so a person decides; the rest is a change."""
    judge.evidence["coverage"] = signature.coverage.name.lower()
    judge.evidence["changes"] = signature.changes.name.lower()
    reach = _reach(signature)
    judge.evidence["uncovered"] = [] if reach >= len(data) else [f"bytes {reach}..{len(data)}"]
    if signature.coverage is Coverage.UNCLEAR:
        judge.fail(Aspect.COVERAGE, "SIG-PDF-BYTE-RANGE")
        return
    if signature.coverage is Coverage.BLOCK:
        judge.fail(Aspect.COVERAGE, "SIG-PDF-TAIL-UNCOVERED", count=str(len(data) - reach))
        return
    if signature.coverage is Coverage.REVISION and _trailing(data):
        judge.fail(Aspect.COVERAGE, "SIG-PDF-TRAILING-BYTES")
    code = _CHANGE_CODES.get(signature.changes)
    if signature.forbidden:
        judge.fail(Aspect.COVERAGE, "SIG-PDF-FORBIDDEN-CHANGE")
    if signature.changes is Changes.OTHER:
        judge.fail(Aspect.COVERAGE, "SIG-PDF-CHANGED", detail=signature.detail)
    elif signature.changes in (Changes.FORM, Changes.ANNOTATIONS) and code:
        judge.doubt(Aspect.COVERAGE, code)
    elif code:
        judge.note(Aspect.COVERAGE, code)
    elif signature.coverage is Coverage.REVISION:
        judge.note(Aspect.COVERAGE, "SIG-PDF-TRAILING-WHITESPACE")
    judge.ok(Aspect.COVERAGE)


def parse_date(text: str) -> dt.datetime | None:
    """A PDF date (ISO 32000-1 §7.9.4) as an aware datetime; without a zone it is read as Chinese local time."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, zone_hour, zone_minute = match.groups()
    shift = dt.timedelta(hours=int(zone_hour or 0), minutes=int(zone_minute or 0))
    if not sign:
        shift = dt.timedelta(hours=8)
    elif sign == "-":
        shift = -shift
    try:
        return dt.datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=dt.timezone(shift),
        ).astimezone(dt.UTC)  # fmt: skip
    except (ValueError, OverflowError):
        return None
