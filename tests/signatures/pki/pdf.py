"""Signed PDFs: a one-page form written by hand, signed with any value; pyHanko makes the PAdES levels and the
incremental updates, good and evil."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from unittest.mock import patch

from asn1crypto import crl as asn1_crl
from asn1crypto import keys, x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from .ca import SIGNED, Holder, World
from .keys import RsaKey

SIZE = 8192  # hex digits kept for /Contents


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the signature dictionary is written, and what is wrong with it on purpose."""

    subfilter: str = "adbe.pkcs7.detached"
    filter: str = "Adobe.PPKLite"
    when: dt.datetime = SIGNED
    widen: int = 0  # unsigned bytes left between the first part and /Contents
    hide_field: bool = False  # the field stands in the file but not in the form
    tail: bytes = b""
    type: str = "Sig"
    size: int = SIZE
    unsigned_tail: int = 0
    hybrid: bool = False  # old and new readers are given different cross-references
    sloppy: bool = False  # the trailer declares fewer objects than there are


def unsigned_pdf(streams: int = 0, size: int = 0) -> bytes:
    """A one-page PDF; ``streams`` further objects of ``size`` bytes each stand for fonts and pictures."""
    rng = random.Random(streams * 1_000_003 + size)
    more = [f"<</Length {size}>>\nstream\n".encode() + rng.randbytes(size) + b"\nendstream" for _ in range(streams)]
    return _write([_catalog(""), *_PAGE, b"null", b"null", _FONT, *more], b"")[0]


_PAGE = [
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Annots[]/Resources<</Font<</F 7 0 R>>>>>>",
    b"<</Length 47>>\nstream\nBT /F 12 Tf 20 200 Td (approved: 100 CNY) Tj ET\nendstream",
]
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def _catalog(form: str) -> bytes:
    return f"<</Type/Catalog/Pages 2 0 R{form}>>".encode()


def _write(objects: Sequence[bytes], tail: bytes) -> tuple[bytes, list[int]]:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        out += f"{offset:010d} 00000 n \n".encode()
    out += f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out) + tail, offsets


def sign_pdf(make_value: Callable[[bytes], bytes], layout: Layout | None = None) -> bytes:
    """A one-revision PDF whose only signature is ``make_value(covered bytes)``."""
    layout = layout or Layout()
    moment = layout.when.astimezone(dt.UTC).strftime("D:%Y%m%d%H%M%SZ")
    fields = "" if layout.hide_field else "5 0 R"
    form = f"/AcroForm<</Fields[{fields}]/SigFlags 3>>"
    placeholder = b"<" + b"0" * layout.size + b">"
    entry = (
        f"<</Type/{layout.type}/Filter/{layout.filter}/SubFilter/{layout.subfilter}/M({moment})/Name(signer)".encode()
        + b"/ByteRange [0 @@@@@@@@ ######## &&&&&&&&]/Contents " + b" " * layout.widen + placeholder + b">>"
    )  # fmt: skip
    data, _ = _write(
        [
            _catalog(form), *_PAGE,
            b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig1)/V 6 0 R/Rect[0 0 0 0]/F 132/P 3 0 R>>",
            entry, _FONT,
        ],
        b"",
    )  # fmt: skip
    if layout.hybrid:
        data = hybrid(data)
    if layout.sloppy:
        data = data.replace(b"/Size 8/", b"/Size 3/")
    start = data.index(placeholder)
    first, second = start - layout.widen, start + len(placeholder)
    length = len(data) - second - layout.unsigned_tail
    for mark, value in ((b"@" * 8, first), (b"#" * 8, second), (b"&" * 8, length)):
        data = data.replace(mark, str(value).encode().ljust(8))
    value = make_value(data[:first] + data[second : second + length])
    filled = b"<" + value.hex().encode().ljust(layout.size, b"0") + b">"
    assert len(filled) == len(placeholder)
    return data[:start] + filled + data[second:] + layout.tail


def hybrid(data: bytes) -> bytes:
    """``data`` with a cross-reference stream beside its table (ISO 32000-1 §7.5.8.4)."""
    table = data.rindex(b"xref\n0 ")
    stream = b"8 0 obj\n<</Type/XRef/Size 9/W[1 2 1]/Index[8 1]/Length 4>>\nstream\n\1" + table.to_bytes(2, "big")
    stream += b"\0\nendstream\nendobj\n"
    rest = (
        data[table:]
        .replace(b"/Root 1 0 R", b"/Root 1 0 R/XRefStm " + str(table).encode())
        .replace(b"/Size 8", b"/Size 9")
    )
    head, _, _ = rest.rpartition(b"startxref\n")
    return data[:table] + stream + head + f"startxref\n{table + len(stream)}\n%%EOF\n".encode()


def flip(data: bytes, needle: bytes, by: bytes) -> bytes:
    """``data`` with the first ``needle`` replaced by something of the same length."""
    assert needle in data and len(needle) == len(by)
    return data.replace(needle, by, 1)


def replace_page(data: bytes) -> bytes:
    """An incremental update that shows other content on the page: the classic attack on a partly covered file."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    stream = generic.StreamObject(stream_data=b"BT /F 12 Tf 20 200 Td (approved: 900 CNY) Tj ET")
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)
    return _saved(writer)


def fill_form(data: bytes) -> bytes:
    """An incremental update that gives a text field a value and an appearance over the page (shadow attack "replace")."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    fields = writer.root["/AcroForm"]["/Fields"]
    for reference in fields:
        field = reference.get_object()
        if field.get("/FT") == "/Tx":
            field["/V"] = generic.pdf_string("approved: 900 CNY")
            writer.update_container(field)
    return _saved(writer)


def with_text_field() -> bytes:
    """An unsigned form with one text field."""
    objects = [
        _catalog("/AcroForm<</Fields[5 0 R]/SigFlags 3>>"), *_PAGE,
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(amount)/V(approved: 100 CNY)/Rect[20 150 200 170]/F 4/P 3 0 R>>",
        b"null", _FONT,
    ]  # fmt: skip
    return _write(objects, b"")[0]


def add_annotation(data: bytes) -> bytes:
    """An incremental update that lays a text note over the page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            generic.NameObject("/Type"): generic.NameObject("/Annot"),
            generic.NameObject("/Subtype"): generic.NameObject("/FreeText"),
            generic.NameObject("/Rect"): generic.ArrayObject(map(generic.NumberObject, (20, 195, 200, 215))),
            generic.NameObject("/Contents"): generic.pdf_string("approved: 900 CNY"),
        }
    )
    page["/Annots"] = generic.ArrayObject([*page["/Annots"], writer.add_object(note)])
    writer.update_container(page)
    return _saved(writer)


def add_empty_field(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    append_signature_field(writer, SigFieldSpec("SigNext"))
    return _saved(writer)


def append_revision(data: bytes, objects: Mapping[int, bytes], *, trailer: bytes = b"") -> bytes:
    """``data`` with a further revision, written by hand, in which these objects stand."""
    starts = [int(found) for found in re.findall(rb"startxref\s+(\d+)", data)]
    (root,) = set(re.findall(rb"/Root (\d+ \d+ R)", data))
    info = re.findall(rb"/Info (\d+ \d+ R)", data)
    out, offsets = bytearray(data), {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % (n, at) for n, at in offsets.items())
    size = max(*objects, *(int(n) - 1 for n in re.findall(rb"/Size (\d+)", data))) + 1
    more = (b"/Info " + info[-1] if info else b"") + trailer
    out += b"trailer\n<</Size %d/Prev %d/Root %b%b>>\nstartxref\n%d\n%%%%EOF\n" % (size, starts[-1], root, more, start)
    return bytes(out)


def _saved(writer: IncrementalPdfFileWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _private(holder: Holder) -> keys.PrivateKeyInfo:
    private = holder.key.private  # type: ignore[attr-defined]
    return keys.PrivateKeyInfo.load(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _load(*holders: Holder) -> list[x509.Certificate]:
    return [x509.Certificate.load(holder.raw) for holder in holders]


@cache
def _signer(world: World) -> signers.SimpleSigner:
    registry = SimpleCertificateStore()
    registry.register_multiple(_load(world.authority, world.root))
    return signers.SimpleSigner(
        signing_cert=_load(world.signer)[0], signing_key=_private(world.signer), cert_registry=registry
    )


def pades(
    world: World, level: str = "b", *, data: bytes | None = None, field: str = "Sig1", certify: bool = False,
    permission: MDPPerm = MDPPerm.FILL_FORMS, when: dt.datetime = SIGNED, detached: bool = True, crl: bytes = b"",
) -> bytes:  # fmt: skip
    """A PDF that pyHanko signs at PAdES level ``b``, ``t``, ``lt`` or ``lta``."""
    stamper = None
    if level != "b":
        assert isinstance(world.tsa.key, RsaKey)
        store = SimpleCertificateStore()
        store.register_multiple(_load(world.authority))
        stamper = timestamps.DummyTimeStamper(
            tsa_cert=_load(world.tsa)[0], tsa_key=_private(world.tsa), certs_to_embed=store, fixed_dt=when
        )
    context = None
    if level in ("lt", "lta"):
        context = ValidationContext(
            trust_roots=_load(world.root), other_certs=_load(world.authority, world.signer, world.tsa), moment=when,
            crls=[asn1_crl.CertificateList.load(raw) for raw in (crl or world.crl, world.root_crl)],
            revocation_mode="soft-fail",
        )  # fmt: skip
    metadata = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", certify=certify, docmdp_permissions=permission,
        subfilter=SigSeedSubFilter.PADES if detached else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
        embed_validation_info=context is not None, use_pades_lta=level == "lta", validation_context=context,
    )  # fmt: skip
    writer = IncrementalPdfFileWriter(io.BytesIO(data or unsigned_pdf()))
    with patch("pyhanko.sign.signers.pdf_signer.datetime", _clock(when)):
        out = signers.PdfSigner(metadata, _signer(world), timestamper=stamper).sign_pdf(writer)
    return out.getvalue()


def _clock(when: dt.datetime) -> type[dt.datetime]:
    """pyHanko's own clock, stopped: signers take the time from nowhere else."""

    class Stopped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return when.astimezone(tz)

    return Stopped
