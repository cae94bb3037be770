"""Files carried as base64 text inside XML, JSON and plain text: an anti-virus engine does not look into them by itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

# A first line long enough to be no word, then whatever continues it over line ends. The classes do not overlap, so that the
# search is linear whatever the text.
_RUN = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}(?:[\r\n\t ]+[A-Za-z0-9+/]{4,}={0,2})*")
_SPACE = re.compile(rb"\s+")
_TEXT = (b"<", b"{", b"[", b"\xef\xbb\xbf")
MOST = 1000


def carries_text(head: bytes) -> bool:
    """Whether a file that begins so may carry other files as text."""
    return head.lstrip().startswith(_TEXT)


def decoded(data: bytes) -> Iterator[bytes]:
    """Each run of base64 in ``data``, decoded; at most `MOST` and then an empty one, which says that there are more."""
    for count, found in enumerate(_RUN.finditer(data)):
        if count == MOST:
            yield b""
            return
        run = _SPACE.sub(b"", found[0])
        try:
            yield base64.b64decode(run[: len(run) // 4 * 4])
        except binascii.Error:
            continue
