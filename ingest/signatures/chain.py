"""From a certificate to an anchor of the trust store, and whether it was in force and not revoked at a moment.

RFC 5280 §6 as far as these certificates need it, with two wishes of the field: an anchor is believed by configuration, so
its KeyUsage is not enforced; names are compared byte by byte. Whether a key issued a certificate or a CRL is settled once
for each pair and remembered, because it can never change; what depends on time is judged anew for each signature.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from functools import lru_cache

from ingest.signatures import certs, crypto, revocation
from ingest.signatures.certs import Certificate
from ingest.signatures.revocation import Source
from ingest.signatures.trust import TrustStore
from ingest.signatures.verdict import Aspect, Judge

MAX_PATH = 8
MAX_TRIES = 200
MAX_STRANGERS = 10
CLOCK_SKEW = revocation.CLOCK_SKEW

_UNDERSTOOD = frozenset({
    certs.KEY_USAGE, certs.BASIC_CONSTRAINTS, certs.SUBJECT_KEY_ID, certs.AUTHORITY_KEY_ID, certs.EXTENDED_KEY_USAGE,
    certs.SUBJECT_ALT_NAME, certs.ISSUER_ALT_NAME, certs.CRL_POINTS, certs.FRESHEST_CRL, certs.CERTIFICATE_POLICIES,
})  # fmt: skip
_CONSTRAINTS = (
    certs.NAME_CONSTRAINTS, certs.POLICY_CONSTRAINTS, certs.POLICY_MAPPINGS, certs.INHIBIT_ANY_POLICY,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Path:
    """Certificates from the leaf upwards; ``complete`` when the last one is an anchor."""

    certificates: tuple[Certificate, ...]
    complete: bool
    strangers: tuple[Certificate, ...] = ()  # issuers of the right name that were at hand, with keys that do not fit

    @property
    def top(self) -> Certificate:
        return self.certificates[-1]


@lru_cache(maxsize=8192)
def issued(child: Certificate, parent: Certificate) -> crypto.Check | None:
    """Whether ``parent``'s key signed ``child``; None when the algorithm is not known."""
    try:
        return crypto.verify(parent.key, child.signature_algorithm, child.signature, child.tbs, None)
    except crypto.UnsupportedError:
        return None


def build(leaf: Certificate, extra: Sequence[Certificate], store: TrustStore) -> Path:
    """The best path from ``leaf``: complete when there is one, else the longest found. ``extra`` are certificates that
    came with the signature; they are never anchors."""
    tries = 0
    best = Path((leaf,), complete=store.is_anchor(leaf))
    strangers: dict[Certificate, None] = {}

    def climb(path: tuple[Certificate, ...]) -> Path | None:
        nonlocal tries, best
        top = path[-1]
        if store.is_anchor(top):
            return Path(path, complete=True)
        if len(path) > len(best.certificates):
            best = Path(path, complete=False)
        if len(path) >= MAX_PATH:
            return None
        candidates = dict.fromkeys((*store.named(top.issuer), *(c for c in extra if c.subject == top.issuer)))
        wanted = top.authority_key_id
        for parent in sorted(candidates, key=lambda c: wanted is None or c.subject_key_id != wanted):
            if parent in path:
                continue
            tries += 1
            if tries > MAX_TRIES:
                return None
            check = issued(top, parent)
            if check is None or not check.good:
                strangers[parent] = None
                continue
            found = climb((*path, parent))
            if found is not None:
                return found
        return None

    found = climb((leaf,))
    return found or dataclasses.replace(best, strangers=tuple(strangers)[:MAX_STRANGERS])


@dataclasses.dataclass(frozen=True)
class Moment:
    """When the signature is taken to be made. ``loose``: the source may have written local time as UTC, so a reading
    eight hours away counts too. ``claimed`` False: nobody says when, ``when`` is the time of judging."""

    when: dt.datetime
    proven: bool = False
    loose: bool = False
    claimed: bool = True

    def inside(self, start: dt.datetime, end: dt.datetime) -> bool:
        if start <= self.when <= end:
            return True
        shift = dt.timedelta(hours=8)
        return self.loose and (start <= self.when - shift <= end or start <= self.when + shift <= end)


@dataclasses.dataclass(frozen=True)
class Purpose:
    """What a leaf certificate must be good for: one of these KeyUsage bits; and an extended usage, when given."""

    key_usage: int = certs.DIGITAL_SIGNATURE | certs.NON_REPUDIATION
    extended: str | None = None


SIGNING = Purpose()
TIME_STAMPING = Purpose(extended=certs.EKU_TIME_STAMPING)


def judge_chain(
    judge: Judge, leaf: Certificate, extra: Sequence[Certificate], store: TrustStore, moment: Moment, *,
    at: dt.datetime, sources: Sequence[Source] = (), purpose: Purpose = SIGNING, role: str = "signer",
) -> Path:  # fmt: skip
    """Judge CHAIN, REVOCATION and the certificates' TIME of ``leaf`` into ``judge`` and keep what was used as evidence.

    ``role`` says in the evidence whose certificate it is; ``sources`` came with the signature (they are believed only by
    their issuer's signature); ``at`` bounds what counts as future.
    """
    path = build(leaf, extra, store)
    _keep(judge, path, role, store)
    _judge_path(judge, path, store)
    _judge_usage(judge, leaf, purpose)
    _judge_times(judge, path, moment, role)
    revocation.judge_revocation(
        judge, path.certificates, path.complete, store, sources, moment.when, proven=moment.proven, at=at
    )
    return path


def _keep(judge: Judge, path: Path, role: str, store: TrustStore) -> None:
    """What the judgement rests on, so that it can be made again from the evidence alone."""
    judge.evidence.setdefault("certificates", {})[role] = dict(path.certificates[0].summary)
    judge.evidence.setdefault("chains", {})[role] = [
        {"subject": c.subject_text, "serial": c.summary["serial"], "sha256": c.sha256, "anchor": store.is_anchor(c)}
        for c in path.certificates
    ]
    for certificate in (*path.certificates, *path.strangers):
        judge.blobs[f"{certificate.sha256}.cer"] = certificate.raw


def _judge_path(judge: Judge, path: Path, store: TrustStore) -> None:
    for depth, certificate in enumerate(path.certificates):
        if depth + 1 == len(path.certificates):
            break
        parent = path.certificates[depth + 1]
        check = issued(certificate, parent)
        if check is not None and check.weakness:
            judge.doubt(Aspect.CHAIN, "SIG-WEAK-ALGORITHM", algorithm=check.weakness, where=certificate.subject_text)
        if store.is_anchor(parent):
            continue
        is_ca, length = parent.basic_constraints
        usage = parent.key_usage
        if not is_ca or (usage is not None and not usage & certs.KEY_CERT_SIGN):
            judge.fail(Aspect.CHAIN, "SIG-ISSUER-NOT-CA", issuer=parent.subject_text)
        below = sum(1 for c in path.certificates[1 : depth + 1] if not c.self_issued)
        if length is not None and below > length:
            judge.fail(Aspect.CHAIN, "SIG-PATH-LENGTH", issuer=parent.subject_text)
    for certificate in path.certificates if not path.complete else path.certificates[:-1] or path.certificates:
        for oid, (critical, _) in certificate.extensions.items():
            if oid in _CONSTRAINTS:
                judge.doubt(Aspect.CHAIN, "SIG-CHAIN-CONSTRAINT", subject=certificate.subject_text, oid=oid)
            elif critical and oid not in _UNDERSTOOD:
                judge.fail(Aspect.CHAIN, "SIG-CRITICAL-EXTENSION", subject=certificate.subject_text, oid=oid)
    if path.complete:
        judge.ok(Aspect.CHAIN)
    elif path.strangers:
        judge.doubt(Aspect.CHAIN, "SIG-ISSUER-KEY-DIFFERS", issuer=path.top.issuer_text)
    elif path.top.self_issued:
        judge.doubt(Aspect.CHAIN, "SIG-ROOT-NOT-TRUSTED", issuer=path.top.subject_text)
    else:
        judge.doubt(Aspect.CHAIN, "SIG-ISSUER-UNKNOWN", issuer=path.top.issuer_text)


def _judge_usage(judge: Judge, leaf: Certificate, purpose: Purpose) -> None:
    usage = leaf.key_usage
    if usage is not None and not usage & purpose.key_usage:
        judge.fail(Aspect.CHAIN, "SIG-KEY-USAGE", subject=leaf.subject_text)
    if purpose.extended is not None and purpose.extended not in (leaf.extended_key_usage or ()):
        judge.fail(Aspect.CHAIN, "SIG-KEY-USAGE", subject=leaf.subject_text)


def _judge_times(judge: Judge, path: Path, moment: Moment, role: str) -> None:
    for depth, certificate in enumerate(path.certificates):
        if moment.inside(certificate.not_before, certificate.not_after):
            continue
        params = {
            "subject": certificate.subject_text,
            "from": certificate.not_before.isoformat(),
            "to": certificate.not_after.isoformat(),
            "when": moment.when.isoformat(),
        }
        if path.complete and depth > 0 and depth + 1 == len(path.certificates):
            judge.doubt(Aspect.TIME, "SIG-ANCHOR-OUTSIDE-VALIDITY", **params)
        elif role == "maker":
            # The seal's own period and the signer's certificate bound its use; an outdated maker is told, no more.
            judge.note(Aspect.TIME, "SIG-SEAL-MAKER-EXPIRED", **params)
        elif not moment.claimed:
            judge.doubt(Aspect.TIME, "SIG-TIME-UNKNOWN-EXPIRED", **params)
        elif depth:
            judge.fail(Aspect.TIME, "SIG-CA-EXPIRED", **params)
        elif moment.when < certificate.not_before:
            judge.fail(Aspect.TIME, "SIG-SIGNER-NOT-YET-VALID", **params)
        else:
            judge.fail(Aspect.TIME, "SIG-SIGNER-EXPIRED", **params)
    judge.ok(Aspect.TIME)
