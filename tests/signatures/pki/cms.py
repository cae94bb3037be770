"""CMS and GB/T 35275 SignedData, and RFC 3161 timestamp tokens."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable

from .asn1 import explicit, general_time, integer, null, octets, oid, seq, set_of, tlv, utc_time
from .ca import SIGNED, Holder

CMS_DATA, CMS_SIGNED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
GM_DATA, GM_SIGNED = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"


@dataclasses.dataclass(frozen=True)
class Style:
    """How the SignedData is put together, and what is broken in it on purpose."""

    gm: bool = False
    attributes: bool = True
    inside: bytes | None = None
    digest_inside: bool = False
    when: dt.datetime | None = SIGNED
    chain: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    no_certificate: bool = False
    digest: str | None = None
    break_value: bool = False
    break_digest: bool = False
    signing_certificate: bytes | None = None
    unsigned: Callable[[bytes], bytes] | None = None
    content_type: str | None = None
    second_digest: bool = False
    raw_rs: bool = False
    further: tuple[bytes, ...] = ()  # more signed attributes


_DIGEST_OIDS = {"sha1": "1.3.14.3.2.26", "md5": "1.2.840.113549.2.5", "sha512": "2.16.840.1.101.3.4.2.3"}


def attribute(kind: str, *values: bytes) -> bytes:
    return seq(oid(kind), set_of(*values))


def signed_data(holder: Holder, content: bytes, style: Style | None = None) -> bytes:
    """A ContentInfo by ``holder`` over ``content``."""
    style = style or Style()
    key = holder.key
    digest_name = style.digest or key.digest
    digest_oid = _DIGEST_OIDS.get(digest_name, key.digest_oid)
    inside = style.inside
    if style.digest_inside:
        inside = hashlib.new(digest_name, content).digest()
    data_type = style.content_type or (GM_DATA if style.gm else CMS_DATA)
    about = inside if inside is not None and not style.digest_inside else content
    message_digest = hashlib.new(digest_name, about).digest()
    if style.break_digest:
        message_digest = bytes((message_digest[0] ^ 1,)) + message_digest[1:]
    signed = b""
    if style.attributes:
        parts = [
            attribute("1.2.840.113549.1.9.3", oid(data_type)),
            attribute(
                "1.2.840.113549.1.9.4", octets(message_digest), *([octets(b"x" * 32)] if style.second_digest else [])
            ),
        ]
        if style.when is not None:
            parts.append(attribute("1.2.840.113549.1.9.5", utc_time(style.when)))
        if style.signing_certificate is not None:
            digest = hashlib.sha256(style.signing_certificate).digest()
            parts.append(attribute("1.2.840.113549.1.9.16.2.47", seq(seq(seq(octets(digest))))))
        signed = b"".join(sorted([*parts, *style.further]))
        message = tlv(0x31, signed)
    else:
        message = inside if inside is not None else content
        if style.gm and inside is None:
            message = hashlib.new(digest_name, content).digest()
    value = key.sign(message)
    if style.raw_rs:
        r, s = key.sign_numbers(message)  # type: ignore[attr-defined]
        value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if style.break_value:
        value = value[:-1] + bytes((value[-1] ^ 1,))
    issuer, serial = issuer_and_serial(holder.raw)
    algorithm = (
        key.algorithm()
        if key.digest != "sm3"
        else seq(oid("1.2.156.10197.1.301.1" if style.gm else "1.2.156.10197.1.501"))
    )
    if digest_name != key.digest:
        algorithm = seq(oid("1.2.840.113549.1.1.1"), null())
    signer = seq(
        integer(1), seq(issuer, serial), seq(oid(digest_oid), null()), *([tlv(0xA0, signed)] if signed else []),
        algorithm, octets(value), *([tlv(0xA1, style.unsigned(value))] if style.unsigned else []),
    )  # fmt: skip
    certificates = [] if style.no_certificate else [holder.raw, *style.chain]
    content_octets = [explicit(0, octets(inside))] if inside is not None else []
    body = seq(
        integer(1 if data_type in (CMS_DATA, GM_DATA) else 3), set_of(seq(oid(digest_oid), null())), seq(oid(data_type), *content_octets),
        *([tlv(0xA0, *certificates)] if certificates else []), *([tlv(0xA1, *style.crls)] if style.crls else []),
        set_of(signer),
    )  # fmt: skip
    return seq(oid(GM_SIGNED if style.gm else CMS_SIGNED), explicit(0, body))


def issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    """The raw issuer name and serial of a certificate made by ``ca.certificate``."""
    from asn1crypto import x509

    tbs = x509.Certificate.load(certificate)["tbs_certificate"]
    return tbs["issuer"].dump(), tbs["serial_number"].dump()


def timestamp(tsa: Holder, message: bytes, when: dt.datetime, *, chain: tuple[bytes, ...] = ()) -> bytes:
    """An RFC 3161 token of ``tsa`` over ``message``."""
    digest = hashlib.new(tsa.key.digest, message).digest()
    info = seq(
        integer(1), oid("1.2.3.4"), seq(seq(oid(tsa.key.digest_oid), null()), octets(digest)), integer(7),
        general_time(when),
    )  # fmt: skip
    style = Style(inside=info, content_type=TST_INFO, when=when, chain=chain, signing_certificate=tsa.raw)
    return signed_data(tsa, info, style)


def stamped(tsa: Holder, when: dt.datetime, *, other: bool = False) -> Callable[[bytes], bytes]:
    """Unsigned attributes with a timestamp over the signature value (``other``: over something else)."""

    def build(value: bytes) -> bytes:
        return attribute("1.2.840.113549.1.9.16.2.14", timestamp(tsa, b"other" if other else value, when))

    return build


def indefinite(der: bytes) -> bytes:
    """The outer three levels of a ContentInfo in indefinite-length BER, as some producers write it."""

    def convert(data: bytes, depth: int) -> bytes:
        from ingest.signatures.der import read

        node = read(data)
        if depth == 0 or not node.tag & 0x20:
            return data
        return bytes((node.tag, 0x80)) + b"".join(convert(child.raw, depth - 1) for child in node.children) + b"\0\0"

    return convert(der, 3)
