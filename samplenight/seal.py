"""Electronic seals and seal signatures of GB/T 38540-2020 (version 4), in DER."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from samplenight import der, pictures, sm2
from samplenight.layout import STAMPS
from samplenight.pdfpki import START
from samplenight.sealpki import SM2_WITH_SM3, Holder

MAKER = "GuidangSampleNight"


@lru_cache(maxsize=16)
def seal(kind: str, name: str, number: str, maker: Holder, owner: Holder, end: dt.datetime) -> bytes:
    """SESeal: the picture, its name and validity and the certificate that may use it, signed by the maker (6.2)."""
    size = [round(mm) for mm in STAMPS[kind]]
    info = der.sequence(
        der.sequence(der.ia5("ES"), der.integer(4), der.ia5(MAKER)),
        der.ia5(number),
        der.sequence(
            der.integer(1 if kind == "seal" else 2),  # 单位印章, 个人签名
            der.utf8(name),
            der.integer(1),  # the list holds certificates, not digests
            der.sequence(der.octets(owner.certificate)),
            der.generalized_time(START),
            der.generalized_time(START),
            der.generalized_time(end),
        ),
        der.sequence(der.ia5("PNG"), der.octets(pictures.png(kind, name)), *map(der.integer, size)),
    )
    return der.sequence(info, der.octets(maker.certificate), SM2_WITH_SM3, der.bits(sm2.sign(maker.key, info)))


def signature(seal_der: bytes, signer: Holder, at: dt.datetime, description: bytes, where: str) -> bytes:
    """SES_Signature over ``description``, the bytes of Signature.xml; ``where`` is its place in the package (7.2)."""
    tbs = der.sequence(
        der.integer(4), seal_der, der.generalized_time(at), der.bits(sm2.sm3(description)), der.ia5(where)
    )
    return der.sequence(tbs, der.octets(signer.certificate), SM2_WITH_SM3, der.bits(sm2.sign(signer.key, tbs)))
