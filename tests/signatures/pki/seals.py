"""Electronic seals and seal signatures in the three structures."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib

from .asn1 import bits, explicit, general_time, ia5, integer, octets, oid, printable, seq, tlv, utc_time, utf8
from .ca import AT, DAY, SIGNED, YEAR, Holder

SM2_SM3 = "1.2.156.10197.1.501"
PICTURE = b"\x89PNG\r\n\x1a\n fake picture"


@dataclasses.dataclass(frozen=True)
class SealStyle:
    version: str = "v4"
    listed: tuple[bytes, ...] | None = None
    digests: bool = False
    start: dt.datetime = AT - YEAR
    end: dt.datetime = AT + YEAR
    forge: bool = False
    other_form: bool = False
    name: str = "测试专用章"


@dataclasses.dataclass(frozen=True)
class SignStyle:
    when: dt.datetime = SIGNED
    break_value: bool = False
    wrong_hash: bool = False
    raw_rs: bool = False
    padded_integers: bool = False
    unused_bits: int = 0
    algorithm: str = SM2_SM3
    time_text: str = ""  # V1: free text instead of an ASN.1 time
    timestamp: bytes | None = None
    value: bytes | None = None  # instead of a signature value
    seal: bytes | None = None  # another seal than the one given


def make_seal(maker: Holder, signer: Holder, style: SealStyle | None = None) -> bytes:
    """An SESeal by ``maker`` for ``signer``."""
    style = style or SealStyle()
    listed = style.listed if style.listed is not None else (signer.raw,)
    version = {"v1": 1, "v4": 4, "v5": 5}[style.version]
    header = seq(ia5("ES"), integer(version), ia5("GuidangTest"))
    picture = seq(ia5("PNG"), octets(PICTURE), integer(40), integer(40))
    made = AT - YEAR
    algorithm = oid(SM2_SM3)
    if style.version == "v1":
        times = (utc_time(made), utc_time(style.start), utc_time(style.end))
        property_ = seq(integer(1), utf8(style.name), seq(*(octets(c) for c in listed)), *times)
    else:
        times = (general_time(made), general_time(style.start), general_time(style.end))
        if style.digests:
            entries = [seq(printable("SM3"), octets(hashlib.new("sm3", c).digest())) for c in listed]
        else:
            entries = [octets(c) for c in listed]
        property_ = seq(integer(1), utf8(style.name), integer(2 if style.digests else 1), seq(*entries), *times)
    info = seq(header, ia5("0000000001"), property_, picture)
    long_form = (style.version == "v1") != style.other_form
    message = seq(info, octets(maker.raw), algorithm) if long_form else info
    value = maker.key.sign(message + (b"x" if style.forge else b""))
    if style.version == "v1":
        return seq(info, seq(octets(maker.raw), algorithm, bits(value)))
    return seq(info, octets(maker.raw), algorithm, bits(value))


def seal_signature(signer: Holder, seal: bytes, version: str, content: bytes, style: SignStyle | None = None) -> bytes:
    """An SES_Signature by ``signer`` with ``seal`` over ``content`` (Signature.xml, or a PDF's byte range)."""
    style = style or SignStyle()
    digest = hashlib.new("sm3", content + (b"x" if style.wrong_hash else b"")).digest()
    used = style.seal or seal
    algorithm = oid(style.algorithm)
    if version == "v1":
        time = style.time_text.encode() if style.time_text else utc_time(style.when)
        tbs = seq(
            integer(1),
            used,
            bits(time),
            bits(digest),
            ia5("/Doc_0/Signs/Sign_0/Signature.xml"),
            octets(signer.raw),
            algorithm,
        )
    else:
        number = 5 if version == "v5" else 4
        tbs = seq(
            integer(number), used, general_time(style.when), bits(digest), ia5("/Doc_0/Signs/Sign_0/Signature.xml")
        )
    r, s = signer.key.sign_numbers(tbs)  # type: ignore[attr-defined]
    if style.break_value:
        s ^= 1
    value = seq(integer(r), integer(s))
    if style.raw_rs:
        value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    elif style.padded_integers:
        value = seq(tlv(0x02, b"\0\0" + r.to_bytes(32, "big")), tlv(0x02, b"\0\0" + s.to_bytes(32, "big")))
    value = style.value if style.value is not None else value
    outer = bits(value, style.unused_bits)
    if version == "v1":
        return seq(tbs, outer)
    stamp = [explicit(0, bits(style.timestamp))] if style.timestamp else []
    return seq(tbs, octets(signer.raw), algorithm, outer, *stamp)


__all__ = ["DAY", "SealStyle", "SignStyle", "make_seal", "seal_signature"]
