"""Sign PDFs as PAdES B-B (ETSI EN 319 142-1) with pyHanko, without its clock and its random file identifiers."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import io
from functools import cache
from typing import IO, Any

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

from samplenight.layout import HEIGHT, POINT, Picture
from samplenight.pdfpki import Signer

RESERVED = 8192  # hex digits; two certificates and an RSA signature need about 5,400


class _Key(signers.Signer):  # type: ignore[misc]  # pyhanko comes without types
    """A signer whose signatures repeat: PKCS #1 v1.5 for RSA, RFC 6979 for ECDSA."""

    def __init__(self, signer: Signer) -> None:
        self.key = serialization.load_pem_private_key(signer.key, None)
        chain = [_load(pem) for pem in signer.chain]
        super().__init__(signing_cert=_load(signer.certificate), cert_registry=SimpleCertificateStore.from_certs(chain))

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        raise TypeError(type(self.key))


class Update(IncrementalPdfFileWriter):  # type: ignore[misc]  # pyhanko comes without types
    """An incremental update whose identifier and date follow from what it updates."""

    def __init__(self, stream: IO[bytes], at: dt.datetime) -> None:
        self.at = at
        super().__init__(stream)

    @classmethod
    def _handle_id(cls, prev: Any) -> generic.ArrayObject:
        first = prev.trailer["/ID"][0]
        given = getattr(first, "original_bytes", first)
        second = hashlib.md5(bytes(given) + b"update", usedforsecurity=False).digest()
        return generic.ArrayObject([generic.ByteStringObject(bytes(given)), generic.ByteStringObject(second)])

    def _update_meta(self) -> None:
        info = self._info.get_object()
        info["/ModDate"] = generic.pdf_date(self.at)
        self.mark_update(self._info)


@cache
def _signer(signer: Signer) -> _Key:
    return _Key(signer)


def _load(pem: bytes) -> x509.Certificate:
    from asn1crypto import pem as armour

    return x509.Certificate.load(armour.unarmor(pem)[2])


def sign(data: bytes, signer: Signer, at: dt.datetime, reason: str, place: tuple[int, Picture] | None) -> bytes:
    """``data`` with one signature made at ``at``; ``place`` is the page and the seal that the field lies over."""
    writer = Update(io.BytesIO(data), at)
    box = None
    page = 0
    if place:
        page, seal = place
        left, low = seal.x / POINT, (HEIGHT - seal.y - seal.height) / POINT
        box = tuple(round(v) for v in (left, low, left + seal.width / POINT, low + seal.height / POINT))
    field = fields.SigFieldSpec("Signature1", on_page=page, box=box)
    steps = PdfCMSEmbedder(new_field_spec=field).write_cms("Signature1", writer)
    next(steps)
    value = SignatureObject(
        timestamp=at, subfilter=fields.SigSeedSubFilter.PADES, reason=reason, bytes_reserved=RESERVED
    )
    steps.send(SigObjSetup(value))
    prepared, output = steps.send(SigIOSetup("sha256"))
    cms = asyncio.run(_signer(signer).async_sign(prepared.document_digest, "sha256", use_pades=True))
    steps.send(cms)
    return bytes(output.getvalue())
