"""What the XML writers share: safe text, elements as strings, China time.

The documents are written as text, piece by piece: a record of 100,000 files needs no tree in memory, and a small one costs little.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sip.zipformat import CHINA

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

# Not characters of XML 1.0; a hostile title must not stop a package from being written, nor vanish without a trace.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile('[&<>"\r\n\t]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
# A line end or tab is written as a reference, so that it is read back as it was, in an attribute too.
_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def text(value: Any) -> str:
    """The value as XML text or attribute value: None is empty, what XML cannot hold becomes U+FFFD."""
    if value is None:
        return ""
    found = str(value)
    return _SPECIAL.sub(lambda m: _REPLACED.get(m[0], "\ufffd"), found) if _SPECIAL.search(found) else found


def held(value: str) -> str:
    """The value as a reader of the XML gets it back: what XML cannot hold is U+FFFD."""
    return _NOT_XML.sub("\ufffd", value)


def element(name: str, value: Any) -> str:
    """``<name>value</name>``, or ``<name/>`` where the value is None or empty."""
    content = text(value)
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


def moment(value: dt.datetime | str | None) -> dt.datetime | None:
    """An aware datetime in China time; a time without a zone means China time. None for None, "" and what is no time."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if value is None:
        return None
    try:
        return value.replace(tzinfo=CHINA) if value.tzinfo is None else value.astimezone(CHINA)
    except OverflowError:  # the first or last day of the calendar, in another zone
        return None


def render(pieces: Iterable[str]) -> bytes:
    """A document as bytes, its declaration first."""
    return (DECLARATION + "".join(pieces)).encode()


def render_to(path: Path, pieces: Iterable[str]) -> Path:
    """The same into a file, for documents too large for memory; returns ``path``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(DECLARATION)
        file.writelines(pieces)
    return path
