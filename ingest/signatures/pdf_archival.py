"""The quick way for signed PDFs that were only made to last: after the signature came nothing but validation data (DSS) and
document timestamps in the plainest shape (PAdES B-LT, B-LTA).

Every revision from the signed one on is opened by itself, by qpdf's strict reading, and compared object by object with the one
before. What may differ is listed here and nothing else: the catalog may get a DSS, the form and a page may get invisible
document-timestamp fields, and every new object must belong to those. Any other shape, any warning, any oddity: None, and
pyHanko reads the file and compares its revisions.
"""

from __future__ import annotations

import io
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pikepdf

from ingest.signatures.pdf_lean import PLAIN, UNREADABLE, filled_fields
from ingest.signatures.pdf_model import Changes, Coverage, PdfSignature, PdfStructure, gap_is_contents

MAX_FILE = 64 << 20
MAX_REVISIONS = 8
MAX_OBJECTS = 20_000
MAX_STREAM = 8 << 20  # one certificate, CRL or OCSP answer
MAX_VALIDATION_DATA = 500

_END = re.compile(rb"startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF(?:\r\n|\n|\r)?")
_OBJECT = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+obj\b")
_TABLE = re.compile(
    rb"xref[ ]*[\r\n]{1,2}(?:\d{1,10} \d{1,10}[ ]*[\r\n]{1,2}(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*)+\s*trailer\b"
)
_BEFORE_OBJECT = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+\Z")
_LINK = re.compile(rb" (\d{1,10}) (\d{1,5}) R\b")  # as qpdf writes it; the same in a text counts too
_DATE = re.compile(r"D:[0-9]{4,14}(?:[Zz+-][0-9']{0,6})?")
_ODD_ESCAPE = re.compile(rb"\\[^0-7nrtbf()\\\r\n]")
_TRAILER_KEYS = frozenset(
    {"/Size", "/Root", "/Info", "/ID", "/Prev", "/Type", "/W", "/Index", "/Filter", "/DecodeParms", "/Length"}
)
_RECORD = re.compile(r"/[0-9A-F]{40}")  # the SHA-1 of the signature that the record is about
_DSS_LISTS = ("/Certs", "/CRLs", "/OCSPs")
_VRI_LISTS = frozenset({"/Cert", "/CRL", "/OCSP"})
_FIELD_KEYS = frozenset({"/FT", "/T", "/TU", "/V", "/Type", "/Subtype", "/Rect", "/F", "/P"})
_STAMP_KEYS = frozenset({"/Type", "/Filter", "/SubFilter", "/ByteRange", "/Contents", "/M", "/V"})
_STREAM_KEYS = frozenset({"/Length", "/Filter"})
_CATALOG_MAY = frozenset({"/DSS", "/Extensions", "/AcroForm"})
_OWN_STREAMS = ("/XRef", "/ObjStm")  # how a revision is written, not what it says

Id = tuple[int, int]


class _Odd(Exception):
    """Not of the plain shape."""


def read_archival_pdf(data: bytes) -> PdfStructure | None:
    """The structure of a PDF with one plain signature and, after it, only archival updates; None when it is not certain."""
    if data[:5] != b"%PDF-" or not 0 < len(data) <= MAX_FILE or b"/XRefStm" in data or b"/DSS" not in data:
        return None
    try:
        return _read(data, _ends(data))
    except (_Odd, *UNREADABLE, IndexError, zlib.error):
        return None


def _ends(data: bytes) -> list[int]:
    """Where each revision ends, every one of them with its own cross-reference section inside."""
    found = list(_END.finditer(data))
    ends = [match.end() for match in found]
    if not 2 <= len(found) <= MAX_REVISIONS or ends[-1] != len(data):
        raise _Odd
    if data.count(b"%%EOF") != len(found) or data.count(b"startxref") != len(found):
        raise _Odd
    for begin, match in zip([0, *ends], found, strict=False):
        section = int(match[1])
        if not begin < section < match.start() or not (_TABLE.match(data, section) or _OBJECT.match(data, section)):
            raise _Odd
    return ends


def _read(data: bytes, ends: list[int]) -> PdfStructure:
    last = _Revision(data, len(data))
    signatures = [_signature(data, ends, name, value) for name, value in last.filled]
    regular = [s for s in signatures if not s.document_timestamp]
    if data.count(b"/ByteRange") != len(signatures):
        raise _Odd
    if len(regular) != 1 or len({s.byte_range[1] for s in signatures}) != len(signatures):
        raise _Odd
    first = ends.index(sum(regular[0].byte_range[2:]))
    before = _Revision(data, ends[first])
    if [s for s in signatures if sum(s.byte_range[2:]) < ends[first]] or len(before.filled) != 1:
        raise _Odd  # what was stamped before it was signed is for the full reading
    for begin, end in itertools.pairwise(ends[first:]):
        after = last if end == len(data) else _Revision(data, end)
        _compare(before, after, data[begin:end])
        before = after
    certificates, crls, ocsps = (_validation_data(last.pdf.Root.DSS, key) for key in _DSS_LISTS)
    return PdfStructure(tuple(signatures), certificates, crls, ocsps)


class _Revision:
    """The file as it was at the end of one of its revisions."""

    def __init__(self, data: bytes, end: int) -> None:
        whole = data if end == len(data) else data[:end]
        self.pdf = pikepdf.open(io.BytesIO(whole), suppress_warnings=True, attempt_recovery=False)
        root = self.pdf.Root
        if self.pdf.is_encrypted or "/Perms" in root or not isinstance(root.get("/AcroForm"), pikepdf.Dictionary):
            raise _Odd
        fields = filled_fields(root.AcroForm)
        if fields is None or any("/Lock" in field or "/SV" in field for field in root.AcroForm.Fields):
            raise _Odd
        self.filled: list[tuple[str, Any]] = fields
        self.objects: dict[Id, Any] = {o.objgen: o for o in self.pdf.objects if o is not None and o.is_indirect}
        self.written = {i: _written(o) for i, o in self.objects.items()}
        self.references = Counter(
            (int(number), int(generation)) for text, _ in self.written.values() for number, generation in _LINK.findall(text)
        )  # fmt: skip
        if len(self.objects) > MAX_OBJECTS or self.pdf.get_warnings():
            raise _Odd


def _written(item: Any) -> tuple[bytes, bytes]:
    """All that an object says: itself, references in it as such, and a stream's bytes."""
    if isinstance(item, pikepdf.Stream):
        return bytes(item.stream_dict.unparse(resolved=True)), bytes(item.read_raw_bytes())
    return bytes(item.unparse(resolved=True)), b""


def _signature(data: bytes, ends: list[int], name: str, value: Any) -> PdfSignature:
    stamp = value.get("/Type", "/Sig") == "/DocTimeStamp"
    subfilter, contents = str(value.get("/SubFilter", "")), value.get("/Contents")
    good = subfilter == "/ETSI.RFC3161" if stamp else subfilter in PLAIN and value.get("/Type", "/Sig") == "/Sig"
    if not good or not value.is_indirect or "/Reference" in value or not isinstance(contents, pikepdf.String):
        raise _Odd
    byte_range = tuple(int(number) for number in value.ByteRange)
    raw = bytes(contents)
    if not gap_is_contents(data, byte_range, raw):
        raise _Odd
    revision = ends.index(sum(byte_range[2:]))  # ValueError when it ends elsewhere
    if byte_range[1] <= ([0, *ends])[revision]:
        raise _Odd  # made in an earlier revision than it covers
    whole = revision + 1 == len(ends)
    return PdfSignature(
        name, subfilter, stamp, byte_range, raw, str(value.get("/M", "")), str(value.get("/Name", "")),
        Coverage.FILE if whole else Coverage.REVISION, Changes.NONE if whole else Changes.ARCHIVAL,
    )  # fmt: skip


def _compare(before: _Revision, after: _Revision, tail: bytes) -> None:
    """Raises _Odd unless ``after`` is ``before`` with validation data and document timestamps, and nothing else. ``tail`` are its
    own bytes: an object there that its cross-references do not lead to, another reader might find."""
    old, new = before.pdf, after.pdf
    for key in ("/Root", "/Info"):
        if _reference(old.trailer, key) != _reference(new.trailer, key):
            raise _Odd
    if before.objects.keys() - after.objects.keys():
        raise _Odd
    added = after.objects.keys() - before.objects.keys()
    if any(item in before.references for item in added):
        raise _Odd  # what the signed part already points to may not come later
    changed = {i for i in before.objects if before.written[i] != after.written[i]}
    if any(b"#" in after.written[i][0] for i in added | changed):
        raise _Odd  # names in escapes, or with bytes that should be: nobody writes them here, and readers differ on them
    info = _info(old, new, tail)
    defined = _defined(tail)
    if len(set(defined)) != len(defined) or set(defined) - added - changed - {info}:
        raise _Odd
    fields = _new_fields(old.Root.AcroForm, new.Root.AcroForm, added)
    explained = {i for field in fields for i in (field.objgen, field.V.objgen)}
    explained |= _dss(new.Root)
    explained |= {i for i in added if _is_own_stream(after.objects[i])}
    if added - explained:
        raise _Odd
    _same_but(old.Root, new.Root, _CATALOG_MAY)
    _same_but(old.Root.AcroForm, new.Root.AcroForm, {"/Fields", "/SigFlags"})
    allowed = {old.Root.objgen, old.Root.AcroForm.objgen, old.Root.AcroForm.Fields.objgen, info}
    allowed |= _of_the_store(before, after, changed)
    ids = {field.objgen for field in fields}
    for page in (field.P for field in fields if "/P" in field):
        known = before.objects.get(page.objgen)
        if known is None or known.get("/Type") != "/Page":
            raise _Odd
        _same_but(known, page, {"/Annots"})
        allowed |= {page.objgen, _appended(known.get("/Annots"), page.get("/Annots"), ids)}
    if changed - allowed:
        raise _Odd


def _defined(tail: bytes) -> list[Id]:
    """The objects that stand in these bytes. Found by the word, for a search by digits would try each of a signature's value."""
    out: list[Id] = []
    for word in re.finditer(rb"obj\b", tail):
        head = _BEFORE_OBJECT.search(tail, max(0, word.start() - 40), word.start())
        if head:
            out.append((int(head[1]), int(head[2])))
    return out


def _reference(trailer: Any, key: str) -> Id | None:
    item = trailer.get(key)
    return None if item is None else item.objgen if item.is_indirect else (0, 0)


def _same_but(old: Any, new: Any, may: Iterable[str]) -> None:
    """Two dictionaries that have the same entries, but for those that may differ."""
    keys = (set(old.keys()) | set(new.keys())) - set(may)
    for key in keys:
        a, b = old.get(key), new.get(key)
        if a is None or b is None or _text(a) != _text(b):
            raise _Odd


def _text(item: Any) -> Any:
    """A value as it is written in its place: a reference as such, what is behind it is compared by itself."""
    return item.unparse() if isinstance(item, pikepdf.Object) else item


def _appended(old: Any, new: Any, ids: Iterable[Id]) -> Id:
    """The array's own id (0, 0 when it stands in place), if ``new`` is ``old`` with references to ``ids`` after it."""
    was, now = list(old) if old is not None else [], list(new) if new is not None else []
    if [_text(i) for i in now[: len(was)]] != [_text(i) for i in was] or any(
        i.objgen not in ids for i in now[len(was) :]
    ):
        raise _Odd
    if old is not None and old.objgen != new.objgen:
        raise _Odd
    return old.objgen if old is not None else (0, 0)


def _new_fields(old: Any, new: Any, added: Iterable[Id]) -> list[Any]:
    """The fields that were added: document timestamps without appearance, each with a value of its own."""
    if old.objgen != new.objgen or int(new.get("/SigFlags", 0)) not in (0, 1, 2, 3):
        raise _Odd
    fields = list(new.Fields)[len(list(old.Fields)) :]
    for field in fields:
        if not isinstance(field, pikepdf.Dictionary) or set(field.keys()) - _FIELD_KEYS or field.objgen not in added:
            raise _Odd
        if field.get("/FT") != "/Sig" or field.get("/Subtype", "/Widget") != "/Widget":
            raise _Odd
        if any(float(number) != 0 for number in field.get("/Rect", [0])):
            raise _Odd
        value = field.get("/V")
        if not isinstance(value, pikepdf.Dictionary) or value.objgen not in added or set(value.keys()) - _STAMP_KEYS:
            raise _Odd
        if value.get("/Type") != "/DocTimeStamp" or any(_leads_on(v) for k, v in value.items()):
            raise _Odd
        if any(_leads_on(v) for k, v in field.items() if k not in ("/V", "/P")):
            raise _Odd
    if len({str(field.T) for field in new.Fields}) != len(new.Fields):
        raise _Odd
    _appended(old.Fields, new.Fields, {field.objgen for field in fields})
    return fields


def _leads_on(item: Any) -> bool:
    """Whether a value is, or holds, a reference or a dictionary: the plain ones are numbers, names, strings and lists."""
    if isinstance(item, pikepdf.Array):
        return item.is_indirect or any(_leads_on(i) for i in item)
    return isinstance(item, pikepdf.Dictionary | pikepdf.Stream) or bool(getattr(item, "is_indirect", False))


def _info(old: pikepdf.Pdf, new: pikepdf.Pdf, tail: bytes) -> Id:
    """The id of the document information, in which writers note the last change and themselves."""
    if set(new.trailer.keys()) - _TRAILER_KEYS:
        raise _Odd
    was, now = old.trailer.get("/Info"), new.trailer.get("/Info")
    if was is None:
        return (0, 0)
    _same_but(was, now, {"/ModDate", "/Producer"})
    if any(_leads_on(value) for value in now.values()) or not str(now.get("/Producer", "")).isascii():
        raise _Odd
    if "/ModDate" in now and not _DATE.fullmatch(str(now.ModDate)):
        raise _Odd
    number, generation = int(was.objgen[0]), int(was.objgen[1])
    written = tail.partition(b"%d %d obj" % (number, generation))[2].partition(b"endobj")[0]
    if _ODD_ESCAPE.search(written):
        raise _Odd
    return number, generation


def _of_the_store(before: _Revision, after: _Revision, changed: set[Id]) -> set[Id]:
    """The changed parts of an earlier DSS, if nothing but the DSS refers to them: its lists, never a record in it."""
    parts = {i for i in _dss(before.pdf.Root) & changed if not isinstance(before.objects[i], pikepdf.Stream)}
    records = before.pdf.Root.DSS.get("/VRI") if parts else None
    if records is not None and any(record.objgen in parts for record in records.values()):
        raise _Odd
    if any(each.references[item] != 1 for item in parts for each in (before, after)):
        raise _Odd
    return parts


def _dss(root: Any) -> set[Id]:
    """The ids of the parts of a document security store; all of them are plain lists, records and streams."""
    found: set[Id] = set()
    extensions = root.get("/Extensions")
    if extensions is not None and (extensions.is_indirect or not _is_flat(extensions)):
        raise _Odd
    store = root.get("/DSS")
    if store is None:
        return found
    if not isinstance(store, pikepdf.Dictionary) or set(store.keys()) - {"/Type", "/VRI", *_DSS_LISTS}:
        raise _Odd
    found.add(store.objgen)
    for key in _DSS_LISTS:
        found |= _list(store.get(key))
    records = store.get("/VRI")
    if records is not None:
        found.add(records.objgen)
        for key, record in records.items():
            if (
                not _RECORD.fullmatch(key)
                or set(record.keys()) - {"/Type", "/TU", *_VRI_LISTS}
                or any(_leads_on(v) for k, v in record.items() if k not in _VRI_LISTS)
            ):
                raise _Odd
            found.add(record.objgen)
            for key in _VRI_LISTS:
                found |= _list(record.get(key))
    return found


def _is_flat(extensions: Any) -> bool:
    """Developer extensions (ISO 32000-2 §7.12): dictionaries of plain values."""
    return all(
        not _leads_on(entry)
        or (isinstance(entry, pikepdf.Dictionary) and not entry.is_indirect and not any(_leads_on(v) for v in entry.values()))
        for entry in extensions.values()
    )  # fmt: skip


def _list(items: Any) -> set[Id]:
    """The ids of a list of streams and of the list itself."""
    if items is None:
        return set()
    found = {items.objgen}
    for item in items:
        if not isinstance(item, pikepdf.Stream) or set(item.keys()) - _STREAM_KEYS or _leads_on(item.get("/Filter", 0)):
            raise _Odd
        found.add(item.objgen)
    return found


def _is_own_stream(item: Any) -> bool:
    return isinstance(item, pikepdf.Stream) and str(item.get("/Type", "")) in _OWN_STREAMS


def _validation_data(store: Mapping[str, Any], key: str) -> tuple[bytes, ...]:
    """The streams of one list of the DSS, unpacked within limits."""
    out: list[bytes] = []
    for item in list(store.get(key, ()))[:MAX_VALIDATION_DATA]:
        raw, packing = bytes(item.read_raw_bytes()), item.get("/Filter")
        if packing is not None:
            if packing != "/FlateDecode":
                raise _Odd
            unpacked = zlib.decompressobj()
            raw = unpacked.decompress(raw, MAX_STREAM)
            if not unpacked.eof:
                raise _Odd
        out.append(raw)
    return tuple(out)
