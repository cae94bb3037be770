"""X.509 certificates and CRLs read field by field with the tolerant DER reader.

`cryptography` and asn1crypto refuse certificates that Chinese CAs really issue (explicit DEFAULT FALSE, misused string
types, SM2 keys), so nothing here depends on them. Names are compared as raw DER; text of names is for reports only.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache

from ingest.signatures import der

ATTRIBUTE_NAMES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "GN",
    "1.2.840.113549.1.9.1": "E", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip
KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_ID, AUTHORITY_KEY_ID = "2.5.29.15", "2.5.29.19", "2.5.29.14", "2.5.29.35"
EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, POLICY_CONSTRAINTS = "2.5.29.37", "2.5.29.30", "2.5.29.36"
CERTIFICATE_POLICIES, POLICY_MAPPINGS, INHIBIT_ANY_POLICY = "2.5.29.32", "2.5.29.33", "2.5.29.54"
SUBJECT_ALT_NAME, ISSUER_ALT_NAME, CRL_POINTS, FRESHEST_CRL = "2.5.29.17", "2.5.29.18", "2.5.29.31", "2.5.29.46"
ISSUING_POINT, DELTA_CRL, CRL_REASON = "2.5.29.28", "2.5.29.27", "2.5.29.21"
EKU_TIME_STAMPING, EKU_OCSP_SIGNING = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"

DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_CERT_SIGN, CRL_SIGN = 0x8000, 0x4000, 0x0400, 0x0200

_SM2_CURVE_OID = bytes.fromhex("06082a811ccf5501822d")
EC_KEY, SM2_CURVE = "1.2.840.10045.2.1", "1.2.156.10197.1.301"


def name_text(raw: bytes) -> str:
    """A distinguished name as ``CN=…, O=…``, most specific last as encoded; a broken one is shown as far as it goes."""
    parts: list[str] = []
    try:
        for rdn in der.read(raw).children:
            for pair in rdn.children:
                kind, value = pair.fields(2)[:2]
                oid = kind.oid()
                parts.append(f"{ATTRIBUTE_NAMES.get(oid, oid)}={value.text()}")
    except der.DerError:
        parts.append("\ufffd")
    return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """An AlgorithmIdentifier: the OID and the raw parameters (empty when absent)."""

    oid: str
    parameters: bytes = b""

    @classmethod
    def read(cls, node: der.Tlv) -> Algorithm:
        fields = node.fields(1, 2)
        return cls(fields[0].oid(), fields[1].raw if len(fields) > 1 else b"")


@dataclasses.dataclass(frozen=True)
class PublicKey:
    """A SubjectPublicKeyInfo: as found, and what is needed to choose the arithmetic."""

    raw: bytes
    algorithm: Algorithm
    bits: bytes

    @property
    def is_sm2(self) -> bool:
        if self.algorithm.oid == SM2_CURVE:
            return True
        return self.algorithm.oid == EC_KEY and self.algorithm.parameters == _SM2_CURVE_OID

    @property
    def identifier(self) -> bytes:
        """SHA-1 of the key bits: the usual SubjectKeyIdentifier (RFC 5280 §4.2.1.2)."""
        return hashlib.sha1(self.bits, usedforsecurity=False).digest()


def _extensions(node: der.Tlv) -> dict[str, tuple[bool, bytes]]:
    out: dict[str, tuple[bool, bytes]] = {}
    for entry in node.expect(der.SEQUENCE).children:
        fields = entry.fields(2, 3)
        oid = fields[0].oid()
        if oid in out:
            raise der.DerError(f"extension {oid} stands twice")
        critical = fields[1].boolean() if len(fields) == 3 else False
        out[oid] = (critical, fields[-1].octets())
    return out


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """One certificate; compare by ``raw`` or ``sha256``."""

    raw: bytes
    tbs: bytes
    serial: int
    issuer: bytes
    subject: bytes
    not_before: dt.datetime
    not_after: dt.datetime
    key: PublicKey
    extensions: Mapping[str, tuple[bool, bytes]]
    signature_algorithm: Algorithm
    signature: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def subject_text(self) -> str:
        return name_text(self.subject)

    @cached_property
    def issuer_text(self) -> str:
        return name_text(self.issuer)

    @property
    def self_issued(self) -> bool:
        return self.issuer == self.subject

    @cached_property
    def key_usage(self) -> int | None:
        """The KeyUsage bits, first octet high, or None without the extension."""
        found = self.extensions.get(KEY_USAGE)
        if found is None:
            return None
        try:
            return int.from_bytes(der.read(found[1]).bits()[:2].ljust(2, b"\0"), "big")
        except der.DerError:
            return 0

    @cached_property
    def extended_key_usage(self) -> frozenset[str] | None:
        found = self.extensions.get(EXTENDED_KEY_USAGE)
        if found is None:
            return None
        try:
            return frozenset(child.oid() for child in der.read(found[1]).fields(0))
        except der.DerError:
            return frozenset()

    @cached_property
    def basic_constraints(self) -> tuple[bool, int | None]:
        """``(is a CA, path length or None)``."""
        found = self.extensions.get(BASIC_CONSTRAINTS)
        if found is None:
            return False, None
        try:
            is_ca, length = False, None
            for child in der.read(found[1]).fields(0, 2):
                if child.tag == der.BOOLEAN:
                    is_ca = child.boolean()
                else:
                    length = child.integer()
            return is_ca, length
        except der.DerError:
            return False, None

    @cached_property
    def subject_key_id(self) -> bytes | None:
        found = self.extensions.get(SUBJECT_KEY_ID)
        try:
            return der.read(found[1]).octets() if found else None
        except der.DerError:
            return None

    @cached_property
    def authority_key_id(self) -> bytes | None:
        found = self.extensions.get(AUTHORITY_KEY_ID)
        try:
            if found:
                for child in der.read(found[1]).fields(0):
                    if child.tag == 0x80:
                        return child.content
        except der.DerError:
            pass
        return None

    @cached_property
    def summary(self) -> Mapping[str, str]:
        """What a report says of the certificate."""
        return {
            "subject": self.subject_text,
            "issuer": self.issuer_text,
            "serial": f"{self.serial:x}" if self.serial >= 0 else f"-{-self.serial:x}",
            "sha256": self.sha256,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "key": "SM2" if self.key.is_sm2 else KEY_NAMES.get(self.key.algorithm.oid, self.key.algorithm.oid),
        }


KEY_NAMES = {
    "1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.10": "RSA-PSS", EC_KEY: "EC", "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448", "1.2.840.10040.4.1": "DSA",
}  # fmt: skip


@lru_cache(maxsize=4096)
def parse_certificate(raw: bytes) -> Certificate:
    """A certificate from its DER bytes. DerError when it is none."""
    top = der.read(raw)
    if top.end != len(raw):
        raise der.DerError("bytes after the certificate")
    tbs, algorithm, signature = top.fields(3, 3)
    fields = list(tbs.fields(6))
    if fields[0].tag == 0xA0:
        fields.pop(0)
    if len(fields) < 6:
        raise der.DerError("certificate fields are missing")
    serial, inner, issuer, validity, subject, spki = fields[:6]
    if inner.raw != algorithm.raw and Algorithm.read(inner).oid != Algorithm.read(algorithm).oid:
        raise der.DerError("the two signature algorithms of the certificate differ")
    not_before, not_after = validity.fields(2, 2)
    key_algorithm, bits = spki.fields(2, 2)
    extensions: dict[str, tuple[bool, bytes]] = {}
    for extra in fields[6:]:
        if extra.tag == 0xA3:
            extensions = _extensions(extra.fields(1, 1, tag=0xA3)[0])
    return Certificate(
        raw, tbs.raw, serial.integer(), issuer.expect(der.SEQUENCE).raw, subject.expect(der.SEQUENCE).raw,
        not_before.time(), not_after.time(), PublicKey(spki.raw, Algorithm.read(key_algorithm), bits.bits()),
        extensions, Algorithm.read(algorithm), signature.bits(),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Revocation:
    """One entry of a CRL: when, and why (RFC 5280 §5.3.1 reason code, None when not given)."""

    date: dt.datetime
    reason: int | None


@dataclasses.dataclass(frozen=True, eq=False)
class RevocationList:
    """One CRL, its entries by serial number."""

    raw: bytes
    tbs: bytes
    issuer: bytes
    this_update: dt.datetime
    next_update: dt.datetime | None
    entries: Mapping[int, Revocation]
    extensions: Mapping[str, tuple[bool, bytes]]
    entry_unknown_critical: bool
    signature_algorithm: Algorithm
    signature: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def partial(self) -> str | None:
        """Why absence from this list proves nothing (delta, reasons, kinds of certificate, indirect), or None."""
        if DELTA_CRL in self.extensions:
            return "delta"
        if self.entry_unknown_critical:
            return "entry extension"
        for oid, (critical, value) in self.extensions.items():
            if oid == ISSUING_POINT:
                try:
                    for child in der.read(value).fields(0):
                        # [1] only users, [2] only CAs, [3] some reasons, [4] indirect, [5] only attribute certificates
                        if child.tag in (0x81, 0x82, 0x83, 0x84, 0x85) and child.content != b"\0":
                            return "issuing distribution point"
                except der.DerError:
                    return "issuing distribution point"
            elif critical and oid != AUTHORITY_KEY_ID:
                return f"critical extension {oid}"
        return None

    @cached_property
    def indirect(self) -> bool:
        value = self.extensions.get(ISSUING_POINT, (False, b"\x30\0"))[1]
        try:
            return any(child.tag == 0x84 and child.content != b"\0" for child in der.read(value).fields(0))
        except der.DerError:
            return True

    @cached_property
    def points(self) -> tuple[bytes, ...]:
        """The URIs or names of the distribution point that this list serves (RFC 5280 §5.2.5); empty: all of the issuer."""
        value = self.extensions.get(ISSUING_POINT, (False, b"\x30\0"))[1]
        try:
            for child in der.read(value).fields(0):
                if child.tag == 0xA0:
                    choice = child.children[0]
                    return tuple(n.content for n in choice.children) if choice.tag == 0xA0 else (choice.content,)
        except (der.DerError, IndexError):
            return (b"?",)
        return ()

    @cached_property
    def summary(self) -> Mapping[str, str]:
        return {
            "issuer": name_text(self.issuer),
            "sha256": self.sha256,
            "this_update": self.this_update.isoformat(),
            "next_update": self.next_update.isoformat() if self.next_update else "",
            "entries": str(len(self.entries)),
        }


@lru_cache(maxsize=512)
def parse_crl(raw: bytes) -> RevocationList:
    """A CRL from its DER bytes (RFC 5280 §5). DerError when it is none."""
    top = der.read(raw)
    if top.end != len(raw):
        raise der.DerError("bytes after the CRL")
    tbs, algorithm, signature = top.fields(3, 3)
    fields = list(tbs.fields(3))
    if fields[0].tag == der.INTEGER:
        fields.pop(0)
    if len(fields) < 3:
        raise der.DerError("CRL fields are missing")
    Algorithm.read(fields[0])
    issuer, this_update = fields[1].expect(der.SEQUENCE), fields[2].time()
    next_update: dt.datetime | None = None
    entries: dict[int, Revocation] = {}
    extensions: dict[str, tuple[bool, bytes]] = {}
    unknown = False
    for field in fields[3:]:
        if field.tag in (der.UTC_TIME, der.GENERALIZED_TIME):
            next_update = field.time()
        elif field.tag == der.SEQUENCE:
            for entry in field.children:
                parts = entry.fields(2, 3)
                reason: int | None = None
                for oid, (critical, value) in (_extensions(parts[2]) if len(parts) == 3 else {}).items():
                    if oid == CRL_REASON:
                        reason = der.read(value).content[-1] if der.read(value).content else None
                    elif critical:
                        unknown = True
                entries[parts[0].integer()] = Revocation(parts[1].time(), reason)
        elif field.tag == 0xA0:
            extensions = _extensions(field.fields(1, 1, tag=0xA0)[0])
    return RevocationList(
        raw, tbs.raw, issuer.raw, this_update, next_update, entries, extensions, unknown,
        Algorithm.read(algorithm), signature.bits(),
    )  # fmt: skip
