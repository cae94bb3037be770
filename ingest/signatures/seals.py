"""Judging seals and seal signatures (GM/T 0031 §6.2, GB/T 38540 §7): signer, maker, list of signers, periods."""

from __future__ import annotations

import datetime as dt
import hmac
from functools import lru_cache

from ingest.signatures import chain, cms, crypto, der, ses, timestamps
from ingest.signatures.certs import Certificate, parse_certificate
from ingest.signatures.cms import Content
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Judge


@lru_cache(maxsize=256)
def maker_check(seal: ses.Seal) -> tuple[bool | None, str]:
    """Whether the maker's signature fits the seal, and which message form it is over. None: cannot be told. The same
    seal stands in thousands of files, so the answer is remembered."""
    try:
        maker = parse_certificate(seal.maker)
        for form, message in enumerate(seal.messages):
            if crypto.verify(maker.key, seal.algorithm, seal.signature, message, None).good:
                return True, ("standard", "other")[form]
        return False, ""
    except (der.DerError, crypto.UnsupportedError):
        return None, ""


@lru_cache(maxsize=256)
def read_seal(raw: bytes) -> ses.Seal:
    """The seal in ``raw``; one object for the same bytes, so that what is known of it is found again."""
    return ses.parse_seal(der.parse(raw))


def judge_seal(judge: Judge, seal: ses.Seal, store: TrustStore, at: dt.datetime, moment: chain.Moment | None) -> None:
    """Judge the seal itself. ``moment`` is when it was used; None when it stands alone, then its making counts."""
    judge.evidence["seal"] = seal.summary()
    good, form = maker_check(seal)
    if good:
        judge.evidence["seal"]["maker_message"] = form
        judge.ok(Aspect.CRYPTOGRAPHY)
    elif good is False:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-SEAL-MAKER-VALUE-WRONG")
    else:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-ALGORITHM-UNKNOWN", algorithm=seal.algorithm.oid, detail="maker")
    try:
        maker = parse_certificate(seal.maker)
    except der.DerError as error:
        judge.fail(Aspect.CHAIN, "SIG-CERTIFICATE-BROKEN", detail=str(error))
    else:
        # The maker's certificate has to be in force when the seal was made; the seal's own period bounds its use.
        made = chain.Moment(seal.created, loose=True)
        chain.judge_chain(judge, maker, (), store, made, at=at, role="maker")
    if seal.created > at + chain.CLOCK_SKEW:
        judge.fail(Aspect.TIME, "SIG-TIME-FUTURE", when=seal.created.isoformat())
    period = {"from": seal.valid_from.isoformat(), "to": seal.valid_to.isoformat()}
    if moment is None:
        if not seal.valid_from <= at <= seal.valid_to:
            judge.note(Aspect.TIME, "SIG-SEAL-EXPIRED-NOW", **period)
        judge.ok(Aspect.TIME)
    elif not moment.inside(seal.valid_from, seal.valid_to):
        if moment.claimed:
            judge.fail(Aspect.TIME, "SIG-SEAL-EXPIRED", when=moment.when.isoformat(), **period)
        else:
            judge.doubt(
                Aspect.TIME, "SIG-TIME-UNKNOWN-EXPIRED", subject=seal.name, when=moment.when.isoformat(), **period
            )


def _judge_listed(judge: Judge, seal: ses.Seal, certificate: Certificate) -> None:
    """The signer must be one that the seal was made for."""
    if certificate.raw in seal.listed:
        return
    for kind, value in seal.listed_digests:
        name = ses.DIGEST_NAMES.get(kind.lower())
        if name is not None and hmac.compare_digest(crypto.digest(name, certificate.raw), value):
            if name in crypto.WEAK_DIGESTS:
                judge.doubt(Aspect.CHAIN, "SIG-WEAK-ALGORITHM", algorithm=name.upper(), where="certDigestList")
            return
    judge.fail(Aspect.CHAIN, "SIG-SIGNER-NOT-LISTED", subject=certificate.subject_text)


def judge_seal_signature(
    judge: Judge, signature: ses.SealSignature, content: Content | None, store: TrustStore, at: dt.datetime,
    fallback_time: dt.datetime | None = None,
) -> None:  # fmt: skip
    """Judge all but COVERAGE of an SES_Signature over ``content`` (None: the content is not at hand).

    ``fallback_time`` is a claim of the signed document for V1 signatures whose own time cannot be read.
    """
    if content is None:
        judge.skip(Aspect.INTEGRITY)
        judge.note(Aspect.INTEGRITY, "SIG-CONTENT-ABSENT")
    elif hmac.compare_digest(signature.data_hash, content.digest("sm3")):
        judge.ok(Aspect.INTEGRITY)
    else:
        judge.fail(Aspect.INTEGRITY, "SIG-DIGEST-MISMATCH")
    try:
        certificate = parse_certificate(signature.certificate)
    except der.DerError as error:
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CERTIFICATE-BROKEN", detail=str(error))
        return
    cms.judge_value(judge, certificate, signature.algorithm, signature.signature, [signature.tbs])
    proven = _proven_time(judge, signature, content, store, at)
    claimed = signature.time or fallback_time
    moment = cms.judge_time(judge, claimed, proven, at, loose=True)
    judge_seal(judge, read_seal(signature.seal.raw), store, at, moment)
    _judge_listed(judge, signature.seal, certificate)
    chain.judge_chain(judge, certificate, (), store, moment, at=at)


def _proven_time(
    judge: Judge, signature: ses.SealSignature, content: Content | None, store: TrustStore, at: dt.datetime
) -> dt.datetime | None:
    """The time of a timestamp token: over the signature value (V4, V5), or V1's timeInfo over the data."""
    if signature.timestamp is not None:
        return timestamps.judge_timestamp(judge, signature.timestamp, Content(signature.signature), store, at)
    if signature.time_token is not None and content is not None:
        return timestamps.judge_timestamp(judge, signature.time_token, content, store, at)
    return None
