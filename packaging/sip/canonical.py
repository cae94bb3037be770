"""Canonical JSON: one spelling for one value, so that a record's digest means the record."""

from __future__ import annotations

import json
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
