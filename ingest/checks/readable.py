"""Opening a file for real, one reader a format: it opens to its pages, or it says why not.

Images are walked part by part (headers, chunks with their checksums, image directories); `ingest.checks.pixels` decodes them.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ingest.checks.ofdzip import BadZip, ofd_pages
from ingest.checks.policy import Limits
from ingest.metadata import strictjson
from ingest.metadata.strictxml import BadXml, HasDtd, parse

Fault = tuple[str, str]
"""A finding code and the detail for its text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """``pages``: how many, or None where the format has none. ``faults``: what was found on opening. ``root``: of XML, the
    root element as ``{namespace}name``."""

    pages: int | None = None
    faults: tuple[Fault, ...] = ()
    root: str | None = None


class _Broken(Exception):
    """Not readable; the text says where."""


def read(reader: str, data: bytes, limits: Limits) -> Reading:
    """Open ``data`` with the reader of this name (schemas/checks/formats.json). Bad content gives faults, never raises."""
    try:
        return READERS[reader](data, limits)
    except BadZip as exc:
        return Reading(faults=((exc.code, exc.detail),))
    except HasDtd:
        return Reading(faults=(("FMT-XML-DTD", ""),))
    except (BadXml, _Broken, strictjson.BadJson) as exc:
        return Reading(faults=(("FMT-UNREADABLE", str(exc)),))


def _read_ofd(data: bytes, limits: Limits) -> Reading:
    return Reading(*ofd_pages(data, limits))


def _read_pdf(data: bytes, limits: Limits) -> Reading:
    import pikepdf

    from ingest.checks.pdfread import PdfFault, open_pages

    try:
        pages, faults = open_pages(data, limits)
    except PdfFault as exc:
        return Reading(faults=((exc.code, exc.detail),))
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, KeyError, RecursionError) as exc:
        raise _Broken(f"PDF: {type(exc).__name__}") from exc
    return Reading(pages, faults)


def _read_xml(data: bytes, limits: Limits) -> Reading:
    return Reading(root=str(parse(data).tag)[:200])


def _read_json(data: bytes, limits: Limits) -> Reading:
    strictjson.loads(data, max_bytes=limits.whole_file_bytes)
    return Reading()


def _read_text(data: bytes, limits: Limits) -> Reading:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig"), (b"", "gb18030")):
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" in text:
                raise _Broken("文本含 NUL 字符 / NUL in text")
            return Reading(faults=(("FMT-TEXT-ENCODING", encoding.upper()),) if encoding != "utf-8-sig" else ())
    raise _Broken("文本编码无法识别 / text in no known encoding")


def _read_jpeg(data: bytes, limits: Limits) -> Reading:
    """Walk the segments to the scan; the picture must have a size and an end."""
    at, sized = 2, False
    while True:
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            raise _Broken(f"JPEG 段结构在 {at} 处中断 / segments end at {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if at + 9 > len(data):
                raise _Broken("JPEG 帧头不完整 / short frame header")
            sized = all(struct.unpack_from(">HH", data, at + 5))
        at += 2 + length
        if marker == 0xDA:
            break
    if not sized:
        raise _Broken("JPEG 没有图像尺寸 / no frame header before the scan")
    end = data.rfind(b"\xff\xd9", at) + 2
    if end < at:
        raise _Broken("JPEG 没有结束标记，可能被截断 / no end marker: truncated")
    return Reading(1, _after(data, end))


def _read_png(data: bytes, limits: Limits) -> Reading:
    """Every chunk with its checksum, from IHDR to IEND."""
    at, kinds = 8, []
    while at < len(data):
        if at + 12 > len(data):
            raise _Broken("PNG 被截断 / truncated")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise _Broken("PNG 被截断 / truncated")
        (stated,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(memoryview(data)[at + 4 : at + 8 + length]) != stated:
            raise _Broken(f"PNG 块 {kind!r} 校验不符 / checksum of chunk {kind!r}")
        kinds.append(kind)
        at += 12 + length
        if kind == b"IEND":
            break
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise _Broken("PNG 结构不完整 / IHDR, IDAT or IEND missing")
    return Reading(1, _after(data, at))


def _after(data: bytes, end: int) -> tuple[Fault, ...]:
    """What follows the end of a picture is shown by no viewer; padding with zeros is harmless."""
    return (("FMT-TRAILING-DATA", str(len(data) - end)),) if data[end:].strip(b"\0") else ()


def _read_tiff(data: bytes, limits: Limits) -> Reading:
    """Count the image directories; each strip or tile must lie inside the file."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        pages, seen = 0, set()
        while at:
            if at in seen or pages >= limits.pages:
                raise _Broken("TIFF 目录成环 / image directories in a loop")
            seen.add(at)
            (count,) = struct.unpack_from(order + "H", data, at)
            for entry in range(count):
                _check_tiff_entry(data, order, at + 2 + 12 * entry)
            (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
            pages += 1
    except struct.error as exc:
        raise _Broken("TIFF 被截断 / truncated") from exc
    if not pages:
        raise _Broken("TIFF 没有图像 / no image directory")
    return Reading(pages)


_TIFF_STRIP_OFFSETS, _TIFF_TILE_OFFSETS, _TIFF_LONG = 273, 324, 4


def _check_tiff_entry(data: bytes, order: str, at: int) -> None:
    tag, kind, count, value = struct.unpack_from(order + "HHII", data, at)
    if tag not in (_TIFF_STRIP_OFFSETS, _TIFF_TILE_OFFSETS) or kind != _TIFF_LONG:
        return
    if count > len(data):
        raise _Broken("TIFF 条带数不合理 / impossible number of strips")
    offsets = (value,) if count == 1 else struct.unpack_from(f"{order}{count}I", data, value)
    if any(offset >= len(data) for offset in offsets):
        raise _Broken("TIFF 图像数据在文件之外，可能被截断 / image data beyond the end of the file")


def _read_head(data: bytes, limits: Limits) -> Reading:
    return Reading()  # sound and film: identified by their heads, not played


READERS: Mapping[str, Callable[[bytes, Limits], Reading]] = MappingProxyType(
    {
        "ofd": _read_ofd,
        "pdf": _read_pdf,
        "xml": _read_xml,
        "json": _read_json,
        "text": _read_text,
        "jpeg": _read_jpeg,
        "png": _read_png,
        "tiff": _read_tiff,
        "head": _read_head,
    }
)
