"""SM2 signature verification (GB/T 32918.2) over public data, and SM3.

Only verification is here: nothing secret is ever handled, so plain integer arithmetic is fit. The two real-world
encodings that native libraries refuse (raw ``r‖s``; non-minimal INTEGERs) are read by :func:`decode_signature`.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from ingest.signatures import der, sm2_native

P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX: Final = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY: Final = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
DEFAULT_ID: Final = b"1234567812345678"  # GM/T 0009 §10; every certificate and seal seen in the field uses it

Jacobian = tuple[int, int, int]
_INFINITY: Final[Jacobian] = (1, 1, 0)


class Sm2Error(ValueError):
    """A public key or signature value that cannot be one."""


def sm3(data: bytes) -> bytes:
    """SM3 (GB/T 32905), by hashlib where its OpenSSL has it, else by cryptography's own OpenSSL."""
    try:
        return hashlib.new("sm3", data).digest()
    except ValueError:
        from cryptography.hazmat.primitives import hashes

        state = hashes.Hash(hashes.SM3())
        state.update(data)
        return state.finalize()


def decode_point(data: bytes) -> tuple[int, int]:
    """``04‖x‖y`` as coordinates on the curve; compressed points are decompressed; anything else raises Sm2Error."""
    if len(data) == 65 and data[0] == 4:
        x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    elif len(data) == 33 and data[0] in (2, 3):
        x = int.from_bytes(data[1:], "big")
        y = pow((x * x * x + A * x + B) % P, (P + 1) // 4, P)
        if y & 1 != data[0] & 1:
            y = P - y
    else:
        raise Sm2Error("not an SM2 public key")
    if not (0 <= x < P and 0 <= y < P) or (y * y - (x * x * x + A * x + B)) % P:
        raise Sm2Error("the public key is not on the SM2 curve")
    return x, y


def decode_signature(data: bytes) -> tuple[int, int]:
    """``(r, s)`` from DER ``SEQUENCE{INTEGER, INTEGER}`` (non-minimal INTEGERs too) or from 64 raw bytes."""
    if len(data) == 64 and data[:1] != b"\x30":
        return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    try:
        r, s = der.parse(data).fields(2, 2)
        return r.integer(), s.integer()
    except der.DerError:
        if len(data) == 64:  # raw values may begin with 0x30 by chance
            return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
        raise Sm2Error("not an SM2 signature value") from None


def encode_signature(r: int, s: int) -> bytes:
    """Canonical DER of ``(r, s)``, both positive: what native libraries take."""
    parts = [der.wrap(der.INTEGER, v.to_bytes(v.bit_length() // 8 + 1, "big")) for v in (r, s)]
    return der.wrap(der.SEQUENCE, *parts)


@lru_cache(maxsize=1024)
def za(point: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """ZA of GB/T 32918.2 §5.5: the digest that binds a signature to the signer's id and key."""
    x, y = decode_point(point)
    parts = [len(user_id) * 8, A, B, GX, GY, x, y]
    head = parts[0].to_bytes(2, "big") + user_id
    return sm3(head + b"".join(v.to_bytes(32, "big") for v in parts[1:]))


def verify(point: bytes, signature: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bool:
    """Whether ``signature`` over ``message`` is by the holder of the key ``point``; Sm2Error when one is malformed."""
    r, s = decode_signature(signature)
    if not (1 <= r < N and 1 <= s < N) or (r + s) % N == 0:
        return False
    return verify_digest(point, r, s, sm3(za(point, user_id) + message))


def verify_digest(point: bytes, r: int, s: int, digest: bytes) -> bool:
    """The arithmetic of GB/T 32918.2 §7.1 on ``e = SM3(ZA‖M)``."""
    if not (1 <= r < N and 1 <= s < N):
        return False
    t = (r + s) % N
    if t == 0:
        return False
    if sm2_native.verified(point, encode_signature(r, s), digest):
        return True
    x, _, z = _mul_add(s, t, point)
    if z == 0:
        return False
    inverse = pow(z, -1, P)
    return (int.from_bytes(digest, "big") + x * inverse * inverse % P) % N == r


def _double(p: Jacobian) -> Jacobian:
    x, y, z = p
    if z == 0 or y == 0:
        return _INFINITY
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P
    yy = y * y % P
    s = 4 * x * yy % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _add(p: Jacobian, q: Jacobian) -> Jacobian:
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    x1, y1, z1 = p
    x2, y2, z2 = q
    zz1, zz2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * zz2 % P, x2 * zz1 % P
    s1, s2 = y1 * z2 * zz2 % P, y2 * z1 * zz1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if h == 0:
        return _double(p) if r == 0 else _INFINITY
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P


def _add_affine(p: Jacobian, x2: int, y2: int) -> Jacobian:
    x1, y1, z1 = p
    if z1 == 0:
        return x2, y2, 1
    zz = z1 * z1 % P
    h = (x2 * zz - x1) % P
    r = (y2 * z1 * zz - y1) % P
    if h == 0:
        return _double(p) if r == 0 else _INFINITY
    hh = h * h % P
    hhh = h * hh % P
    v = x1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y1 * hhh) % P, h * z1 % P


_ODD = 5  # width of the non-adjacent form: 2**(5-2) odd multiples are kept per key


def _affine(points: list[Jacobian]) -> list[tuple[int, int]]:
    """Affine coordinates with one inversion for all (Montgomery's trick)."""
    products = [1]
    for _, _, z in points:
        products.append(products[-1] * z % P)
    inverse = pow(products[-1], -1, P)
    out: list[tuple[int, int]] = []
    for index in range(len(points) - 1, -1, -1):
        x, y, z = points[index]
        zi = inverse * products[index] % P
        inverse = inverse * z % P
        zz = zi * zi % P
        out.append((x * zz % P, y * zz * zi % P))
    return out[::-1]


def _odd_multiples(x: int, y: int, width: int) -> list[tuple[int, int]]:
    first: Jacobian = (x, y, 1)
    twice = _double(first)
    points = [first]
    for _ in range((1 << (width - 2)) - 1):
        points.append(_add(points[-1], twice))
    return _affine(points)


@lru_cache(maxsize=256)
def _key_table(point: bytes) -> list[tuple[int, int]]:
    return _odd_multiples(*decode_point(point), _ODD)


@lru_cache(maxsize=1)
def _base_table() -> list[tuple[int, int]]:
    return _odd_multiples(GX, GY, 8)


def _naf(k: int, width: int) -> list[int]:
    """Signed digits of ``k``, least significant first, at most one in ``width`` of them not zero."""
    digits: list[int] = []
    full, half = 1 << width, 1 << (width - 1)
    while k:
        if k & 1:
            digit = k & (full - 1)
            if digit >= half:
                digit -= full
            k -= digit
            digits.append(digit)
        else:
            digits.append(0)
        k >>= 1
    return digits


def _mul_add(s: int, t: int, point: bytes) -> Jacobian:
    """``s·G + t·P`` by interleaved signed windows."""
    base, key = _base_table(), _key_table(point)
    s_digits, t_digits = _naf(s, 8), _naf(t, _ODD)
    size = max(len(s_digits), len(t_digits))
    s_digits += [0] * (size - len(s_digits))
    t_digits += [0] * (size - len(t_digits))
    acc = _INFINITY
    for index in range(size - 1, -1, -1):
        acc = _double(acc)
        for digit, table in ((s_digits[index], base), (t_digits[index], key)):
            if digit > 0:
                acc = _add_affine(acc, *table[digit >> 1])
            elif digit < 0:
                x, y = table[-digit >> 1]
                acc = _add_affine(acc, x, P - y)
    return acc
