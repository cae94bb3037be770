"""One door for every file: what it is, is decided by its first bytes and its structure, never by its name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import TypeVar

from ingest.signatures import cms, der, seals, ses
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, Verdict, fold, worst

_ZIP_END = 22 + 65_535  # the end record of a ZIP and the longest comment after it
# Member names stand in the clear in a ZIP's directory. A package without its root but with signature parts is no less
# an OFD for that: it must not pass as an unsigned file of some other kind.
_OFD_NAME = re.compile(rb"(?i)ofd\.xml|signedvalue\.dat|signatures\.xml")
_PDF_SIGNATURE = re.compile(rb"/ByteRange\s*\[\s*0+\s+\d+\s+\d+\s+\d+\s*\]")
_XML_START = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<")
# The namespaces of XML-DSig and of DA/T 48, in any encoding whose ASCII stands in the clear or with zeros between.
_XML_MARKS = re.compile(
    b"\0?".join(re.escape(bytes((c,))) for c in b"/xmldsig#")
    + b"|"
    + b"\0?".join(re.escape(bytes((c,))) for c in b"/ERM/encapsulation")
)
MAX_STRUCTURE = 64 << 20  # a lone seal or signature value; anything larger is some other file


def verify(data: bytes, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    """Judge every signature in a file.

    ``data`` is the whole file, ``name`` its path as the verdict shall name it, ``at`` the aware moment of judging (no
    clock is read). Bad content never raises: it is INVALID or INDETERMINATE with a code. A file of a format that carries
    no signatures, or without any, is UNSIGNED.
    """
    return _safely(_verify, data, name, trust, at)


def verify_eep(data: bytes | None, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    """Judge what a delivered EEP (DA/T 48) says of itself: its 电子签名块, XML-DSig, XAdES.

    As `verify`, for a document of which it is known that it is signed: it is never UNSIGNED, whatever its namespaces look like.
    ``data`` is None for one larger than `MAX_STRUCTURE`, which is not judged, and said so.
    """
    return _safely(_verify_eep, data, name, trust, at)


_Data = TypeVar("_Data", bytes, bytes | None)


def _safely(
    judge: Callable[[_Data, str, TrustStore, dt.datetime], FileVerdict],
    data: _Data, name: str, trust: TrustStore, at: dt.datetime,
) -> FileVerdict:  # fmt: skip
    if at.tzinfo is None:
        raise ValueError("the moment of judging needs a time zone")
    at = at.astimezone(dt.UTC)
    try:
        return judge(data, name, trust, at)
    except (MemoryError, RecursionError) as error:
        cause = Cause("SIG-RESOURCES", Effect.INDETERMINATE, {"detail": type(error).__name__})
    except Exception as error:  # hostile content must not end a batch; the fuzzer counts this code as a failure
        cause = Cause("SIG-INTERNAL", Effect.INDETERMINATE, {"detail": f"{type(error).__name__}: {error}"[:200]})
    return FileVerdict(name, fold([cause]), (), (cause,), trust.digest, at.isoformat())


def _verify(data: bytes, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    package = data[:2] == b"PK" or b"PK\5\6" in data[-_ZIP_END:]
    package = package and _OFD_NAME.search(data) is not None
    if data[:2] != b"PK" and (b"%PDF-" in data[:1024] or _PDF_SIGNATURE.search(data)):
        from ingest.signatures.pdf import verify_pdf

        found = verify_pdf(data, name, trust, at)
        return _with_cause(found, Cause("SIG-POLYGLOT", Effect.INDETERMINATE)) if package else found
    if package:
        from ingest.signatures.ofd import verify_ofd

        return verify_ofd(data, name, trust, at)
    if _XML_START.match(data[:64]) and len(data) <= MAX_STRUCTURE and _XML_MARKS.search(data):
        from ingest.signatures.xmlsig import verify_xml

        judged = verify_xml(data, name, trust, at)
        if judged is not None:
            return judged
    if data[:1] == b"\x30" and len(data) <= MAX_STRUCTURE:
        judges = _lone_structure(data, trust, at)
        if judges:
            verdicts = tuple(judge.verdict() for judge in judges)
            verdict = worst(v.verdict for v in verdicts)
            return FileVerdict(name, verdict, verdicts, (), trust.digest, at.isoformat())
    return FileVerdict(name, Verdict.UNSIGNED, (), (), trust.digest, at.isoformat())


def _verify_eep(data: bytes | None, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    from ingest.signatures.xmlsig import verify_xml

    if data is None:
        cause = Cause("SIG-EEP-TOO-LARGE", Effect.INDETERMINATE, {"limit": str(MAX_STRUCTURE)})
    elif (judged := verify_xml(data, name, trust, at)) is not None:
        return judged
    else:  # read by two parsers, and they do not agree that it is signed
        cause = Cause("SIG-NOT-JUDGED", Effect.INDETERMINATE)
    return FileVerdict(name, fold([cause]), (), (cause,), trust.digest, at.isoformat())


def _with_cause(found: FileVerdict, cause: Cause) -> FileVerdict:
    causes = (*found.causes, cause)
    return dataclasses.replace(found, causes=causes, verdict=worst([found.verdict, fold(causes)]))


def _lone_structure(data: bytes, trust: TrustStore, at: dt.datetime) -> list[Judge]:
    """A seal (.esl), a seal signature (SignedValue.dat) or a CMS signature on its own; none when it is something else."""
    try:
        first = der.parse(data).fields(2)[0]
    except der.DerError:
        return []
    if first.tag == der.OID:
        return _lone_cms(data, trust, at)
    if first.tag != der.SEQUENCE:
        return []
    try:
        signature = ses.parse_signature(data)
    except der.DerError:
        pass
    else:
        judge = Judge(f"ses-{signature.version}")
        judge.skip(Aspect.COVERAGE)
        _guarded(judge, lambda: seals.judge_seal_signature(judge, signature, None, trust, at))
        return [judge]
    try:
        seal = seals.read_seal(data)
    except der.DerError:
        return []
    judge = Judge(f"seal-{seal.version}")
    judge.skip(Aspect.INTEGRITY)
    judge.skip(Aspect.COVERAGE)
    _guarded(judge, lambda: seals.judge_seal(judge, seal, trust, at, None))
    return [judge]


def _guarded(judge: Judge, work: Callable[[], None]) -> None:
    """Parts of a structure are read only when they are needed; a broken one is found then."""
    try:
        work()
    except der.DerError as error:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error))


def _lone_cms(data: bytes, trust: TrustStore, at: dt.datetime) -> list[Judge]:
    from ingest.signatures.detached import judge_signed_data

    try:
        parsed = cms.parse(data)
    except der.DerError:
        return []
    try:
        return judge_signed_data(parsed, None, trust, at)
    except der.DerError as error:
        judge = Judge("cms")
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-VALUE-BROKEN", detail=str(error))
        return [judge]
