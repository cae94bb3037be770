"""What the XML writers share: safe text, China time, serialising."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from lxml import etree

from sip.zipformat import CHINA

# Not characters of XML 1.0; a hostile title must not stop a package from being written, nor vanish without a trace.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: Any) -> str:
    """The value as XML text: None is empty, what XML cannot hold becomes U+FFFD."""
    return "" if value is None else _NO_XML.sub("\ufffd", str(value))


def add(parent: etree._Element, name: str, value: Any = None) -> etree._Element:
    """A child element with the value as its text."""
    child = etree.SubElement(parent, name)
    if value is not None and value != "":
        child.text = text(value)
    return child


def moment(value: dt.datetime | str | None) -> dt.datetime | None:
    """An aware datetime in China time; a time without a zone means China time. None for None, "" and what is no time."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if value is None:
        return None
    return value.replace(tzinfo=CHINA) if value.tzinfo is None else value.astimezone(CHINA)


def render(root: etree._Element) -> bytes:
    """UTF-8 with declaration, indented: it is to be read by people too."""
    out: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return out
