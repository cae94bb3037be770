"""Sign PDFs as PAdES B-B (ETSI EN 319 142-1) through pyHanko's embedder, without a clock or random file identifiers."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from typing import IO, Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from samplenight.cms import detached
from samplenight.layout import HEIGHT, POINT, Picture
from samplenight.pdfpki import Signer

RESERVED = 8192  # hex digits; two certificates and an RSA signature need about 5,000


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
    steps.send(detached(prepared.document_digest, signer))
    return bytes(output.getvalue())
