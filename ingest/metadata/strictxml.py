"""XML from a stranger: no DTD, no entities, no network, no giant trees; UTF-8 and the Chinese encodings, never guessed."""

from __future__ import annotations

import codecs
import re

from lxml import etree

# Looked for before parsing, since a DTD can cost much before it is refused; and after, since UTF-16 or a comment can hide
# it from a search in bytes. Only what stands before the first element counts: later it is text in CDATA.
_DTD_OR_ELEMENT = re.compile(rb"<!\s*(?P<dtd>DOCTYPE|ENTITY)|<[A-Za-z_\x80-\xff]", re.IGNORECASE)


class BadXml(Exception):
    """Not well formed, or beyond the parser's limits."""


class HasDtd(Exception):
    """The document brings its own DTD or entities. Archived XML must say all it says in itself."""


class BadEncoding(Exception):
    """The bytes are not of the encoding that the document names, or of one that nobody knows. The text says what and where."""


_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARATION = re.compile(rb"^\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"'][^>]{0,100}\?>")
_DECLARED = re.compile(r"^\s*<\?xml\b[^>]{0,400}\?>")
# GB 2312 and GBK are read as GB 18030, which holds both: makers write the older name and use the newer characters.
_GB = {"gb2312", "gb_2312-80", "euc-cn", "gbk", "cp936", "gb18030", "x-gbk"}


def encoding_of(data: bytes, default: str = "utf-8") -> tuple[str, int]:
    """(encoding, length of the byte order mark) of an XML document: by its mark, its declaration, else ``default``.

    Raises BadEncoding for a declared encoding that is neither UTF-8, UTF-16 nor one of the GB family.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name, len(mark)
    found = _DECLARATION.match(data[:500])
    name = found[1].decode("ascii").lower() if found else default
    if name in _GB:
        return "gb18030", 0
    if name in ("utf-8", "utf8", "us-ascii", "ascii"):
        return "utf-8", 0
    raise BadEncoding(f"声明的编码 {name} 不受支持 / unsupported encoding")


def decoded(data: bytes, default: str = "utf-8") -> tuple[str, str]:
    """The document's text without its declaration, and its encoding. Raises BadEncoding."""
    encoding, mark = encoding_of(data, default)
    try:
        text = data[mark:].decode(encoding)
    except UnicodeDecodeError as exc:
        raise BadEncoding(f"第 {exc.start + mark} 字节起不是 {encoding} / not {encoding} from there") from exc
    return _DECLARED.sub("", text, count=1), encoding


def read(data: bytes, default: str = "utf-8") -> etree._Element:
    """The root element of a document in any of these encodings. Raises BadEncoding, BadXml, HasDtd."""
    return parse(decoded(data, default)[0].encode("utf-8"))


def local(element: etree._Element) -> str:
    """The element's name without its namespace; "" for comments and instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def parse(data: bytes) -> etree._Element:
    """The root element of ``data``. Raises BadXml, or HasDtd before anything of a DTD is used."""
    first = _DTD_OR_ELEMENT.search(data)
    if first and first["dtd"]:
        raise HasDtd
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        if getattr(exc, "code", 0) == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("XML") from exc  # a limit of ours, not a fault of the file
        raise BadXml(str(exc)[:200]) from exc
    if root.getroottree().docinfo.internalDTD is not None:
        raise HasDtd
    return root
