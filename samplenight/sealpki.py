"""The seals' own SM2 authority: root, intermediate, seal maker, signers and revocation lists in hand-written DER (RFC 5280, GM/T 0015).

Hand-written because no maintained library signs SM2 certificates.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from functools import cache

from samplenight import der, sm2
from samplenight.pdfpki import END, EXPIRED, REVOKED, START

SM2_WITH_SM3 = der.oid("1.2.156.10197.1.501")
SM2_KEY = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301"))
DIGITAL_SIGNATURE, CERT_SIGN = (b"\xc0", 6), (b"\x06", 1)  # with contentCommitment; with cRLSign; (octet, unused bits)


@dataclasses.dataclass(frozen=True)
class Holder:
    """A key with its certificate in DER."""

    key: sm2.Key
    certificate: bytes


@dataclasses.dataclass(frozen=True)
class Authority:
    root: Holder
    intermediate: Holder
    maker: Holder
    signers: dict[str, Holder]
    crls: dict[str, bytes]


@cache
def authority(issued: dt.datetime) -> Authority:
    """The seal authority on the eve of the night; ``issued`` dates its revocation lists. Signers as in ``pdfpki``."""
    root_key, inter_key = sm2.key("seal-root"), sm2.key("seal-intermediate")
    root_name, inter_name = _name("归档测试国密根证书"), _name("归档测试电子印章证书")
    root = Holder(root_key, _certificate(root_name, root_key, root_name, root_key, 1, END, "seal-root"))
    inter = Holder(inter_key, _certificate(inter_name, inter_key, root_name, root_key, 2, END, "seal-root"))

    def leaf(label: str, common: str, serial: int, end: dt.datetime = END) -> Holder:
        own = sm2.key(label)
        return Holder(
            own, _certificate(_name(common), own, inter_name, inter_key, serial, end, "seal-intermediate", ca=False)
        )

    signers = {
        "nanyue-zwfw": leaf("seal-nanyue", "南粤市政务服务和数据管理局（测试）", 101),
        "pengwan-rsj": leaf("seal-pengwan", "鹏湾市人力资源和社会保障局（测试）", 102),
        "lingnan-fgw": leaf("seal-lingnan", "岭南省发展和改革委员会（测试）", 103),
        "applicant": leaf("seal-applicant", "政务服务平台申请人签名（测试）", 104),
        "expired": leaf("seal-expired", "过期签名人（测试）", 105, EXPIRED),
        "revoked": leaf("seal-revoked", "已吊销签名人（测试）", 106),
    }
    other_key, own = sm2.key("seal-stranger-root"), sm2.key("seal-stranger")
    other_name = _name("陌生国密根证书")
    signers["stranger"] = Holder(
        own, _certificate(_name("陌生签名人（测试）"), own, other_name, other_key, 902, END, "seal-stranger", ca=False)
    )
    crls = {
        "seal-root": _crl(root_name, root_key, issued, None),
        "seal-intermediate": _crl(inter_name, inter_key, issued, 106),
    }
    return Authority(root, inter, leaf("seal-maker", "归档测试印章制作中心", 100), signers, crls)


def pem(certificate: bytes) -> bytes:
    body = base64.encodebytes(certificate).replace(b"\n", b"")
    lines = [body[k : k + 64] for k in range(0, len(body), 64)]
    return b"-----BEGIN CERTIFICATE-----\n" + b"\n".join(lines) + b"\n-----END CERTIFICATE-----\n"


def _name(common: str) -> bytes:
    parts = (
        ("2.5.4.6", der.printable("CN")),
        ("2.5.4.10", der.utf8("归档样例（测试）")),
        ("2.5.4.3", der.utf8(common)),
    )
    return der.sequence(*(der.set_of(der.sequence(der.oid(kind), value)) for kind, value in parts))


def _identifier(key: sm2.Key) -> bytes:
    return sm2.sm3(key.point)[:20]


def _extension(kind: str, value: bytes, critical: bool = False) -> bytes:
    return der.sequence(der.oid(kind), *([der.boolean(True)] if critical else []), der.octets(value))


def _signed(tbs: bytes, key: sm2.Key) -> bytes:
    return der.sequence(tbs, der.sequence(SM2_WITH_SM3), der.bits(sm2.sign(key, tbs)))


def _certificate(subject: bytes, key: sm2.Key, issuer: bytes, issuer_key: sm2.Key, serial: int, end: dt.datetime, crl: str,
                 ca: bool = True) -> bytes:  # fmt: skip
    usage = CERT_SIGN if ca else DIGITAL_SIGNATURE
    point = der.tlv(0x86, f"http://crl.invalid/{crl}.crl".encode())
    extensions = [
        _extension("2.5.29.19", der.sequence(der.boolean(True)) if ca else der.sequence(), critical=True),
        _extension("2.5.29.15", der.bits(*usage), critical=True),
        _extension("2.5.29.14", der.octets(_identifier(key))),
        _extension("2.5.29.35", der.sequence(der.tlv(0x80, _identifier(issuer_key)))),
    ]
    if subject != issuer:
        extensions.append(_extension("2.5.29.31", der.sequence(der.sequence(der.explicit(0, der.explicit(0, point))))))
    tbs = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        der.sequence(SM2_WITH_SM3),
        issuer,
        der.sequence(der.utc_time(START), der.utc_time(end)),
        subject,
        der.sequence(SM2_KEY, der.bits(key.point)),
        der.explicit(3, der.sequence(*extensions)),
    )
    return _signed(tbs, issuer_key)


def _crl(issuer: bytes, key: sm2.Key, issued: dt.datetime, revoked: int | None) -> bytes:
    entries = []
    if revoked is not None:
        reason = _extension("2.5.29.21", der.tlv(0x0A, b"\x01"))  # keyCompromise
        entries.append(der.sequence(der.sequence(der.integer(revoked), der.utc_time(REVOKED), der.sequence(reason))))
    extensions = der.sequence(
        _extension("2.5.29.35", der.sequence(der.tlv(0x80, _identifier(key)))), _extension("2.5.29.20", der.integer(1))
    )
    tbs = der.sequence(der.integer(1), der.sequence(SM2_WITH_SM3), issuer, der.utc_time(issued), der.utc_time(END), *entries,
                       der.explicit(0, extensions))  # fmt: skip
    return _signed(tbs, key)
