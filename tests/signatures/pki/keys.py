"""Signing keys. SM2 is done here in plain affine arithmetic (GB/T 32918.2 §6), apart from the verifier's."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .asn1 import bits, integer, null, oid, seq

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
USER_ID = b"1234567812345678"

Point = tuple[int, int]


def add(p: Point | None, q: Point | None) -> Point | None:
    if p is None or q is None:
        return q or p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P) % P
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k: int, point: Point = G) -> Point:
    out: Point | None = None
    step: Point | None = point
    while k:
        if k & 1:
            out = add(out, step)
        step = add(step, step)
        k >>= 1
    assert out is not None
    return out


class Key(Protocol):
    """What a certificate or signature needs of a key."""

    digest: str  # name for hashlib
    digest_oid: str

    def spki(self) -> bytes: ...
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of its signatures."""
        ...

    def sign(self, message: bytes) -> bytes: ...


class Sm2Key:
    digest, digest_oid = "sm3", "1.2.156.10197.1.401"

    def __init__(self, seed: str) -> None:
        self.d = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big") % (N - 2) + 1
        self.point = multiply(self.d)

    def public(self) -> bytes:
        return b"\4" + self.point[0].to_bytes(32, "big") + self.point[1].to_bytes(32, "big")

    def spki(self) -> bytes:
        return seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.156.10197.1.301")), bits(self.public()))

    def algorithm(self) -> bytes:
        return seq(oid("1.2.156.10197.1.501"))

    def za(self) -> bytes:
        numbers = b"".join(v.to_bytes(32, "big") for v in (A, B, *G, *self.point))
        return hashlib.new("sm3", (len(USER_ID) * 8).to_bytes(2, "big") + USER_ID + numbers).digest()

    def sign_numbers(self, message: bytes, k: int | None = None) -> tuple[int, int]:
        e = int.from_bytes(hashlib.new("sm3", self.za() + message).digest(), "big")
        if k is None:
            k = int.from_bytes(hashlib.sha512(self.d.to_bytes(32, "big") + message).digest(), "big") % (N - 1) + 1
        r = (e + multiply(k)[0]) % N
        return r, pow(1 + self.d, -1, N) * (k - r * self.d) % N

    def sign(self, message: bytes) -> bytes:
        r, s = self.sign_numbers(message)
        return seq(integer(r), integer(s))


class _Native:
    digest, digest_oid = "sha256", "2.16.840.1.101.3.4.2.1"
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def spki(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class RsaKey(_Native):
    def __init__(self, size: int = 2048) -> None:
        self.private = rsa.generate_private_key(65537, size)

    def algorithm(self) -> bytes:
        return seq(oid("1.2.840.113549.1.1.11"), null())

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


class EcKey(_Native):
    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())

    def algorithm(self) -> bytes:
        return seq(oid("1.2.840.10045.4.3.2"))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


@cache
def sm2_key(seed: str) -> Sm2Key:
    return Sm2Key(seed)


@cache
def rsa_key(name: str, size: int = 2048) -> RsaKey:
    """One RSA key for each name and run: making them is slow."""
    return RsaKey(size)


@cache
def ec_key(name: str) -> EcKey:
    return EcKey()


def make_key(family: str, name: str) -> Key:
    """A key of the family ``sm2``, ``rsa`` or ``ec``."""
    return {"sm2": sm2_key, "rsa": rsa_key, "ec": ec_key}[family](name)
