"""CMS SignedData (RFC 5652) and its Chinese sibling GB/T 35275, as found in PDF, OFD, p7s files and timestamps.

Both have the same shape; GB/T 35275 uses its own OIDs and, without signed attributes, signs the 32-byte digest that it
carries as content. Everything is judged over the bytes as found.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import enum
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from ingest.signatures import chain, crypto, der, ocsp
from ingest.signatures.certs import Algorithm, Certificate, RevocationList, parse_certificate, parse_crl
from ingest.signatures.revocation import Source
from ingest.signatures.verdict import Aspect, Judge

SIGNED_DATA = frozenset({"1.2.840.113549.1.7.2", crypto.SIGNED_DATA_GM})
DATA = frozenset({"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"})
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
SIGNING_CERT, SIGNING_CERT_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
STAMPS = ("1.2.840.113549.1.9.16.2.14", "1.2.156.10197.6.1.4.2.14")  # RFC 3161 and GB/T 20520 tokens
ADOBE_REVOCATION = "1.2.840.113583.1.1.8"


class Content:
    """The bytes that a signature is about, in parts, each digest taken once."""

    def __init__(self, *parts: bytes | memoryview) -> None:
        self._parts = parts
        self._digests: dict[str, bytes] = {}

    def digest(self, name: str) -> bytes:
        if name not in self._digests:
            self._digests[name] = crypto.digest(name, *self._parts)
        return self._digests[name]

    def join(self) -> bytes:
        return b"".join(self._parts)

    def holds(self, data: bytes) -> bool:
        """Whether the content is exactly ``data``."""
        return sum(len(part) for part in self._parts) == len(data) and self.join() == data


class StreamContent(Content):
    """Content of any size that is read in pieces, and only where a digest is asked for that is not ``known`` yet."""

    MAX_JOINED = 256 << 20

    def __init__(
        self, pieces: Callable[[], Iterable[bytes]], size: int, known: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        super().__init__()
        self._pieces, self._size = pieces, size
        self._digests.update(known)

    def digest(self, name: str) -> bytes:
        if name not in self._digests:
            self._digests[name] = crypto.digest_of(name, self._pieces())
        return self._digests[name]

    def join(self) -> bytes:
        """The whole content; MemoryError where it is too large to be held."""
        if self._size > self.MAX_JOINED:
            raise MemoryError(f"{self._size} bytes")
        return b"".join(self._pieces())

    def holds(self, data: bytes) -> bool:
        return self._size == len(data) and self.digest("sha256") == crypto.digest("sha256", data)


class Form(enum.Enum):
    """How the content stands to the SignedData."""

    DETACHED = enum.auto()  # outside, and none inside
    SHA1_INSIDE = enum.auto()  # adbe.pkcs7.sha1: its SHA-1 is the content inside
    DIGEST_INSIDE = enum.auto()  # GB/T 35275 in OFD: outside, or its digest inside
    INSIDE = enum.auto()  # the content is inside


@dataclasses.dataclass(frozen=True)
class SignerInfo:
    issuer: bytes
    serial: int
    key_id: bytes
    digest_algorithm: Algorithm
    signed: Mapping[str, list[der.Tlv]] | None
    signed_raw: bytes
    algorithm: Algorithm
    signature: bytes
    unsigned: Mapping[str, list[der.Tlv]]

    @property
    def signed_der(self) -> bytes:
        """The signed attributes as a SET in DER order."""
        parts = [child.raw for child in der.read(self.signed_raw).children]
        return self.signed_raw if parts == sorted(parts) else der.wrap(der.SET, *sorted(parts))

    @property
    def digest_name(self) -> str:
        """The digest by name, or an empty string when unknown."""
        return crypto.DIGESTS.get(self.digest_algorithm.oid, "")


@dataclasses.dataclass(frozen=True)
class SignedData:
    gm: bool
    content_type: str
    content: bytes | None
    certificates: tuple[Certificate, ...]
    crls: tuple[RevocationList, ...]
    signers: tuple[SignerInfo, ...]


def parse(data: bytes, *, trailing: bool = False) -> SignedData:
    """A ContentInfo with SignedData; BER with indefinite lengths is taken. DerError when it is something else."""
    outer = der.parse(data, trailing=trailing).fields(2, 2)
    kind = outer[0].oid()
    if kind not in SIGNED_DATA:
        raise der.DerError(f"content type {kind}")
    fields = list(outer[1].fields(1, 1, tag=0xA0)[0].fields(4, 6))
    encapsulated = fields[2].fields(1, 2)
    content: bytes | None = None
    if len(encapsulated) == 2:
        inner = encapsulated[1].fields(1, 1, tag=0xA0)[0]
        content = inner.content if inner.tag == der.OCTET_STRING else inner.raw
    certificates: list[Certificate] = []
    crls: list[RevocationList] = []
    for field in fields[3:-1]:
        for child in field.children:
            if field.tag == 0xA0 and child.tag == der.SEQUENCE:
                certificates.extend(_lenient_certificate(child.raw))
            elif field.tag == 0xA1 and child.tag == der.SEQUENCE:
                crls.extend(_lenient_crl(child.raw))
    signers = tuple(_signer(child) for child in fields[-1].expect(der.SET).children)
    return SignedData(
        kind == crypto.SIGNED_DATA_GM, encapsulated[0].oid(), content, tuple(certificates), tuple(crls), signers
    )


def _lenient_certificate(raw: bytes) -> list[Certificate]:
    """The certificate, or nothing: a broken one among many must not hide the rest."""
    try:
        return [parse_certificate(raw)]
    except der.DerError:
        return []


def _lenient_crl(raw: bytes) -> list[RevocationList]:
    try:
        return [parse_crl(raw)]
    except der.DerError:
        return []


def _attributes(node: der.Tlv) -> dict[str, list[der.Tlv]]:
    out: dict[str, list[der.Tlv]] = {}
    for entry in node.children:
        kind, values = entry.fields(2, 2)
        out.setdefault(kind.oid(), []).extend(values.expect(der.SET).children)
    return out


def _signer(node: der.Tlv) -> SignerInfo:
    fields = list(node.fields(5, 7))
    fields.pop(0).integer()
    sid = fields.pop(0)
    issuer, serial, key_id = b"", 0, b""
    if sid.tag == der.SEQUENCE:
        name, number = sid.fields(2, 2)
        issuer, serial = name.raw, number.integer()
    elif sid.tag & 0xDF == 0x80:
        key_id = sid.content if sid.tag == 0x80 else sid.fields(1, 1, tag=0xA0)[0].octets()
    else:
        raise der.DerError("unknown signer identifier")
    digest_algorithm = Algorithm.read(fields.pop(0))
    signed, signed_raw = None, b""
    if fields[0].tag == 0xA0:
        attributes = fields.pop(0)
        signed, signed_raw = _attributes(attributes), b"\x31" + attributes.raw[1:]
    algorithm = Algorithm.read(fields.pop(0))
    signature = fields.pop(0).octets()
    unsigned = _attributes(fields.pop(0)) if fields and fields[0].tag == 0xA1 else {}
    return SignerInfo(
        issuer, serial, key_id, digest_algorithm, signed, signed_raw, algorithm, signature, unsigned
    )  # fmt: skip


def find_signer(signer: SignerInfo, certificates: Sequence[Certificate]) -> Certificate | None:
    """The certificate that the SignerInfo names."""
    for certificate in certificates:
        if signer.key_id:
            if signer.key_id in (certificate.subject_key_id, certificate.key.identifier):
                return certificate
        elif certificate.serial == signer.serial and certificate.issuer == signer.issuer:
            return certificate
    return None


def judge_signer(
    judge: Judge, data: SignedData, signer: SignerInfo, content: Content, form: Form,
    extra: Sequence[Certificate] = (),
) -> Certificate | None:  # fmt: skip
    """Judge INTEGRITY and CRYPTOGRAPHY of one SignerInfo into ``judge``; returns the signer's certificate when known."""
    name = signer.digest_name
    if not name:
        judge.doubt(Aspect.INTEGRITY, "SIG-DIGEST-UNKNOWN", algorithm=signer.digest_algorithm.oid)
        return None
    if name in crypto.WEAK_DIGESTS or form is Form.SHA1_INSIDE:
        judge.doubt(Aspect.INTEGRITY, "SIG-WEAK-ALGORITHM", algorithm=name.upper(), where="CMS")
    messages = _judge_content(judge, data, signer, content, form, name)
    certificate = find_signer(signer, (*data.certificates, *extra))
    if certificate is None:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-NO-CERTIFICATE")
        return None
    if signer.signed is not None:
        _judge_attributes(judge, data, signer, certificate)
        # RFC 5652 §5.4 signs the DER order of the set; GB/T 35275 producers sign the order that they wrote.
        lenient = data.gm or certificate.key.is_sm2
        messages = [signer.signed_der, signer.signed_raw] if lenient else [signer.signed_der]
    judge_value(judge, certificate, signer.algorithm, signer.signature, messages, name)
    return certificate


def judge_value(
    judge: Judge, certificate: Certificate, algorithm: Algorithm, signature: bytes, messages: Sequence[bytes],
    digest_name: str | None = None, *, code: str = "SIG-VALUE-WRONG",
) -> None:  # fmt: skip
    """Judge CRYPTOGRAPHY: the value must fit one of ``messages`` under the certificate's key."""
    try:
        checks = [crypto.verify(certificate.key, algorithm, signature, m, digest_name) for m in dict.fromkeys(messages)]
    except crypto.UnsupportedError as error:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-ALGORITHM-UNKNOWN", algorithm=algorithm.oid, detail=str(error))
        return
    judge.evidence["algorithm"] = checks[0].algorithm
    if checks[0].weakness:
        judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-WEAK-ALGORITHM", algorithm=checks[0].weakness, where="CMS")
    if any(check.good for check in checks):
        judge.ok(Aspect.CRYPTOGRAPHY)
    else:
        judge.fail(Aspect.CRYPTOGRAPHY, code)


def _judge_content(
    judge: Judge, data: SignedData, signer: SignerInfo, content: Content, form: Form, name: str
) -> list[bytes]:
    """Judge INTEGRITY; returns the messages that may have been signed when there are no signed attributes."""
    inside = data.content
    if form is Form.DETACHED and inside is not None:
        judge.fail(Aspect.INTEGRITY, "SIG-CMS-ENCAPSULATED")
        return [inside]
    if form is Form.SHA1_INSIDE:
        if inside is None or not hmac.compare_digest(inside, content.digest("sha1")):
            judge.fail(Aspect.INTEGRITY, "SIG-DIGEST-MISMATCH")
        content = Content(inside or b"")
    elif form is Form.DIGEST_INSIDE and inside is not None:
        good = content.digest(name)
        if inside not in (good, base64.b64encode(good)) and not content.holds(inside):
            judge.fail(Aspect.INTEGRITY, "SIG-DIGEST-MISMATCH")
    if signer.signed is None:
        judge.ok(Aspect.INTEGRITY)  # bound by the signature value itself, or compared above
        if form is Form.DIGEST_INSIDE and inside is None:
            return [content.digest(name), content.join()]
        return [inside if inside is not None and form is not Form.DETACHED else content.join()]
    values = signer.signed.get(MESSAGE_DIGEST, [])
    if len(values) != 1 or values[0].tag != der.OCTET_STRING:
        judge.fail(Aspect.INTEGRITY, "SIG-CMS-ATTRIBUTES", attribute="messageDigest")
        return []
    accepted = [content.digest(name)]
    if form is Form.DIGEST_INSIDE and inside is not None:
        accepted.append(crypto.digest(name, inside))
    if any(hmac.compare_digest(values[0].content, good) for good in accepted):
        judge.ok(Aspect.INTEGRITY)
    else:
        judge.fail(Aspect.INTEGRITY, "SIG-DIGEST-MISMATCH")
    return []


def _judge_attributes(judge: Judge, data: SignedData, signer: SignerInfo, certificate: Certificate) -> None:
    """What signed attributes promise about the rest of the structure (RFC 5652 §11, RFC 5035, RFC 6211)."""
    signed = signer.signed or {}
    types = signed.get(CONTENT_TYPE, [])
    try:
        if len(types) != 1 or (types[0].oid() != data.content_type and not {types[0].oid(), data.content_type} <= DATA):
            judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-ATTRIBUTES", attribute="contentType")
        for oid in (SIGNING_CERT, SIGNING_CERT_V2):
            for value in signed.get(oid, [])[:1]:
                first = value.fields(1)[0].fields(1)[0].fields(1)
                name = "sha1" if oid == SIGNING_CERT else "sha256"
                if first[0].tag == der.SEQUENCE:
                    name = crypto.DIGESTS.get(Algorithm.read(first[0]).oid, "")
                    first = first[1:]
                if not name:
                    judge.doubt(Aspect.CRYPTOGRAPHY, "SIG-DIGEST-UNKNOWN", algorithm="signingCertificate")
                elif first[0].octets() != crypto.digest(name, certificate.raw):
                    judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-ATTRIBUTES", attribute="signingCertificate")
        for value in signed.get(ALGORITHM_PROTECTION, [])[:1]:
            fields = value.fields(2)
            signature_algorithm = next((f for f in fields if f.tag == 0xA1), None)
            if Algorithm.read(fields[0]).oid != signer.digest_algorithm.oid or (
                signature_algorithm is not None and signature_algorithm.children[0].oid() != signer.algorithm.oid
            ):
                judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-ATTRIBUTES", attribute="cmsAlgorithmProtection")
    except (der.DerError, IndexError):
        judge.fail(Aspect.CRYPTOGRAPHY, "SIG-CMS-ATTRIBUTES", attribute="?")


def claimed_time(signer: SignerInfo) -> dt.datetime | None:
    """The signingTime attribute, when there is one that can be read."""
    try:
        for value in (signer.signed or {}).get(SIGNING_TIME, []):
            return value.time()
    except der.DerError:
        pass
    return None


def timestamp_tokens(signer: SignerInfo) -> list[bytes]:
    """The timestamp tokens over the signature value that the signer's unsigned attributes carry."""
    return [value.raw for oid in STAMPS for value in signer.unsigned.get(oid, [])]


def adobe_revocation(signer: SignerInfo) -> list[Source]:
    """CRLs and OCSP answers of Adobe's revocationInfoArchival attribute (ISO 32000-1 §12.8.3.3.2)."""
    out: list[Source] = []
    try:
        for value in (signer.signed or {}).get(ADOBE_REVOCATION, []):
            for field in value.fields(0, 3):
                entries = [item.raw for item in field.children[0].children] if field.tag in (0xA0, 0xA1) else []
                if field.tag == 0xA0:
                    out += [crl for raw in entries for crl in _lenient_crl(raw)]
                else:
                    out += ocsp.answers_from(entries)
    except (der.DerError, IndexError):
        pass  # what can be read still helps
    return out


def judge_time(
    judge: Judge, claimed: dt.datetime | None, proven: dt.datetime | None, at: dt.datetime, *, loose: bool = False
) -> chain.Moment:
    """Settle the moment at which certificates are judged: a proven time, else the claimed one, else the time of judging.
    A time in the future (beyond a day) fails."""
    known: dict[str, str] = {}
    if claimed is not None:
        known["claimed"] = claimed.isoformat()
    if proven is not None:
        known["proven"] = proven.isoformat()
    judge.evidence["signing_time"] = known
    for when in (claimed, proven):
        if when is not None and when > at + chain.CLOCK_SKEW:
            judge.fail(Aspect.TIME, "SIG-TIME-FUTURE", when=when.isoformat())
    if proven is not None:
        if claimed is not None and claimed > proven + chain.CLOCK_SKEW:
            judge.note(Aspect.TIME, "SIG-TIME-CLAIM-LATER", claimed=claimed.isoformat(), proven=proven.isoformat())
        return chain.Moment(proven, proven=True)
    if claimed is not None:
        judge.note(Aspect.TIME, "SIG-TIME-CLAIMED-ONLY", when=claimed.isoformat())
        return chain.Moment(claimed, loose=loose)
    judge.note(Aspect.TIME, "SIG-TIME-UNKNOWN")
    return chain.Moment(at, claimed=False)


def read_digest_text(value: str) -> bytes | None:
    """Base64 text as bytes; None when it is none."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
