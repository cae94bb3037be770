"""The PDF signers' own authority: root, intermediate, leaves and revocation lists (RFC 5280), the same in every sample night.

The keys follow from a fixed label, not from the night's seed, so that a second night in the same home chains to the same root.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from samplenight.rsakeys import ec_key, rsa_key

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
UTC = dt.UTC
START = dt.datetime(2024, 1, 1, tzinfo=UTC)
# Longer than real leaves live: a signature without a timestamp is judged at the time of checking, and the night shall not rot.
END = dt.datetime(2040, 1, 1, tzinfo=UTC)
EXPIRED = dt.datetime(2026, 1, 1, tzinfo=UTC)  # before every sample case
REVOKED = dt.datetime(2026, 1, 15, tzinfo=UTC)


@dataclasses.dataclass(frozen=True)
class Signer:
    """A leaf in a shape that travels to a worker process: PEM key, PEM certificate, PEM of what stands above it."""

    key: bytes
    certificate: bytes
    chain: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True)
class Authority:
    """``signers`` by name: the agencies' ids, ``applicant``, and the spoilt ``expired``, ``revoked``, ``stranger``."""

    root: bytes
    intermediate: bytes
    crls: dict[str, bytes]
    signers: dict[str, Signer]


@cache
def authority(issued: dt.datetime) -> Authority:
    """The authority as it stands on the eve of the night; ``issued`` dates its revocation lists."""
    root_key, inter_key = rsa_key("sample-root"), rsa_key("sample-intermediate")
    root_name, inter_name = _name("归档测试根证书"), _name("归档测试签名证书")
    root = _certificate(root_name, root_key, root_name, root_key, 1, END, "root")
    inter = _certificate(inter_name, inter_key, root_name, root_key, 2, END, "root")
    leaves: dict[str, tuple[str, Key, dt.datetime]] = {
        "nanyue-zwfw": ("南粤市政务服务和数据管理局（测试）", rsa_key("nanyue-zwfw"), END),
        "pengwan-rsj": ("鹏湾市人力资源和社会保障局（测试）", ec_key("pengwan-rsj"), END),
        "lingnan-fgw": ("岭南省发展和改革委员会（测试）", rsa_key("lingnan-fgw"), END),
        "applicant": ("政务服务平台申请人签名（测试）", ec_key("applicant"), END),
        "expired": ("过期签名人（测试）", ec_key("expired"), EXPIRED),
        "revoked": ("已吊销签名人（测试）", ec_key("revoked"), END),
    }
    signers = {}
    for serial, (label, (common, key, end)) in enumerate(leaves.items(), 101):
        leaf = _certificate(_name(common), key, inter_name, inter_key, serial, end, "intermediate", ca=False)
        signers[label] = Signer(_pem_key(key), leaf, (inter,))
    signers["stranger"] = _stranger()
    revoked = x509.load_pem_x509_certificate(signers["revoked"].certificate).serial_number
    crls = {
        "sample-root": _crl(root_name, root_key, issued, None),
        "sample-intermediate": _crl(inter_name, inter_key, issued, revoked),
    }
    return Authority(root, inter, crls, signers)


def _stranger() -> Signer:
    """A signer under a root that no trust list of the samples holds."""
    root_key, key = ec_key("stranger-root"), ec_key("stranger")
    root_name = _name("陌生根证书")
    root = _certificate(root_name, root_key, root_name, root_key, 901, END, "stranger")
    return Signer(
        _pem_key(key),
        _certificate(_name("陌生签名人（测试）"), key, root_name, root_key, 902, END, "stranger", ca=False),
        (root,),
    )


def _name(common: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "归档样例（测试）"),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ])  # fmt: skip


def _certificate(subject: x509.Name, key: Key, issuer: x509.Name, issuer_key: Key, serial: int, end: dt.datetime, crl: str,
                 ca: bool = True) -> bytes:  # fmt: skip
    usage = x509.KeyUsage(digital_signature=not ca, content_commitment=not ca, key_encipherment=False, data_encipherment=False,
                          key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False)  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if subject != issuer:  # a name under .invalid is never resolved; it only says that a list exists
        point = x509.DistributionPoint(
            [x509.UniformResourceIdentifier(f"http://crl.invalid/{crl}.crl")], None, None, None
        )
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        made = builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)
    else:
        made = builder.sign(issuer_key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def _crl(issuer: x509.Name, key: rsa.RSAPrivateKey, issued: dt.datetime, revoked: int | None) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(issued)
        .next_update(END)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if revoked is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(revoked).revocation_date(REVOKED)
        reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
        builder = builder.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _pem_key(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
