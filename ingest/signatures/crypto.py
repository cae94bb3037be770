"""One question for every algorithm: does this signature value belong to this message and this public key?

SM2 is our own arithmetic; RSA, ECDSA and EdDSA are `cryptography`'s. What an algorithm is worth (weak digests, short
keys) is told apart from whether it verifies.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ingest.signatures import der, sm2
from ingest.signatures.certs import SM2_CURVE, Algorithm, PublicKey

SM3, SM3_KEYLESS = "1.2.156.10197.1.401", "1.2.156.10197.1.401.1"
SM2_WITH_SM3, SM2_SIGN = "1.2.156.10197.1.501", "1.2.156.10197.1.301.1"
SIGNED_DATA_GM = "1.2.156.10197.6.1.4.2.2"

DIGESTS = {
    "1.2.840.113549.2.5": "md5", "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.8": "sha3_256", "2.16.840.1.101.3.4.2.9": "sha3_384", "2.16.840.1.101.3.4.2.10": "sha3_512",
    "2.16.840.1.101.3.4.2.12": "shake_256", SM3: "sm3", SM3_KEYLESS: "sm3",
}  # fmt: skip
WEAK_DIGESTS = frozenset({"md5", "sha1"})

_RSA = {
    "1.2.840.113549.1.1.4": "md5", "1.2.840.113549.1.1.5": "sha1", "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512",
}  # fmt: skip
_RSA_PLAIN, _RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_ECDSA = {
    "1.2.840.10045.4.1": "sha1", "1.2.840.10045.4.3.1": "sha224", "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512",
    "2.16.840.1.101.3.4.3.10": "sha3_256", "2.16.840.1.101.3.4.3.11": "sha3_384", "2.16.840.1.101.3.4.3.12": "sha3_512",
}  # fmt: skip
_EC_PLAIN = "1.2.840.10045.2.1"
_EDDSA = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448"}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(), "sha1": hashes.SHA1(),  # noqa: S303 - told as weak by the caller, never trusted
    "sha224": hashes.SHA224(), "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(), "sha512": hashes.SHA512(), "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(), "sha3_512": hashes.SHA3_512(),
}  # fmt: skip
MIN_RSA_BITS = 2048


class UnsupportedError(ValueError):
    """An algorithm or key that this verifier does not know: the answer is neither yes nor no."""


def digest(name: str, *parts: bytes | memoryview) -> bytes:
    """The digest ``name`` (as in DIGESTS) of the parts one after the other."""
    return digest_of(name, parts)


def digest_of(name: str, parts: Iterable[bytes | memoryview]) -> bytes:
    """The same for parts that come one by one."""
    if name == "sm3":
        try:
            state = hashlib.new("sm3")
        except ValueError:
            return sm2.sm3(b"".join(parts))
    elif name == "shake_256":
        shake = hashlib.shake_256()
        for part in parts:
            shake.update(part)
        return shake.digest(64)
    else:
        state = hashlib.new(name, usedforsecurity=False)
    for part in parts:
        state.update(part)
    return state.digest()


@dataclasses.dataclass(frozen=True)
class Check:
    """The answer: whether it verifies, the algorithm by name, and what is weak about it (None when nothing is)."""

    good: bool
    algorithm: str
    weakness: str | None = None


def verify(key: PublicKey, algorithm: Algorithm, signature: bytes, message: bytes, digest_name: str | None) -> Check:
    """Check ``signature`` over ``message``. ``digest_name`` serves algorithms that leave the digest to their context
    (CMS); ``algorithm`` may be the key's own OID there. UnsupportedError when algorithm, key or encoding is unknown."""
    if key.is_sm2:
        if algorithm.oid not in (SM2_WITH_SM3, SM2_SIGN, SIGNED_DATA_GM, _EC_PLAIN, SM2_CURVE):
            raise UnsupportedError(f"algorithm {algorithm.oid} with an SM2 key")
        if digest_name not in (None, "sm3"):
            raise UnsupportedError(f"digest {digest_name} with an SM2 key")
        try:
            sm2.za(key.bits)
        except sm2.Sm2Error as error:
            raise UnsupportedError(str(error)) from error
        try:
            return Check(sm2.verify(key.bits, signature, message), "SM2-SM3")
        except sm2.Sm2Error:
            return Check(False, "SM2-SM3")  # bytes that are no signature value are a wrong one
    return _verify_other(_load(key.raw), algorithm, signature, message, digest_name)


@lru_cache(maxsize=1024)
def _load(raw: bytes) -> Any:
    try:
        return load_der_public_key(raw)
    except (UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise UnsupportedError("a public key of unknown kind") from error


def _verify_other(key: Any, algorithm: Algorithm, signature: bytes, message: bytes, digest_name: str | None) -> Check:
    oid = algorithm.oid
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if oid == _RSA_PSS:
                pad: padding.PSS | padding.PKCS1v15
                pad, name = _pss(algorithm.parameters)
            elif oid == _RSA_PLAIN or oid in _RSA:
                name = _RSA.get(oid) or digest_name or ""
                pad = padding.PKCS1v15()
            else:
                raise UnsupportedError(f"algorithm {oid} with an RSA key")
            label = f"RSA{'-PSS' if oid == _RSA_PSS else ''}-{name.upper()} ({key.key_size})"
            weak = "SHA-1" if name == "sha1" else name.upper() if name in WEAK_DIGESTS else None
            if weak is None and key.key_size < MIN_RSA_BITS:
                weak = f"RSA {key.key_size}"
            key.verify(signature, message, pad, _hash(name))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if oid != _EC_PLAIN and oid not in _ECDSA:
                raise UnsupportedError(f"algorithm {oid} with an EC key")
            name = _ECDSA.get(oid) or digest_name or ""
            label = f"ECDSA-{name.upper()} ({key.curve.name})"
            weak = name.upper() if name in WEAK_DIGESTS else None
            key.verify(signature, message, ec.ECDSA(_hash(name)))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            if oid not in _EDDSA:
                raise UnsupportedError(f"algorithm {oid} with an EdDSA key")
            label, weak = _EDDSA[oid], None
            key.verify(signature, message)
        else:
            raise UnsupportedError("a public key of unknown kind")
    except InvalidSignature:
        return Check(False, label, weak)
    except (UnsupportedAlgorithm, ValueError, TypeError) as error:
        if isinstance(error, UnsupportedError):
            raise
        raise UnsupportedError(str(error)) from error
    return Check(True, label, weak)


def _hash(name: str) -> hashes.HashAlgorithm:
    if name not in _HASHES:
        raise UnsupportedError(f"digest {name or 'unknown'}")
    return _HASHES[name]


def _pss(parameters: bytes) -> tuple[padding.PSS, str]:
    """RSASSA-PSS parameters (RFC 4055 §3.1) as padding and digest name."""
    name, mask, salt = "sha1", "sha1", 20
    try:
        for field in der.read(parameters).fields(0, 4) if parameters else []:
            value = field.fields(1, 1, tag=field.tag)[0]
            if field.tag == 0xA0:
                name = DIGESTS.get(Algorithm.read(value).oid, "")
            elif field.tag == 0xA1:
                inner = Algorithm.read(value)
                if inner.oid != "1.2.840.113549.1.1.8":
                    raise UnsupportedError("PSS mask function")
                mask = DIGESTS.get(Algorithm.read(der.read(inner.parameters)).oid, "")
            elif field.tag == 0xA2:
                salt = value.integer()
    except der.DerError as error:
        raise UnsupportedError("PSS parameters") from error
    if not 0 <= salt <= 512:
        raise UnsupportedError("PSS salt length")
    return padding.PSS(padding.MGF1(_hash(mask)), salt), name
