"""Write DER (X.690) by hand: the few types that SM2 certificates and seals need."""

from __future__ import annotations

import datetime as dt


def tlv(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    n = len(body)
    length = (
        bytes([n])
        if n < 0x80
        else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + body


def sequence(*items: bytes) -> bytes:
    return tlv(0x30, *items)


def set_of(*items: bytes) -> bytes:
    return tlv(0x31, *sorted(items))


def integer(value: int) -> bytes:
    """``value`` ≥ 0."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(value: bool) -> bytes:
    return tlv(0x01, b"\xff" if value else b"\0")


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for arc in (first * 40 + second, *rest):
        part = bytes([arc & 0x7F])
        while arc := arc >> 7:
            part = bytes([0x80 | arc & 0x7F]) + part
        out += part
    return tlv(0x06, out)


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def bits(data: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes([unused]), data)


def utf8(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def printable(text: str) -> bytes:
    return tlv(0x13, text.encode("ascii"))


def ia5(text: str) -> bytes:
    return tlv(0x16, text.encode("ascii"))


def explicit(number: int, content: bytes) -> bytes:
    return tlv(0xA0 | number, content)


def generalized_time(at: dt.datetime) -> bytes:
    return tlv(0x18, f"{at.astimezone(dt.UTC):%Y%m%d%H%M%SZ}".encode())


def utc_time(at: dt.datetime) -> bytes:
    """RFC 5280 4.1.2.5: dates to 2049 are UTCTime."""
    return tlv(0x17, f"{at.astimezone(dt.UTC):%y%m%d%H%M%SZ}".encode())
