"""Detached CMS signatures as PAdES B-B wants them (RFC 5652; ETSI EN 319 122-1: signed attributes with signing-certificate-v2).

Written in DER by hand: building the same bytes through general ASN.1 objects takes twenty times as long, and a night has two
thousand of them. The tests have pyHanko judge the outcome.
"""

from __future__ import annotations

import dataclasses
import hashlib
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from samplenight import der
from samplenight.pdfpki import Key, Signer

SIGNED_DATA, DATA = der.oid("1.2.840.113549.1.7.2"), der.oid("1.2.840.113549.1.7.1")
CONTENT_TYPE, MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.3"), der.oid("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
RSA_SHA256 = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.tlv(0x05))
ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))


@dataclasses.dataclass(frozen=True)
class _Opened:
    key: Key
    identity: bytes  # issuer and serial number
    fingerprint: bytes
    certificates: bytes


@cache
def _opened(signer: Signer) -> _Opened:
    key = load_pem_private_key(signer.key, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"no signature is defined here for {type(key).__name__}")
    own, *above = (x509.load_pem_x509_certificate(pem) for pem in (signer.certificate, *signer.chain))
    raw = own.public_bytes(Encoding.DER)
    return _Opened(
        key,
        der.sequence(own.issuer.public_bytes(), der.integer(own.serial_number)),
        hashlib.sha256(raw).digest(),
        b"".join(sorted([raw, *(c.public_bytes(Encoding.DER) for c in above)])),
    )


def detached(digest: bytes, signer: Signer) -> bytes:
    """ContentInfo over a document with this SHA-256. RSA by PKCS #1 v1.5, ECDSA by RFC 6979: both repeat."""
    own = _opened(signer)
    attributes = der.set_of(
        der.sequence(CONTENT_TYPE, der.set_of(DATA)),
        der.sequence(MESSAGE_DIGEST, der.set_of(der.octets(digest))),
        der.sequence(
            SIGNING_CERTIFICATE_V2, der.set_of(der.sequence(der.sequence(der.sequence(der.octets(own.fingerprint)))))
        ),
    )
    if isinstance(own.key, rsa.RSAPrivateKey):
        algorithm, value = RSA_SHA256, own.key.sign(attributes, padding.PKCS1v15(), hashes.SHA256())
    else:
        algorithm = ECDSA_SHA256
        value = own.key.sign(attributes, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    implicit = b"\xa0" + attributes[1:]  # signed as SET, carried as [0]: RFC 5652, 5.4
    info = der.sequence(der.integer(1), own.identity, SHA256, implicit, algorithm, der.octets(value))
    signed = der.sequence(
        der.integer(1), der.set_of(SHA256), der.sequence(DATA), der.explicit(0, own.certificates), der.set_of(info)
    )
    return der.sequence(SIGNED_DATA, der.explicit(0, signed))
