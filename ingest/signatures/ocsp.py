"""OCSP answers (RFC 6960) that came inside a file, as one more source on revocation.

Nothing is ever asked of the net. An answer is believed by its signature alone: of the issuer itself, or of a responder that
the issuer appointed with id-kp-OCSPSigning.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from ingest.signatures import certs, crypto, der
from ingest.signatures.certs import Algorithm, Certificate, Revocation, parse_certificate

BASIC = "1.3.6.1.5.5.7.48.1.1"
GOOD, REVOKED = 0x80, 0xA1


@dataclasses.dataclass(frozen=True)
class Single:
    """The answer on one certificate: ``revocation`` None means good."""

    digest_name: str
    name_hash: bytes
    key_hash: bytes
    serial: int
    revocation: Revocation | None
    this_update: dt.datetime
    next_update: dt.datetime | None

    def about(self, certificate: Certificate, issuer: Certificate) -> bool:
        return (
            self.serial == certificate.serial
            and self.name_hash == crypto.digest(self.digest_name, issuer.subject)
            and self.key_hash == crypto.digest(self.digest_name, issuer.key.bits)
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """One BasicOCSPResponse."""

    raw: bytes
    tbs: bytes
    singles: tuple[Single, ...]
    certificates: tuple[Certificate, ...]
    algorithm: Algorithm
    signature: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    def summary(self) -> Mapping[str, str]:
        return {
            "sha256": self.sha256,
            "this_update": min(single.this_update for single in self.singles).isoformat(),
            "answers": str(len(self.singles)),
        }


@lru_cache(maxsize=512)
def parse_answer(raw: bytes) -> Answer:
    """A successful OCSPResponse, or a bare BasicOCSPResponse, from its DER. DerError when it is neither."""
    top = der.parse(raw)
    fields = top.fields(2, 4)
    if fields[0].tag == 0x0A:
        kind, body = fields[1].fields(1, 1, tag=0xA0)[0].fields(2, 2)
        if kind.oid() != BASIC:
            raise der.DerError("not a basic OCSP response")
        fields = der.parse(body.octets()).fields(3, 4)
    data, algorithm, signature = fields[:3]
    certificates: list[Certificate] = []
    if len(fields) == 4:
        certificates = [parse_certificate(item.raw) for item in fields[3].fields(1, 1, tag=0xA0)[0].fields(0)]
    inner = [item for item in data.fields(3) if item.tag == der.SEQUENCE]
    if not inner:
        raise der.DerError("an OCSP response without answers")
    singles = tuple(_single(item) for item in inner[0].fields(1))
    return Answer(raw, data.raw, singles, tuple(certificates), Algorithm.read(algorithm), signature.bits())


def _single(node: der.Tlv) -> Single:
    identity, status, this_update, *rest = node.fields(3, 5)
    algorithm, name_hash, key_hash, serial = identity.fields(4, 4)
    name = crypto.DIGESTS.get(Algorithm.read(algorithm).oid, "")
    if not name or status.tag not in (GOOD, REVOKED):
        raise der.DerError("an OCSP answer that says nothing")
    revocation = None
    if status.tag == REVOKED:
        parts = status.children
        reason = parts[1].children[0].content[-1] if len(parts) > 1 and parts[1].children[0].content else None
        revocation = Revocation(parts[0].time(), reason)
    following = next((item.children[0].time() for item in rest if item.tag == 0xA0), None)
    return Single(
        name, name_hash.octets(), key_hash.octets(), serial.integer(), revocation, this_update.time(), following
    )  # fmt: skip


@lru_cache(maxsize=2048)
def answered_by(answer: Answer, issuer: Certificate) -> bool:
    """Whether the answer is signed by ``issuer``, or by a responder that ``issuer`` certified for this and that was in
    force when it answered."""
    from ingest.signatures.chain import issued

    for signer in (issuer, *answer.certificates):
        if signer.raw != issuer.raw:
            check = issued(signer, issuer)
            if check is None or not check.good or certs.EKU_OCSP_SIGNING not in (signer.extended_key_usage or ()):
                continue
            if not all(signer.not_before <= single.this_update <= signer.not_after for single in answer.singles):
                continue
        try:
            if crypto.verify(signer.key, answer.algorithm, answer.signature, answer.tbs, None).good:
                return True
        except crypto.UnsupportedError:
            continue
    return False


def answers_from(raws: Sequence[bytes]) -> tuple[Answer, ...]:
    """Those of ``raws`` that can be read; the rest prove nothing."""
    out: list[Answer] = []
    for raw in raws:
        try:
            out.append(parse_answer(raw))
        except (der.DerError, IndexError):
            continue
    return tuple(out)
