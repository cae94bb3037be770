"""CMS and GB/T 35275 signatures in files of their own (.p7s, .p7m), with or without the file they are about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from ingest.signatures import cms, der
from ingest.signatures.cms import Content, Form
from ingest.signatures.signer import Around, judge_signer, only_signer
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, SignatureVerdict, fold, worst

MAX_SIGNERS = 100
MAX_BYTES = 64 << 20
# The first two are signatures by their name alone; what the others are, their content must say.
_ALWAYS = frozenset({".p7s", ".p7"})
SUFFIXES = _ALWAYS | {".p7b", ".sig", ".sign"}


def detached_target(name: str, names: Collection[str]) -> str | None:
    """Which file of a record a detached signature file is about: ``a.pdf.p7s`` is about ``a.pdf``, ``a.p7s`` about the only
    other file with the stem ``a`` in its folder. None when it is no such file or nobody can tell."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in SUFFIXES:
        return None
    stem = str(path.with_suffix(""))
    if stem in names:
        return stem
    others = [
        n for n in names
        if str(PurePosixPath(n).with_suffix("")) == stem and PurePosixPath(n).suffix.lower() not in SUFFIXES
    ]  # fmt: skip
    return others[0] if len(others) == 1 else None


def is_detached(name: str, data: bytes) -> bool:
    """Whether a file beside another is to be judged as its signature: by its name, or because it holds one."""
    if PurePosixPath(name).suffix.lower() in _ALWAYS:
        return True
    try:
        return bool(cms.parse(unarmoured(data)).signers)
    except der.DerError:
        return False


def unarmoured(data: bytes) -> bytes:
    """The DER in ``data``, which may be written in PEM or plain Base64."""
    if data[:1] == b"\x30" or len(data) > MAX_BYTES:
        return data
    text = data.strip()
    if text.startswith(b"-----BEGIN "):
        text = text.partition(b"\n")[2].partition(b"-----END")[0]
    return (cms.read_digest_text(text.decode("ascii")) if text.isascii() else None) or data


def verify_detached(
    signature: bytes, data: bytes | Content, name: str, trust: TrustStore, at: dt.datetime, about: str | None = None
) -> FileVerdict:
    """Judge a detached signature file over ``data``; ``name`` is the path that the verdict names, ``about`` that of the
    signed file. Bad content never raises; OSError when a FileContent's file cannot be read."""
    if at.tzinfo is None:
        raise ValueError("the moment of judging needs a time zone")
    at = at.astimezone(dt.UTC)
    content = data if isinstance(data, Content) else Content(data)
    cause: Cause | None = None
    verdicts: tuple[SignatureVerdict, ...] = ()
    try:
        if len(signature) > MAX_BYTES:
            raise der.DerError(f"{len(signature)} bytes")
        judges = judge_signed_data(cms.parse(unarmoured(signature)), content, trust, at)
        verdicts = tuple(judge.verdict() for judge in judges)
    except der.DerError as error:
        cause = Cause("SIG-CMS-BROKEN", Effect.INVALID, {"detail": str(error)})
    except (MemoryError, RecursionError) as error:
        cause = Cause("SIG-RESOURCES", Effect.INDETERMINATE, {"detail": type(error).__name__})
    except OSError:
        raise
    except Exception as error:  # as in dispatch.verify: hostile content must not end a batch
        cause = Cause("SIG-INTERNAL", Effect.INDETERMINATE, {"detail": f"{type(error).__name__}: {error}"[:200]})
    verdict = fold([cause]) if cause else worst(v.verdict for v in verdicts)
    return FileVerdict(name, verdict, verdicts, (cause,) if cause else (), trust.digest, at.isoformat(), about)


def judge_signed_data(data: cms.SignedData, content: Content | None, store: TrustStore, at: dt.datetime) -> list[Judge]:
    """A judge for each signer. Without ``content`` the data inside counts; when there is none either, what was signed is
    not known."""
    kind = f"{'gbt35275' if data.gm else 'cms'}-{'detached' if data.content is None else 'enveloping'}"
    if not 0 < len(data.signers) <= MAX_SIGNERS:
        judge = Judge(kind)
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-SIGNERS", count=str(len(data.signers)))
        return [judge]
    judges: list[Judge] = []
    for signer in data.signers:
        judge = Judge(kind)
        judges.append(judge)
        judge.ok(Aspect.COVERAGE)
        if data.content is None and content is None:
            judge.doubt(Aspect.INTEGRITY, "SIG-CONTENT-ABSENT")
            continue
        if content is None:
            judge_signer(judge, data, signer, Content(data.content or b""), Form.INSIDE, store, at)
        else:
            judge_signer(judge, data, signer, content, _form(data, content), store, at)
    return judges


def judge_content(
    judge: Judge,
    data: cms.SignedData,
    content: Content,
    claimed: dt.datetime | None,
    store: TrustStore,
    at: dt.datetime,
) -> None:
    """Judge a SignedData with one signer over ``content``; ``claimed`` is what the document says of the time."""
    signer = only_signer(judge, data)
    if signer is not None:
        judge_signer(judge, data, signer, content, _form(data, content), store, at, Around(claimed))


def _form(data: cms.SignedData, content: Content) -> Form:
    if data.content is not None and content.holds(data.content):
        return Form.INSIDE
    return Form.DIGEST_INSIDE if data.gm else Form.DETACHED


def matching_content(data: cms.SignedData, messages: Sequence[bytes]) -> Content:
    """The message whose digest the signer states, or the first one when none fits."""
    for message in messages:
        for signer in data.signers:
            name, stated = signer.digest_name, (signer.signed or {}).get(cms.MESSAGE_DIGEST, [])
            if name and any(item.content == Content(message).digest(name) for item in stated):
                return Content(message)
    return Content(messages[0])
