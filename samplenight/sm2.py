"""SM2 signatures (GB/T 32918.2) for test seals, with k drawn from key and message so that they repeat.

Not for real keys: the arithmetic takes a time that depends on the secret. That is why it lives with the samples, apart from
the code that verifies.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from functools import cache

from cryptography.hazmat.primitives import hashes

from samplenight.der import integer, sequence

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
     0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)  # fmt: skip
IDENTITY = b"1234567812345678"  # the default distinguishing identifier

Point = tuple[int, int]


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


@dataclasses.dataclass(frozen=True)
class Key:
    """A private key that follows from a label, and its public point."""

    secret: int
    public: Point

    @property
    def point(self) -> bytes:
        """The public point, uncompressed."""
        return b"\x04" + self.public[0].to_bytes(32, "big") + self.public[1].to_bytes(32, "big")


@cache
def key(label: str) -> Key:
    secret = int.from_bytes(hashlib.sha512(f"sm2:{label}".encode()).digest(), "big") % (N - 2) + 1
    return Key(secret, times_g(secret))


def sign(signer: Key, message: bytes) -> bytes:
    """DER ``SEQUENCE {r, s}`` over ``message`` (6.1 of the standard)."""
    coordinates = b"".join(v.to_bytes(32, "big") for v in (A, B, *G, *signer.public))
    za = sm3((len(IDENTITY) * 8).to_bytes(2, "big") + IDENTITY + coordinates)
    digest = sm3(za + message)
    e = int.from_bytes(digest, "big")
    attempt = 0
    while True:
        drawn = hmac.new(signer.secret.to_bytes(32, "big"), digest + bytes([attempt]), hashlib.sha512).digest()
        k = int.from_bytes(drawn, "big") % (N - 1) + 1
        r = (e + times_g(k)[0]) % N
        s = pow(1 + signer.secret, -1, N) * (k - r * signer.secret) % N
        if r and s and r + k != N:
            return sequence(integer(r), integer(s))
        attempt += 1


def _add(one: Point | None, two: Point | None) -> Point | None:
    if one is None or two is None:
        return one or two
    if one[0] == two[0]:
        if (one[1] + two[1]) % P == 0:
            return None
        slope = (3 * one[0] * one[0] + A) * pow(2 * one[1], -1, P) % P
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - two[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


@cache
def _comb() -> list[list[Point]]:
    """Row i holds 1…15 times 16^i G, so that a product takes 64 additions and no doubling."""
    rows = []
    base: Point = G
    for _ in range(64):
        row = [base]
        for _ in range(14):
            row.append(_sum(row[-1], base))
        rows.append(row)
        base = _sum(row[-1], base)
    return rows


def _sum(one: Point, two: Point) -> Point:
    total = _add(one, two)
    if total is None:
        raise ArithmeticError("the point at infinity cannot come up below the order")
    return total


def times_g(scalar: int) -> Point:
    """``scalar`` × G for 0 < scalar < n."""
    total: Point | None = None
    for row in _comb():
        scalar, digit = scalar >> 4, scalar & 15
        if digit:
            total = _add(total, row[digit - 1])
    if total is None:
        raise ArithmeticError("the scalar is a multiple of the order")
    return total
