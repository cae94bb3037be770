"""Paths inside a bag: which are allowed, and how a manifest writes them.

Policy: a path is stored in Unicode NFC. A name that is not NFC is refused by the writer (the caller normalises it and keeps the
producer's spelling in the metadata), because file systems and ZIP tools normalise silently and a digest list would no longer match.
"""

from __future__ import annotations

import re
import unicodedata

# U+0085, U+2028 and U+2029 end a line for many readers of text (str.splitlines, bagit-python), so they may not stand in a manifest.
# CR and LF do too, but RFC 8493 has an escape for those.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_ESCAPED = re.compile("%(25|0[Aa]|0[Dd])")
_UNESCAPE = {"25": "%", "0a": "\n", "0d": "\r"}
_DRIVE = re.compile("[A-Za-z]:")


def fault_of_path(path: str) -> str | None:
    """Why ``path`` may not stand in a bag (for a person to read), or None if it may.

    A good path is relative, has ``/`` as its only separator, no empty, ``.`` or ``..`` part, no backslash, drive letter,
    control character (CR and LF excepted) or lone surrogate. Normalisation is judged by `fault_of_form`.
    """
    if not path:
        return "empty"
    if "\\" in path:
        return "backslash"
    if path[0] == "/" or _DRIVE.match(path):
        return "absolute"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f"part {part!r}"
    if _UNPRINTABLE.search(path):
        return "control character"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "lone surrogate"
    return None


def fault_of_form(path: str) -> str | None:
    """``"not NFC"`` when the path is not in Unicode NFC, else None."""
    return None if unicodedata.is_normalized("NFC", path) else "not NFC"


def require_path(path: str) -> str:
    """The path itself if the writer may use it; ValueError saying why not."""
    fault = fault_of_path(path) or fault_of_form(path)
    if fault:
        raise ValueError(f"path {path!r}: {fault}")
    return path


def twin_key(path: str) -> str:
    """The same for all spellings of a path that a case-insensitive or normalising file system takes for one."""
    return nfc(nfc(path).casefold())


def encode(path: str) -> str:
    """The path as a manifest writes it (RFC 8493 §2.1.3): ``%``, CR and LF percent-encoded, and only those."""
    return path.translate(_ESCAPE)


def decode(text: str) -> str:
    """The inverse of `encode`; an escape of anything but ``%``, CR and LF is left as it stands."""
    return _ESCAPED.sub(lambda m: _UNESCAPE[m[1].lower()], text) if "%" in text else text


def stray_percent(text: str) -> bool:
    """Whether a manifest path has a ``%`` that is not one of the three escapes of RFC 8493."""
    return "%" in text and "%" in _ESCAPED.sub("", text)


def nfc(path: str) -> str:
    """The path in Unicode NFC: the same for all spellings that differ in normalisation only."""
    return unicodedata.normalize("NFC", path)
