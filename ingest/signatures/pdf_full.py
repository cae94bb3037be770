"""Reading signature fields of any PDF with pyHanko: revisions, coverage, and what changed after signing.

Only pyHanko's reader and its analysis of differences are used; digests, CMS and certificates are judged by this package
for all kinds of files alike, SM2 included. pyHanko itself skips signatures that it does not know without a word.
"""

from __future__ import annotations

import binascii
import importlib.metadata
import io
import logging
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import AuthStatus
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, SuspiciousModification
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields

from ingest.signatures.pdf_model import (
    Changes,
    Coverage,
    PdfSignature,
    PdfStructure,
    PdfUnreadableError,
    gap_is_contents,
)

MAX_SIGNATURES = 200
MAX_VALIDATION_DATA = 500
PATCHED_VERSIONS = ("0.38.",)

# Its warnings quote the content of the files; verdicts say what matters.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


def install_fast_hex_reader() -> bool:
    """Replace pyHanko's reader of hex strings, which makes one Python call a byte (half of its time on a signed file),
    by one that reads blocks. Only for versions where it was checked, and only when it answers the same on probes."""
    original = generic.read_hex_string_from_stream
    if getattr(original, "fast", False):
        return True
    if not importlib.metadata.version("pyhanko").startswith(PATCHED_VERSIONS):
        return False

    def fast(stream: Any) -> Any:
        start = stream.tell()
        blocks: list[bytes] = []
        while True:
            block = stream.read(8192)
            end = block.find(b">")
            if end >= 0:
                blocks.append(block[:end])
                break
            if not block:
                stream.seek(start)
                return original(stream)
            blocks.append(block)
        text = b"".join(blocks)
        try:
            value = binascii.unhexlify(text[1:])
        except binascii.Error:
            stream.seek(start)
            return original(stream)
        stream.seek(start + len(text) + 1)
        return generic.pdf_string(value)

    fast.fast = True  # type: ignore[attr-defined]
    for probe in (b"<>", b"<00ff>", b"<0 0 f>", b"<abC>x", b"<" + b"41" * 9000 + b"> 1"):
        ours, theirs = io.BytesIO(probe), io.BytesIO(probe)
        if fast(ours) != original(theirs) or ours.tell() != theirs.tell():
            return False
    generic.read_hex_string_from_stream = fast
    return True


def read_pdf(data: bytes, *, strict: bool = True) -> PdfStructure:
    """The signatures of a PDF as pyHanko sees them; ``strict`` False lets it read over breaches of the standard.
    PdfUnreadableError when the file cannot be read or decrypted."""
    install_fast_hex_reader()
    stream = io.BytesIO(data)
    try:
        reader = PdfFileReader(stream, strict=strict)
        encrypted = reader.encrypted and reader.decrypt(b"").status is AuthStatus.FAILED
    except Exception as error:  # pyHanko raises whatever its parts raise on hostile input
        raise PdfUnreadableError("SIG-PDF-UNREADABLE", describe(error)) from error
    if encrypted:
        raise PdfUnreadableError("SIG-PDF-ENCRYPTED", "password")
    try:
        fields = [(str(name), ref) for name, _, ref in enumerate_sig_fields(reader, filled_status=True)]
        if fields and reader.xrefs.hybrid_xrefs_present:
            raise PdfUnreadableError("SIG-PDF-HYBRID", "hybrid cross-reference")
        if len(fields) > MAX_SIGNATURES:
            raise PdfUnreadableError("SIG-PDF-LIMIT", f"{len(fields)} signatures")
        names = {name for name, _, _ in enumerate_sig_fields(reader)}
        signatures = [_signature(reader, data, name, ref.get_object(), names) for name, ref in fields]
        certificates, crls, ocsps = (_validation_data(reader, key) for key in ("/Certs", "/CRLs", "/OCSPs"))
    except PdfUnreadableError:
        raise
    except Exception as error:  # as above
        raise PdfUnreadableError("SIG-PDF-UNREADABLE", describe(error)) from error
    return PdfStructure(tuple(signatures), certificates, crls, ocsps)


def describe(error: Exception) -> str:
    """An exception in a few words for a report."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return f"{type(error).__name__}: {text}"[:200]


def _get(dictionary: Any, key: str, default: Any) -> Any:
    """An entry with indirect references followed, which pyHanko's own ``get`` does not do."""
    try:
        return dictionary[key]
    except KeyError:
        return default


def _signature(reader: PdfFileReader, data: bytes, name: str, field: Any, names: set[str]) -> PdfSignature:
    value = field.raw_get("/V")
    reference = value.reference if isinstance(value, generic.IndirectObject) else field.container_ref
    entry = value.get_object() if isinstance(value, generic.IndirectObject) else value
    if not isinstance(entry, generic.DictionaryObject):
        raise PdfUnreadableError("SIG-PDF-UNREADABLE", f"field {name}: the value is no dictionary")
    byte_range = tuple(int(number) for number in _get(entry, "/ByteRange", ()))
    contents = entry.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW)
    if not isinstance(contents, generic.TextStringObject | generic.ByteStringObject):
        raise PdfUnreadableError("SIG-PDF-UNREADABLE", f"field {name}: /Contents is no string")
    raw = contents.original_bytes
    revision = reader.xrefs.get_last_change(reference)
    coverage = _coverage(reader, data, byte_range, raw, revision)
    changes, forbidden, detail = _changes(reader, field, entry, coverage, revision, names)
    return PdfSignature(
        name, str(_get(entry, "/SubFilter", "")), _get(entry, "/Type", "") == "/DocTimeStamp", byte_range, raw,
        str(_get(entry, "/M", "")), str(_get(entry, "/Name", "")), coverage, changes, forbidden, detail,
    )  # fmt: skip


def _coverage(
    reader: PdfFileReader, data: bytes, byte_range: tuple[int, ...], contents: bytes, revision: int
) -> Coverage:
    """FILE when the range runs to the last byte; REVISION when it ends with the %%EOF of the revision that holds the
    signature and takes in every cross-reference section up to it."""
    if not gap_is_contents(data, byte_range, contents):
        return Coverage.UNCLEAR
    end = byte_range[2] + byte_range[3]
    if end == len(data):
        return Coverage.FILE
    xrefs = reader.xrefs
    try:
        stream = io.BytesIO(data)
        stream.seek(end)
        if process_data_at_eof(stream) != xrefs.get_startxref_for_revision(revision):
            return Coverage.BLOCK
    except (PdfError, ValueError, OSError):
        return Coverage.BLOCK
    if any(xrefs.get_xref_container_info(number).end_location > end for number in range(revision + 1)):
        return Coverage.BLOCK
    return Coverage.REVISION


_LEVELS = {
    ModificationLevel.NONE: Changes.NONE,
    ModificationLevel.LTA_UPDATES: Changes.ARCHIVAL,
    ModificationLevel.FORM_FILLING: Changes.FORM,
    ModificationLevel.ANNOTATIONS: Changes.ANNOTATIONS,
    ModificationLevel.OTHER: Changes.OTHER,
}


def _changes(
    reader: PdfFileReader, field: Any, entry: Any, coverage: Coverage, revision: int, names: set[str]
) -> tuple[Changes, bool, str]:
    """What the revisions after the signed one did, whether the signature forbids it, and pyHanko's reason."""
    if coverage is Coverage.FILE:
        return Changes.NONE, False, ""
    if coverage is not Coverage.REVISION:
        return Changes.OTHER, False, "coverage"
    doc_mdp = _doc_mdp(field, entry)
    result = DEFAULT_DIFF_POLICY.review_file(reader, revision, field_mdp_spec=_field_mdp(entry), doc_mdp=doc_mdp)
    if isinstance(result, SuspiciousModification):
        return Changes.OTHER, False, describe(result)
    level = _LEVELS[result.modification_level]
    if level is Changes.FORM and result.changed_form_fields <= names and _form_kept(reader, revision):
        level = Changes.SIGNATURES
    forbidden = doc_mdp is not None and result.modification_level.value > doc_mdp.value
    return level, forbidden, ""


def _form_kept(reader: PdfFileReader, revision: int) -> bool:
    """Whether later revisions left alone what all fields share (default resources): with other fonts there, an unchanged
    field may show other text."""
    old = reader.get_historical_resolver(revision)
    return not any(
        update.field_name is None and level is ModificationLevel.FORM_FILLING
        for number in range(revision + 1, reader.xrefs.total_revisions)
        for level, update in DEFAULT_DIFF_POLICY.form_rule.apply(old, reader.get_historical_resolver(number))
    )


def _transform(entry: Any, method: str) -> Any:
    for reference in _get(entry, "/Reference", ()):
        reference = reference.get_object()
        if reference["/TransformMethod"] == method:
            return reference
    return None


def _doc_mdp(field: Any, entry: Any) -> MDPPerm | None:
    reference = _transform(entry, "/DocMDP")
    if reference is not None:
        parameters = _get(reference, "/TransformParams", {})
        return MDPPerm(int(_get(parameters, "/P", 2)))
    lock = _get(field, "/Lock", None)
    if lock is not None and "/P" in lock:
        return MDPPerm(int(lock["/P"]))
    return None


def _field_mdp(entry: Any) -> FieldMDPSpec | None:
    reference = _transform(entry, "/FieldMDP")
    return None if reference is None else FieldMDPSpec.from_pdf_object(reference["/TransformParams"])


def _validation_data(reader: PdfFileReader, key: str) -> tuple[bytes, ...]:
    """The streams of the document security store (PAdES, ETSI EN 319 142-1 §5.4.2.2)."""
    store = _get(reader.root, "/DSS", None)
    if store is None:
        return ()
    items = _get(store, key, ())
    out: list[bytes] = []
    for item in list(items)[:MAX_VALIDATION_DATA]:
        stream = item.get_object()
        if isinstance(stream, generic.StreamObject):
            out.append(bytes(stream.data))
    return tuple(out)
