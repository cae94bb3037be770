"""Electronic seals and the signatures made with them: V1 (GM/T 0031-2014), V4 (GB/T 38540-2020), V5 (GM/T 0031-2025).

The shape tells the version, because a vendor in the field writes V4 into a V1 structure. Raw bytes are kept of everything
that is signed: TBS_Sign, SES_SealInfo, and in V1 the maker's message ``SEQUENCE{SES_SealInfo, cert, algorithm}``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

from ingest.signatures import der
from ingest.signatures.certs import Algorithm

MAX_CERTIFICATES = 4096


@dataclasses.dataclass(frozen=True)
class Seal:
    """SESeal. ``listed`` are the signer certificates it names (or their digests, by algorithm name); ``maker`` is the
    certificate of who made the seal; ``messages`` are the byte strings that the maker's signature may be over, the
    standard's own form first."""

    version: str
    raw: bytes
    header_version: int
    vendor: str
    seal_id: str
    kind: int
    name: str
    listed: tuple[bytes, ...]
    listed_digests: tuple[tuple[str, bytes], ...]
    created: dt.datetime
    valid_from: dt.datetime
    valid_to: dt.datetime
    picture_type: str
    maker: bytes
    algorithm: Algorithm
    signature: bytes
    messages: tuple[bytes, ...]
    timestamp: bytes | None

    def summary(self) -> dict[str, str]:
        return {
            "version": self.version, "id": self.seal_id, "name": self.name, "type": str(self.kind),
            "vendor": self.vendor, "created": self.created.isoformat(), "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat(), "picture": self.picture_type,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SealSignature:
    """SES_Signature: ``tbs`` as found, the seal inside it, and the signer's certificate."""

    version: str
    tbs: bytes
    seal: Seal
    time_text: str
    time: dt.datetime | None
    time_token: bytes | None
    data_hash: bytes
    property_info: str
    certificate: bytes
    algorithm: Algorithm
    signature: bytes
    timestamp: bytes | None


def parse_seal(node: der.Tlv) -> Seal:
    """A seal from its element. DerError when it has none of the three shapes."""
    fields = node.fields(2, 5)
    if len(fields) == 3:
        raise der.DerError("a seal has 2, 4 or 5 fields")
    info = fields[0].fields(4, 5)
    header, seal_id, property_, picture = info[:4]
    tag_id, number, vendor = header.fields(3, 3)
    if tag_id.text() != "ES":
        raise der.DerError("not an electronic seal")
    picture_type = picture.fields(4, 4)[0].text()
    if len(fields) == 2:
        maker_fields = fields[1].fields(3, 3)
        version, (maker, algorithm, signature) = "v1", maker_fields
        parts = property_.fields(6, 6)
        listed = tuple(child.content for child in parts[2].fields(0) if child.tag == der.OCTET_STRING)
        # V1 lists certificates themselves (SEQUENCE OF cert); producers wrap them in OCTET STRINGs or not.
        listed += tuple(child.raw for child in parts[2].fields(0) if child.tag == der.SEQUENCE)
        digests: tuple[tuple[str, bytes], ...] = ()
        times = parts[3:6]
        long_form = der.wrap(der.SEQUENCE, fields[0].raw, maker.raw, algorithm.raw)
        messages = (long_form, fields[0].raw)
        timestamp = None
    else:
        version = "v5" if number.integer() == 5 else "v4"
        maker, algorithm, signature = fields[1:4]
        parts = property_.fields(7, 7)
        entries = parts[3].fields(0)
        if len(entries) > MAX_CERTIFICATES:
            raise der.DerError("too many certificates in the seal")
        if parts[2].integer() == 1:
            listed, digests = tuple(entry.octets() for entry in entries), ()
        else:
            pairs = [entry.fields(2, 2) for entry in entries]
            listed, digests = (), tuple((kind.text(), value.octets()) for kind, value in pairs)
        times = parts[4:7]
        messages = (fields[0].raw, der.wrap(der.SEQUENCE, fields[0].raw, maker.raw, algorithm.raw))
        timestamp = fields[4].fields(1, 1, tag=0xA0)[0].bits() if len(fields) == 5 else None
    created, valid_from, valid_to = (item.time() for item in times)
    return Seal(
        version, node.raw, number.integer(), vendor.text(), seal_id.text(), parts[0].integer(), parts[1].text(),
        listed, digests, created, valid_from, valid_to, picture_type, maker.octets(), _algorithm(algorithm),
        signature.bits(), messages, timestamp,
    )  # fmt: skip


def parse_signature(data: bytes, *, trailing: bool = False) -> SealSignature:
    """An SES_Signature (SignedValue.dat, or /Contents of a GM.sm2seal). DerError when it is none."""
    fields = der.parse(data, trailing=trailing).fields(2, 5)
    if len(fields) == 3:
        raise der.DerError("a seal signature has 2, 4 or 5 fields")
    tbs = fields[0]
    if len(fields) == 2:
        _, seal, time, data_hash, property_info, certificate, algorithm = tbs.fields(7, 7)
        signature, timestamp = fields[1], None
        time_text, moment, token = _v1_time(time.bits())
        version = "v1"
    else:
        parts = tbs.fields(5, 6)
        _, seal, time, data_hash, property_info = parts[:5]
        certificate, algorithm, signature = fields[1:4]
        timestamp = fields[4].fields(1, 1, tag=0xA0)[0].bits() if len(fields) == 5 else None
        time_text, moment, token = time.text(), _time_or_none(time), None
        version = ""
    parsed = parse_seal(seal)
    return SealSignature(
        version or parsed.version, tbs.raw, parsed, time_text, moment, token, data_hash.bits(), property_info.text(),
        certificate.octets(), _algorithm(algorithm), signature.bits(), timestamp,
    )  # fmt: skip


def _algorithm(node: der.Tlv) -> Algorithm:
    """An OID, or an AlgorithmIdentifier where a producer wrote one."""
    return Algorithm(node.oid()) if node.tag == der.OID else Algorithm.read(node)


def _time_or_none(node: der.Tlv) -> dt.datetime | None:
    try:
        return node.time()
    except der.DerError:
        return None


def _v1_time(content: bytes) -> tuple[str, dt.datetime | None, bytes | None]:
    """V1's timeInfo is any time inside a BIT STRING: text in local time, ISO 8601, an ASN.1 time, or a timestamp token.
    Returns ``(as text, moment, token)``."""
    try:
        node = der.read(content)
        if node.end == len(content) and node.tag in (der.UTC_TIME, der.GENERALIZED_TIME):
            return node.text(), node.time(), None
        if node.end == len(content) and node.tag == der.SEQUENCE:
            return "", None, content
    except der.DerError:
        pass
    text = content.decode("utf-8", "replace").strip("\0 ")
    return text, parse_local_time(text), None


def parse_local_time(text: str) -> dt.datetime | None:
    """Free-text time as vendors write it (``2022-03-24 08:54:12``, ISO 8601, ``20220324085412Z``); without a zone it is
    Chinese local time."""
    text = text.strip()
    try:
        return der.parse_time(text)
    except der.DerError:
        pass
    try:
        moment = dt.datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=8)))


DIGEST_NAMES: Mapping[str, str] = {
    "sm3": "sm3", "1.2.156.10197.1.401": "sm3", "1.2.156.10197.1.401.1": "sm3", "sha256": "sha256", "sha-256": "sha256",
    "2.16.840.1.101.3.4.2.1": "sha256", "sha384": "sha384", "sha-384": "sha384", "2.16.840.1.101.3.4.2.2": "sha384",
    "sha512": "sha512", "sha-512": "sha512", "2.16.840.1.101.3.4.2.3": "sha512", "sha1": "sha1", "sha-1": "sha1",
    "1.3.14.3.2.26": "sha1", "md5": "md5", "1.2.840.113549.2.5": "md5",
}  # fmt: skip
