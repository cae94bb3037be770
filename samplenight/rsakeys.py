"""Repeatable keys for test signers. Never use them for anything else: whoever has the seed has the key."""

from __future__ import annotations

import hashlib
import math
import random

from cryptography.hazmat.primitives.asymmetric import ec, rsa

EXPONENT = 65537
SMALL = math.prod(p for p in range(3, 2000, 2) if all(p % q for q in range(3, math.isqrt(p) + 1, 2)))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def rsa_key(label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key that follows from ``label`` alone."""
    rng = random.Random(f"rsa:{label}")
    while True:
        p, q = sorted((_prime(rng, bits // 2), _prime(rng, bits // 2)), reverse=True)
        if p != q and (p * q).bit_length() == bits:
            break
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    return numbers.private_key()


def ec_key(label: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that follows from ``label`` alone."""
    secret = int.from_bytes(hashlib.sha512(f"p256:{label}".encode()).digest(), "big") % (P256_ORDER - 1) + 1
    return ec.derive_private_key(secret, ec.SECP256R1())


def _prime(rng: random.Random, bits: int) -> int:
    while True:
        n = rng.getrandbits(bits) | (3 << (bits - 2)) | 1
        if (
            math.gcd(n, SMALL) == 1
            and n % EXPONENT != 1
            and all(_passes(n, rng.randrange(2, n - 1)) for _ in range(12))
        ):
            return n


def _passes(n: int, base: int) -> bool:
    """One round of Miller and Rabin."""
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    x = pow(base, (n - 1) >> twos, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
