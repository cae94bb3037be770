"""The quick way for the plain case: one signature, of a known format, that covers the whole file.

Then nothing was changed after signing and there is no revision to compare, so qpdf's strict reading of the form is
enough. Any other shape, any warning, any oddity: None, and pyHanko reads the file.
"""

from __future__ import annotations

import io
import logging
from typing import Any

import pikepdf

from ingest.signatures.pdf_model import Changes, Coverage, PdfSignature, PdfStructure, gap_is_contents

# Its warnings repeat content of the files; a file that makes one is read in full.
logging.getLogger("pikepdf").setLevel(logging.CRITICAL)

_TRACES = (b"ByteRange", b"SubFilter", b"/Sig", b"SigFlags", b"DocTimeStamp")
PLAIN = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/GM.sm2seal"})
MAX_FIELDS = 2000
# What pikepdf raises on files that are not what it takes them for; the full reading says better what is wrong.
UNREADABLE = (pikepdf.PdfError, pikepdf.PasswordError, ValueError, TypeError, AttributeError, KeyError, RuntimeError)


def read_plain_pdf(data: bytes) -> PdfStructure | None:
    """The structure of a plainly signed PDF, or None when it is not certain to be one."""
    if data[:5] != b"%PDF-" or data.count(b"/ByteRange") != 1 or b"/XRefStm" in data:
        return None
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True, attempt_recovery=False) as pdf:
            if pdf.is_encrypted or "/DSS" in pdf.Root or "/Perms" in pdf.Root:
                return None
            signature = _only_signature(pdf, data)
            if signature is None or pdf.get_warnings():
                return None
            return PdfStructure((signature,))
    except UNREADABLE:
        return None


def is_plainly_unsigned(data: bytes) -> bool:
    """Whether a sound PDF has no form and nothing in it speaks of a signature: then there is none to look for."""
    if data[:5] != b"%PDF-" or _has_traces(data):
        return False
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True, attempt_recovery=False) as pdf:
            if pdf.is_encrypted or "/AcroForm" in pdf.Root or "/Perms" in pdf.Root or "/DSS" in pdf.Root:
                return False
            return not _has_byte_range(pdf) and not pdf.get_warnings()
    except UNREADABLE:
        return False


def _has_traces(data: bytes) -> bool:
    return any(trace in data for trace in _TRACES)  # a pattern of alternatives takes thirty times as long


def _has_byte_range(pdf: pikepdf.Pdf) -> bool:
    return any(isinstance(item, pikepdf.Dictionary) and "/ByteRange" in item for item in pdf.objects)


def holds_no_signature(data: bytes) -> bool:
    """Whether nothing in the bytes speaks of a signature, and qpdf, mending what it can, finds no object with a byte range
    (names may be written in escapes): sloppy, but not signed."""
    if _has_traces(data):
        return False
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True) as pdf:
            return not _has_byte_range(pdf)
    except UNREADABLE:
        return False


def filled_fields(form: Any) -> list[tuple[str, Any]] | None:
    """Names and values of the signature fields that have one; None when the form is of no plain shape."""
    if not isinstance(form, pikepdf.Dictionary) or not isinstance(form.get("/Fields"), pikepdf.Array):
        return None
    filled: list[tuple[str, Any]] = []
    if len(form.Fields) > MAX_FIELDS:
        return None
    for field in form.Fields:
        if not isinstance(field, pikepdf.Dictionary) or not field.is_indirect:
            return None
        if "/Kids" in field or "/FT" not in field or "/T" not in field:
            return None  # hierarchies and inherited types are for the full reading
        if field.FT == "/Sig" and "/V" in field:
            filled.append((str(field.T), field.V))
    return filled


def _only_signature(pdf: pikepdf.Pdf, data: bytes) -> PdfSignature | None:
    filled = filled_fields(pdf.Root.get("/AcroForm"))
    if filled is None or len(filled) != 1:
        return None
    name, value = filled[0]
    if not isinstance(value, pikepdf.Dictionary) or not value.is_indirect or value.get("/Type", "/Sig") != "/Sig":
        return None
    subfilter, contents = str(value.get("/SubFilter", "")), value.get("/Contents")
    if subfilter not in PLAIN or not isinstance(contents, pikepdf.String):
        return None
    byte_range = tuple(int(number) for number in value.ByteRange)
    raw = bytes(contents)
    if not gap_is_contents(data, byte_range, raw) or byte_range[2] + byte_range[3] != len(data):
        return None
    return PdfSignature(
        name, subfilter, False, byte_range, raw, str(value.get("/M", "")), str(value.get("/Name", "")),
        Coverage.FILE, Changes.NONE,
    )  # fmt: skip
