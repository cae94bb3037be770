"""Turning a member into something that cannot act: pictures drawn anew, text as text. Runs in a process that may be killed.

Nothing of an archived file reaches the browser as it is, but as a download: pages and pictures are PNG that were drawn here, XML,
JSON and text are characters for a template to escape.
"""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

from lxml import etree

WIDTH = 1100  # of a drawn page, in pixels
_MOST_PIXELS = 12_000_000  # of one that is drawn
_MOST_READ_PIXELS = 64_000_000  # of a picture that is decoded: 200 MB
_SHOWN = 200_000  # characters of a text
_PICTURES = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
_PRETTY = 16 << 20  # bytes of XML or JSON that are laid out; what is longer is shown as it is


class NotShown(Exception):
    """It cannot be shown; the text says why."""


def kind_of(head: bytes, path: str) -> str:
    """pdf, picture, ofd, xml, json, text or other: by the first bytes; the name only decides between kinds of text."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"GIF8")) or head[8:12] == b"WEBP":
        return "picture"
    name = path.lower()
    if head.startswith(b"PK\x03\x04"):
        return "ofd" if name.endswith(".ofd") else "other"
    if b"\0" in head[:4096]:
        return "other"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") or name.endswith((".xml", ".svg")):
        return "xml"
    return "json" if name.endswith(".json") and text[:1] in (b"{", b"[") else "text"


def pdf_page(data: bytes, number: int) -> tuple[bytes, int]:
    """Page ``number`` (from 1) as PNG, and how many pages there are. Raises NotShown."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        pages = len(pdf)
        if not 1 <= number <= pages:
            raise NotShown(f"共 {pages} 页 / {pages} pages")
        page = pdf[number - 1]
        width, height = page.get_size()
        if not (0 < width < 100_000 and 0 < height < 100_000):
            raise NotShown(f"页面尺寸 / page size {width:.0f} × {height:.0f}")
        scale = min(WIDTH / width, (_MOST_PIXELS / (width * height)) ** 0.5)
        return _png(page.render(scale=scale, may_draw_forms=False).to_pil()), pages
    except pypdfium2.PdfiumError as e:
        raise NotShown(f"PDF 不能打开 / cannot be opened: {e}") from e


def picture(data: bytes, number: int) -> tuple[bytes, int]:
    """Frame ``number`` (from 1) of a picture as PNG no wider than a page, and how many frames there are. Raises NotShown."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = _MOST_READ_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that matter to nobody
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=_PICTURES) as found:
                frames = min(getattr(found, "n_frames", 1), 10_000)
                if not 1 <= number <= frames:
                    raise NotShown(f"共 {frames} 幅 / {frames} pictures")
                found.seek(number - 1)
                if found.width * found.height > _MOST_READ_PIXELS:
                    raise NotShown(f"{found.width} × {found.height} 像素，过大 / pixels: too many")
                found.draft("RGB", (2 * WIDTH, 2 * WIDTH))
                drawn = ImageOps.exif_transpose(found.convert("RGB"))
                drawn.thumbnail((WIDTH, 4 * WIDTH))
                return _png(drawn), frames
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
            raise NotShown(f"像素过多，未解码 / too many pixels, not decoded: {e}") from e
        except UnidentifiedImageError as e:
            raise NotShown("图像格式不认识 / not a picture that is known") from e
        except (
            OSError,
            SyntaxError,
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            OverflowError,
            EOFError,
            ArithmeticError,
        ) as e:
            raise NotShown(f"图像不能解码 / cannot be decoded: {type(e).__name__}") from e


def _png(picture: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def text(data: bytes, kind: str) -> dict[str, Any]:
    """``{"text", "cut", "note"}`` of XML and JSON laid out, of text as it is; ``cut`` where there is more than is shown."""
    shown, note = None, ""
    if len(data) <= _PRETTY:
        try:
            shown = _xml(data) if kind == "xml" else _json(data) if kind == "json" else None
        except (etree.XMLSyntaxError, ValueError, RecursionError, UnicodeError) as e:
            note = f"按原文显示 / shown as it is: {type(e).__name__}: {str(e)[:200]}"
    if shown is None:
        shown = _decoded(data[: 4 * _SHOWN])
    return {"text": shown[:_SHOWN], "cut": len(shown) > _SHOWN or len(data) > 4 * _SHOWN, "note": note}


def _xml(data: bytes) -> str:
    """Laid out, without a DTD ever being read: what declares one is shown as it is."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_blank_text=True
    )
    root = etree.fromstring(data, parser)
    about: Any = root.getroottree().docinfo
    if about.doctype:
        raise ValueError("DOCTYPE")
    return etree.tostring(root, pretty_print=True, encoding="unicode")


def _json(data: bytes) -> str:
    return json.dumps(json.loads(data.decode("utf-8-sig")), ensure_ascii=False, indent=2)


def _decoded(data: bytes) -> str:
    """UTF-8, else GB18030; the end of a cut text may fall into a character."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        if e.start > len(data) - 4:
            return data[: e.start].decode("utf-8-sig")
    return data.decode("gb18030", "replace")


def premis(data: bytes, start: int, count: int) -> dict[str, Any]:
    """The PREMIS document as rows: ``events``, ``agents``, ``rights``, ``count`` of the file objects from ``start``, and how many
    there are. Raises NotShown for what is no PREMIS."""
    out: dict[str, Any] = {"objects": [], "events": [], "agents": [], "rights": [], "total": 0}
    try:
        reader = etree.iterparse(
            io.BytesIO(data), events=("end",), tag=tuple(f"{{*}}{n}" for n in ("object", "event", "agent", "rights")),
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        )  # fmt: skip
        for _, element in reader:
            name = etree.QName(element).localname
            if name == "object":
                if _one(element, "size") is not None:
                    if start <= out["total"] < start + count:
                        out["objects"].append(_object(element))
                    out["total"] += 1
            elif len(out[name + "s" if name != "rights" else name]) < 1000:
                out[name + "s" if name != "rights" else name].append(_ROWS[name](element))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as e:
        raise NotShown(f"不是 PREMIS / is no PREMIS: {str(e)[:200]}") from e
    return out


def _one(element: etree._Element, name: str) -> str | None:
    found = element.find(f".//{{*}}{name}")
    return None if found is None else (found.text or "")


def _all(element: etree._Element, name: str) -> list[str]:
    return [e.text or "" for e in element.iterfind(f".//{{*}}{name}")]


def _object(element: etree._Element) -> dict[str, Any]:
    return {
        "path": (_one(element, "objectIdentifierValue") or "").partition("/")[2], "size": _one(element, "size"),
        "format": " ".join(filter(None, (_one(element, "formatName"), _one(element, "formatVersion")))),
        "pronom": _one(element, "formatRegistryKey"), "original": _one(element, "originalName"),
        "digests": list(zip(_all(element, "messageDigestAlgorithm"), _all(element, "messageDigest"), strict=False)),
    }  # fmt: skip


def _event(element: etree._Element) -> dict[str, Any]:
    return {
        "type": _one(element, "eventType"), "at": _one(element, "eventDateTime"), "detail": _one(element, "eventDetail"),
        "outcome": _one(element, "eventOutcome"), "note": _one(element, "eventOutcomeDetailNote"),
        "agents": _all(element, "linkingAgentIdentifierValue"),
    }  # fmt: skip


def _agent(element: etree._Element) -> dict[str, Any]:
    return {"id": _one(element, "agentIdentifierValue"), "name": _one(element, "agentName"), "type": _one(element, "agentType"),
            "version": _one(element, "agentVersion")}  # fmt: skip


def _right(element: etree._Element) -> dict[str, Any]:
    return {"basis": _one(element, "otherRightsBasis") or _one(element, "rightsBasis"), "notes": _all(element, "otherRightsNote"),
            "acts": _all(element, "act"), "restrictions": _all(element, "restriction")}  # fmt: skip


_ROWS = {"event": _event, "agent": _agent, "rights": _right}
