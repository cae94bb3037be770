"""Opening a PDF to its pages, and looking for what acts on opening."""

from __future__ import annotations

import io
import itertools
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf

from ingest.checks.heads import HEAD_BYTES, archive_kind
from ingest.checks.policy import Limits

_ACTING = ("/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/Rendition", "/GoToE")
_PAGES_LOOKED_INTO = 500
_ANNOTATIONS_LOOKED_INTO = 200
_ATTACHMENTS_LOOKED_INTO = 100


# An object stream is unpacked whole to read one object of it. qpdf knows no limit, so it is measured first. One that hides
# behind a second filter or an escaped name gets past this and meets the worker's memory limit instead.
_OBJECT_STREAM = re.compile(rb"/Type\s*/ObjStm\b")
_STREAM = re.compile(rb"stream\r?\n")
_OBJECT_STREAM_BYTES = 64 * 1024 * 1024
_DICTIONARY_WITHIN = 2048


class PdfFault(Exception):
    """The PDF cannot be judged further: ``code`` is the finding, ``detail`` for its text."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def open_pages(data: bytes, limits: Limits) -> tuple[int, tuple[tuple[str, str], ...]]:
    """The number of pages, and faults (code, detail) that do not keep it from opening.

    Raises PdfFault for encryption and page numbers beyond the limit, and pikepdf's errors for what is no readable PDF.
    """
    _refuse_bombs(data)
    try:
        pdf = pikepdf.open(io.BytesIO(data), suppress_warnings=True)
    except pikepdf.PasswordError as exc:
        raise PdfFault("FMT-ENCRYPTED", "PDF") from exc
    with pdf:
        if pdf.is_encrypted:  # also with an empty password: rights can be withheld, and the algorithm will age
            raise PdfFault("FMT-ENCRYPTED", "PDF")
        pages = len(pdf.pages)
        if not pages:
            raise PdfFault("FMT-UNREADABLE", "PDF 没有页面 / no pages")
        if pages > limits.pages:
            raise PdfFault("FMT-UNREADABLE", f"{pages} pages")
        faults = [("FMT-ACTIVE-CONTENT", action) for action in sorted(set(_actions(pdf)))]
        if _has_attachments(pdf):
            faults.append(("FMT-EMBEDDED-FILES", ""))
            faults += _attached_archives(pdf)
        if any("damaged" in str(w) or "reconstruct" in str(w) for w in pdf.get_warnings()):
            faults.append(("FMT-DAMAGED", ""))
        return pages, tuple(faults)


def _refuse_bombs(data: bytes) -> None:
    left = _OBJECT_STREAM_BYTES
    for found in _OBJECT_STREAM.finditer(data):
        begin = _STREAM.search(data, found.end(), found.end() + _DICTIONARY_WITHIN)
        if begin is None:
            continue
        end = data.find(b"endstream", begin.end())
        left -= _unpacked(data[begin.end() : end if end >= 0 else None], left)
        if left <= 0:
            raise PdfFault("FMT-ZIP-BOMB", f"对象流 / object streams > {_OBJECT_STREAM_BYTES} bytes")


def _unpacked(packed: bytes, limit: int) -> int:
    """How many bytes ``packed`` unpacks to, counted in pieces and no further than ``limit``."""
    inflate, size = zlib.decompressobj(), 0
    try:
        while packed and size < limit:
            size += len(inflate.decompress(packed, 1 << 20))
            packed = inflate.unconsumed_tail
    except zlib.error:
        pass  # not deflated, or damaged: the reader proper will say so
    return size


def _actions(pdf: pikepdf.Pdf) -> Iterator[str]:
    root = pdf.Root
    yield from _kinds(root.get("/OpenAction"))
    yield from _additional(root.get("/AA"))
    names = root.get("/Names")
    if isinstance(names, pikepdf.Dictionary) and "/JavaScript" in names:
        yield "/JavaScript"
    for index in range(min(len(pdf.pages), _PAGES_LOOKED_INTO)):
        page = pdf.pages[index].obj
        yield from _additional(page.get("/AA"))
        annotations = page.get("/Annots")
        if isinstance(annotations, pikepdf.Array):
            for at in range(min(len(annotations), _ANNOTATIONS_LOOKED_INTO)):
                annotation = annotations[at]
                if isinstance(annotation, pikepdf.Dictionary):
                    yield from _kinds(annotation.get("/A"))
                    yield from _additional(annotation.get("/AA"))


def _additional(actions: Any) -> Iterator[str]:
    if isinstance(actions, pikepdf.Dictionary):
        for key in actions:
            yield from _kinds(actions.get(key))


def _kinds(action: Any) -> Iterator[str]:
    if isinstance(action, pikepdf.Dictionary) and (kind := str(action.get("/S", ""))) in _ACTING:
        yield kind


def _has_attachments(pdf: pikepdf.Pdf) -> bool:
    names = pdf.Root.get("/Names")
    return isinstance(names, pikepdf.Dictionary) and "/EmbeddedFiles" in names


def _attached_archives(pdf: pikepdf.Pdf) -> Iterator[tuple[str, str]]:
    """Attachments that are archives: what is in them nobody has looked at."""
    for name in itertools.islice(pdf.attachments, _ATTACHMENTS_LOOKED_INTO):
        try:
            head = _head(pdf.attachments[name].get_file().obj)
        except (pikepdf.PdfError, zlib.error, RuntimeError, ValueError, TypeError, KeyError):
            continue  # an attachment that cannot be read is reported as attached, no more
        if kind := archive_kind(head):
            yield "FMT-NESTED-ARCHIVE", f"{name[:100]} ({kind})"


def _head(stream: pikepdf.Object) -> bytes:
    """The first bytes of a stream, no more of it unpacked than that."""
    raw = stream.read_raw_bytes()
    packed = str(stream.get("/Filter", "")) == "/FlateDecode"
    return zlib.decompressobj().decompress(raw, HEAD_BYTES) if packed else raw[:HEAD_BYTES]
