"""CMS and GB/T 35275 signatures in files of their own (.p7s, .p7m), with or without the file they are about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from ingest.signatures import chain, cms, der, timestamps
from ingest.signatures.cms import Content, Form
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, fold, worst

MAX_SIGNERS = 100
SUFFIXES = frozenset({".p7s", ".p7", ".sig", ".sign"})


def detached_target(name: str, names: Collection[str]) -> str | None:
    """Which file of a record a detached signature file is about: ``a.pdf.p7s`` is about ``a.pdf``, ``a.p7s`` about the only
    other file with the stem ``a`` in its folder. None when it is no such file or nobody can tell."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in SUFFIXES:
        return None
    stem = str(path.with_suffix(""))
    if stem in names:
        return stem
    others = [n for n in names if n != name and str(PurePosixPath(n).with_suffix("")) == stem]
    return others[0] if len(others) == 1 else None


def verify_detached(signature: bytes, data: bytes, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    """Judge a detached signature file over ``data``; ``name`` is the path that the verdict names. Bad content never
    raises."""
    if at.tzinfo is None:
        raise ValueError("the moment of judging needs a time zone")
    at = at.astimezone(dt.UTC)
    try:
        judges = judge_signed_data(cms.parse(signature), Content(data), trust, at)
    except (der.DerError, RecursionError, MemoryError) as error:
        cause = Cause("SIG-CMS-BROKEN", Effect.INVALID, {"detail": str(error)})
        return FileVerdict(name, fold([cause]), (), (cause,), trust.digest, at.isoformat())
    verdicts = tuple(judge.verdict() for judge in judges)
    return FileVerdict(name, worst(v.verdict for v in verdicts), verdicts, (), trust.digest, at.isoformat())


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
        _judge_signer(judge, data, signer, content, None, store, at)
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
    if len(data.signers) != 1:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-SIGNERS", count=str(len(data.signers)))
        return
    _judge_signer(judge, data, data.signers[0], content, claimed, store, at)


def matching_content(data: cms.SignedData, messages: Sequence[bytes]) -> Content:
    """The message whose digest the signer states, or the first one when none fits."""
    for message in messages:
        for signer in data.signers:
            name, stated = signer.digest_name, (signer.signed or {}).get(cms.MESSAGE_DIGEST, [])
            if name and any(item.content == Content(message).digest(name) for item in stated):
                return Content(message)
    return Content(messages[0])


def _judge_signer(
    judge: Judge, data: cms.SignedData, signer: cms.SignerInfo, content: Content | None, claimed: dt.datetime | None,
    store: TrustStore, at: dt.datetime,
) -> None:  # fmt: skip
    form = Form.DIGEST_INSIDE if data.gm else Form.DETACHED
    if content is None:
        form, content = Form.INSIDE, Content(data.content or b"")
    elif data.content is not None and data.content == content.join():
        form = Form.INSIDE
    certificate = cms.judge_signer(judge, data, signer, content, form)
    proven = None
    for token in cms.timestamp_tokens(signer):
        stamped = timestamps.judge_timestamp(
            judge, token, Content(signer.signature), store, at, data.certificates, data.crls
        )
        proven = stamped or proven
    moment = cms.judge_time(judge, cms.claimed_time(signer) or claimed, proven, at)
    if certificate is not None:
        chain.judge_chain(judge, certificate, data.certificates, store, moment, at=at, sources=data.crls)
