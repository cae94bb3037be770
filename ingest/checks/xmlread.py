"""XML from a stranger: no DTD, no entities, no network, no giant trees."""

from __future__ import annotations

import re

from lxml import etree

# Looked for before parsing, since a DTD can cost much before it is refused; and after, since UTF-16 or a comment can hide
# it from a search in bytes. Only what stands before the first element counts: later it is text in CDATA.
_DTD_OR_ELEMENT = re.compile(rb"<!\s*(?P<dtd>DOCTYPE|ENTITY)|<[A-Za-z_\x80-\xff]", re.IGNORECASE)


class BadXml(Exception):
    """Not well formed, or beyond the parser's limits."""


class HasDtd(Exception):
    """The document brings its own DTD or entities. Archived XML must say all it says in itself."""


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
        raise BadXml(str(exc)[:200]) from exc
    if root.getroottree().docinfo.internalDTD is not None:
        raise HasDtd
    return root
