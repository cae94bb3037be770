"""Canonical JSON: one spelling for one value, so that a record's digest means the record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def dumps(obj: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces, no escapes beyond the needed ones, and a newline at the end.

    Like RFC 8785 (JCS) but for three things: keys are sorted by code point, not by UTF-16 unit (other only beyond the BMP);
    floats are spelt as Python spells them (the record model has none); a newline ends the file. NaN, infinities and lone
    surrogates raise ValueError, keys that are not strings TypeError.
    """
    _require_string_keys(obj)
    text = json.dumps(obj, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def pieces(members: Mapping[str, Any], array: str, rows: Iterable[Any]) -> Iterator[bytes]:
    """`dumps` of ``{**members, array: list(rows)}`` in pieces, for an array too long for memory."""
    opened = "{"
    for name in sorted({*members, array}):
        yield f"{opened}{json.dumps(name, ensure_ascii=False)}:".encode()
        opened = ","
        if name == array:
            yield b"["
            comma = b""
            for row in rows:
                yield comma + dumps(row)[:-1]
                comma = b","
            yield b"]"
        else:
            yield dumps(members[name])[:-1]
    yield b"}\n"


def _require_string_keys(obj: Any) -> None:
    # json.dumps would spell 1 and "1" alike and write the key twice.
    if isinstance(obj, dict):
        for key, value in obj.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is not a string")
            if isinstance(value, dict | list | tuple):
                _require_string_keys(value)
    elif isinstance(obj, list | tuple):
        for value in obj:
            if isinstance(value, dict | list | tuple):
                _require_string_keys(value)
