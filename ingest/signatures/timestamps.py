"""RFC 3161 timestamp tokens (and those of GB/T 20520, which have the same shape): what time they prove, if any."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence

from ingest.signatures import chain, cms, crypto, der
from ingest.signatures.certs import Algorithm, Certificate
from ingest.signatures.cms import Content, Form
from ingest.signatures.revocation import Source
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Judge, Verdict


def judge_timestamp(
    judge: Judge, token: bytes, content: Content, store: TrustStore, at: dt.datetime,
    extra: Sequence[Certificate] = (), sources: Sequence[Source] = (),
) -> dt.datetime | None:  # fmt: skip
    """The time that an RFC 3161 token proves for ``content``, or None. A token that is wrong makes the signature
    INVALID; one whose authority is not known proves nothing and is noted."""
    inner = Judge("timestamp")
    when = verify_timestamp(inner, token, content, store, at, extra, sources)
    result = inner.verdict()
    judge.blobs.update(result.blobs)
    summary = {"verdict": result.verdict.value, "reasons": list(result.reasons), **result.evidence}
    judge.evidence.setdefault("timestamps", []).append(summary)
    if result.verdict is Verdict.VALID:
        return when
    if result.verdict is Verdict.INVALID:
        judge.fail(Aspect.TIME, "SIG-TIMESTAMP-INVALID", reasons=", ".join(result.reasons))
    else:
        judge.note(Aspect.TIME, "SIG-TIMESTAMP-UNTRUSTED", reasons=", ".join(result.reasons))
    return None


def verify_timestamp(
    judge: Judge, token: bytes, content: Content, store: TrustStore, at: dt.datetime,
    extra: Sequence[Certificate] = (), sources: Sequence[Source] = (), *, trailing: bool = False,
) -> dt.datetime | None:  # fmt: skip
    """Judge a timestamp token as a signature of its own; returns its time when it could be read."""
    judge.skip(Aspect.COVERAGE)
    try:
        data = cms.parse(token, trailing=trailing)
        if data.content_type != cms.TST_INFO or data.content is None or len(data.signers) != 1:
            raise der.DerError("not a timestamp token")
        fields = der.read(data.content).fields(5)
        imprint_algorithm, imprint = fields[2].fields(2, 2)
        name = crypto.DIGESTS.get(Algorithm.read(imprint_algorithm).oid, "")
        when = fields[4].time()
        judge.evidence["signing_time"] = {"proven": when.isoformat()}
        if not name:
            judge.doubt(Aspect.INTEGRITY, "SIG-DIGEST-UNKNOWN", algorithm=Algorithm.read(imprint_algorithm).oid)
        elif not hmac.compare_digest(imprint.octets(), content.digest(name)):
            judge.fail(Aspect.INTEGRITY, "SIG-TIMESTAMP-MISMATCH")
        elif name in crypto.WEAK_DIGESTS:
            judge.doubt(Aspect.INTEGRITY, "SIG-WEAK-ALGORITHM", algorithm=name.upper(), where="TSTInfo")
    except der.DerError as error:
        judge.fail(Aspect.INTEGRITY, "SIG-CMS-BROKEN", detail=str(error))
        return None
    certificate = cms.judge_signer(judge, data, data.signers[0], Content(data.content), Form.INSIDE, extra)
    if when > at + chain.CLOCK_SKEW:
        judge.fail(Aspect.TIME, "SIG-TIME-FUTURE", when=when.isoformat())
    if certificate is not None:
        chain.judge_chain(
            judge, certificate, (*data.certificates, *extra), store, chain.Moment(when, proven=True), at=at,
            sources=(*data.crls, *sources), purpose=chain.TIME_STAMPING, role="timestamp",
        )  # fmt: skip
    return when
