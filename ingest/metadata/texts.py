"""Characters in metadata: what must not stand in an archive's text, and what tells of a broken transfer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingest.findings import Finding
from ingest.metadata.schema import pointer

MAX_FINDINGS = 50

# Control characters, and the invisible ones that turn the reading direction: a title must read as it is stored.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\u2028\u2029]")
_FORBIDDEN_IN_PROSE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
# U+FFFD is what a decoder leaves of bytes it could not read; 锟斤拷 is that, decoded once more as GBK.
_MOJIBAKE = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯|ï»¿")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_PROSE = {"opinion", "mandate", "description", "remarks", "note"}


def check(case: Any) -> list[Finding]:
    """Findings on the characters of every text in ``case``, names of members included; at most `MAX_FINDINGS`."""
    out: list[Finding] = []
    for steps, text in _texts(case, ()):
        if len(out) >= MAX_FINDINGS:
            break
        if text.isascii() and text.isprintable():
            continue
        prose = bool(steps) and steps[-1] in _PROSE
        if match := (_FORBIDDEN_IN_PROSE if prose else _FORBIDDEN).search(text):
            out.append(Finding("MET-CONTROL-CHAR", field=pointer(*steps), params={"char": f"U+{ord(match[0]):04X}"}))
        if _MOJIBAKE.search(text):
            out.append(Finding("MET-MOJIBAKE", field=pointer(*steps)))
        if match := _PRIVATE.search(text):
            out.append(Finding("MET-PRIVATE-USE", field=pointer(*steps), params={"char": f"U+{ord(match[0]):04X}"}))
    return out


def _texts(value: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not (key.isascii() and key.isprintable()):
                yield steps, key
            yield from _texts(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*steps, index))
