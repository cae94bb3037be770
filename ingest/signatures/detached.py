"""CMS and GB/T 35275 signatures in files of their own (.p7s, .p7m), with or without the file they are about."""

from __future__ import annotations

import datetime as dt

from ingest.signatures import chain, cms, der
from ingest.signatures.cms import Content, Form
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Cause, Effect, FileVerdict, Judge, fold, worst

MAX_SIGNERS = 100


def verify_detached(signature: bytes, data: bytes, name: str, trust: TrustStore, at: dt.datetime) -> FileVerdict:
    """Judge a detached signature file over ``data``; ``name`` is the path that the verdict names. Bad content never
    raises."""
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
    kind = "gbt35275" if data.gm else "cms"
    judges: list[Judge] = []
    if not 0 < len(data.signers) <= MAX_SIGNERS:
        judge = Judge(kind)
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-SIGNERS", count=str(len(data.signers)))
        return [judge]
    for signer in data.signers:
        judge = Judge(f"{kind}-{'detached' if data.content is None else 'enveloping'}")
        judges.append(judge)
        judge.ok(Aspect.COVERAGE)
        form = Form.DIGEST_INSIDE if data.gm else Form.DETACHED
        if data.content is not None and content is None:
            form, about = Form.INSIDE, Content(data.content)
        elif data.content is not None and content is not None and data.content == content.join():
            form, about = Form.INSIDE, content
        elif content is not None:
            about = content
        else:
            judge.doubt(Aspect.INTEGRITY, "SIG-CONTENT-ABSENT")
            continue
        certificate = cms.judge_signer(judge, data, signer, about, form)
        proven = None
        for token in cms.timestamp_tokens(signer):
            proven = (
                cms.judge_timestamp(judge, token, Content(signer.signature), store, at, data.certificates, data.crls)
                or proven
            )
        moment = cms.judge_time(judge, cms.claimed_time(signer), proven, at)
        if certificate is not None:
            chain.judge_chain(judge, certificate, data.certificates, store, moment, at=at, crls=data.crls)
    return judges
