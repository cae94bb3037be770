"""One signer of a SignedData, judged whole: content, value, time and certificates. The same for every kind of file."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from ingest.signatures import chain, cms, timestamps
from ingest.signatures.certs import Certificate
from ingest.signatures.cms import Content, Form
from ingest.signatures.revocation import Source
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Judge


@dataclasses.dataclass(frozen=True)
class Around:
    """What the file says besides the signature itself.

    ``claimed`` is the file's own statement of the time, used when the signature has none; ``proven`` a time that something
    else in the file proves; ``certificates`` and ``sources`` are believed only by their issuers' signatures. ``loose``: the
    times in this kind of file are often local time marked as UTC.
    """

    claimed: dt.datetime | None = None
    proven: dt.datetime | None = None
    certificates: tuple[Certificate, ...] = ()
    sources: tuple[Source, ...] = ()
    loose: bool = False


def only_signer(judge: Judge, data: cms.SignedData) -> cms.SignerInfo | None:
    """The one signer that a document's signature must have; None, and a cause, when there is none or several."""
    if len(data.signers) == 1:
        return data.signers[0]
    judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-SIGNERS", count=str(len(data.signers)))
    return None


def judge_signer(
    judge: Judge, data: cms.SignedData, signer: cms.SignerInfo, content: Content, form: Form, store: TrustStore,
    at: dt.datetime, around: Around = Around(),
) -> Certificate | None:  # fmt: skip
    """Judge all but COVERAGE of ``signer`` over ``content``; returns the signer's certificate when it is known."""
    extra: Sequence[Certificate] = (*data.certificates, *around.certificates)
    sources = (*data.crls, *cms.adobe_revocation(signer), *around.sources)
    certificate = cms.judge_signer(judge, data, signer, content, form, around.certificates)
    proven = None
    for token in cms.timestamp_tokens(signer):
        stamped = timestamps.judge_timestamp(judge, token, Content(signer.signature), store, at, extra, sources)
        proven = min(filter(None, (proven, stamped)), default=None)
    if proven is None and around.proven is not None and certificate is not None:
        # what was shown to exist while its certificate was in force
        proven = around.proven if around.proven <= certificate.not_after else None
    moment = cms.judge_time(judge, cms.claimed_time(signer) or around.claimed, proven, at, loose=around.loose)
    if certificate is not None:
        chain.judge_chain(judge, certificate, extra, store, moment, at=at, sources=sources)
    return certificate
