"""Whether a certificate was revoked at a moment: by the CRLs of the trust store, and by CRLs and OCSP answers that came with
the signature. A source is believed by its issuer's signature alone.

An unknown answer is told; whether it also makes the verdict INDETERMINATE is the store's policy (``require_revocation``).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from functools import lru_cache

from ingest.signatures import certs, crypto, ocsp
from ingest.signatures.certs import Certificate, Revocation, RevocationList
from ingest.signatures.ocsp import Answer, Single
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Judge

CLOCK_SKEW = dt.timedelta(days=1)  # vendors write local time and mark it Z
REMOVED = 8  # removeFromCRL

Source = RevocationList | Answer


@lru_cache(maxsize=4096)
def crl_issued(crl: RevocationList, parent: Certificate) -> bool:
    """Whether ``parent`` signed the CRL and may do so."""
    usage = parent.key_usage
    if usage is not None and not usage & certs.CRL_SIGN and not parent.self_issued:
        return False
    try:
        return crypto.verify(parent.key, crl.signature_algorithm, crl.signature, crl.tbs, None).good
    except crypto.UnsupportedError:
        return False


def judge_revocation(
    judge: Judge, certificates: Sequence[Certificate], complete: bool, store: TrustStore, sources: Sequence[Source],
    when: dt.datetime, *, proven: bool, at: dt.datetime,
) -> None:  # fmt: skip
    """Judge REVOCATION of every certificate below the top of a path, as of ``when`` (``proven`` by a timestamp or claimed);
    ``at`` bounds what counts as future. What was used is kept as evidence."""
    for certificate, parent in itertools.pairwise(certificates):
        lists = [s for s in sources if isinstance(s, RevocationList) and s.issuer == parent.subject]
        crls = [
            crl
            for crl in dict.fromkeys((*store.crls_of(parent.subject), *lists))
            if crl_issued(crl, parent) and crl.this_update <= at + CLOCK_SKEW
        ]
        for crl in crls:
            _keep(judge, "crls", f"{crl.sha256}.crl", crl.raw, dict(crl.summary))
        singles: list[Single] = []
        for answer in (s for s in sources if isinstance(s, Answer)):
            fitting = [s for s in answer.singles if s.about(certificate, parent) and s.this_update <= at + CLOCK_SKEW]
            if fitting and ocsp.answered_by(answer, parent):
                singles += fitting
                _keep(judge, "ocsp", f"{answer.sha256}.ocsp", answer.raw, dict(answer.summary()))
        if not _judge_revoked(judge, certificate, _revocations(certificate, crls, singles), when, proven):
            _judge_clear(judge, certificate, crls, singles, store, when)
    if len(certificates) == 1:
        if complete:
            judge.skip(Aspect.REVOCATION)  # an anchor is withdrawn by taking it out of the store
        else:
            _no_answer(judge, store, "SIG-REVOCATION-UNKNOWN", certificates[0])


def _keep(judge: Judge, kind: str, name: str, raw: bytes, summary: dict[str, str]) -> None:
    judge.blobs[name] = raw
    used = judge.evidence.setdefault(kind, [])
    if summary not in used:
        used.append(summary)


def _revocations(
    certificate: Certificate, crls: Sequence[RevocationList], singles: Sequence[Single]
) -> list[Revocation]:
    """Every statement that the certificate is revoked, the earliest first."""
    listed = [crl.entries.get(certificate.serial) for crl in crls if not crl.indirect]
    found = [entry for entry in (*listed, *(single.revocation for single in singles)) if entry is not None]
    return sorted((entry for entry in found if entry.reason != REMOVED), key=lambda entry: entry.date)


def _judge_revoked(
    judge: Judge, certificate: Certificate, revocations: Sequence[Revocation], when: dt.datetime, proven: bool
) -> bool:
    if not revocations:
        return False
    date = revocations[0].date
    params = {"subject": certificate.subject_text, "date": date.isoformat(), "when": when.isoformat()}
    if date <= when:
        judge.fail(Aspect.REVOCATION, "SIG-REVOKED", **params)
    elif proven:
        judge.note(Aspect.REVOCATION, "SIG-REVOKED-LATER", **params)
        judge.ok(Aspect.REVOCATION)
    else:
        # Who holds a stolen key can claim any time before the revocation; only a timestamp settles it.
        judge.doubt(Aspect.REVOCATION, "SIG-REVOKED-AFTER-CLAIMED-TIME", **params)
    return True


def _judge_clear(
    judge: Judge, certificate: Certificate, crls: Sequence[RevocationList], singles: Sequence[Single],
    store: TrustStore, when: dt.datetime,
) -> None:  # fmt: skip
    full: list[RevocationList | Single] = [c for c in crls if c.partial is None and _same_point(c, certificate)]
    full += singles
    if any(_speaks_of(source, certificate, when) for source in full):
        judge.ok(Aspect.REVOCATION)
    elif full:
        _no_answer(judge, store, "SIG-CRL-STALE", certificate)
    else:
        _no_answer(judge, store, "SIG-REVOCATION-UNKNOWN", certificate)


def _speaks_of(source: RevocationList | Single, certificate: Certificate, when: dt.datetime) -> bool:
    """Whether silence of ``source`` means "not revoked at ``when``": it was in force then, or it is later and was made while
    the certificate had not yet run out (after that an issuer may drop the entry)."""
    if source.this_update >= when:
        return source.this_update <= certificate.not_after
    return source.next_update is not None and source.next_update >= when


def _same_point(crl: RevocationList, certificate: Certificate) -> bool:
    """A CRL that is one partition of several speaks only of the certificates that name its distribution point."""
    if not crl.points:
        return True
    value = certificate.extensions.get(certs.CRL_POINTS, (False, b""))[1]
    return any(point in value for point in crl.points)


def _no_answer(judge: Judge, store: TrustStore, code: str, certificate: Certificate) -> None:
    params = {"subject": certificate.subject_text, "issuer": certificate.issuer_text}
    if store.policy.require_revocation:
        judge.doubt(Aspect.REVOCATION, code, **params)
    else:
        judge.unknown(Aspect.REVOCATION, code, **params)
