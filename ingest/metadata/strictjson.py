"""JSON as a stranger may send it: read strictly, or refused with the reason.

RFC 8259 lets parsers differ on duplicate keys, big numbers and lone surrogates; where two readers may see two different
records there is no record, so all of these are refused (as I-JSON, RFC 7493, asks of senders).
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
_SAFE_INTEGER = 2**53 - 1  # RFC 7493 §2.2: what a double holds exactly
_MAX_NUMBER_CHARS = 40
_BOM = b"\xef\xbb\xbf"

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89abAB]", re.ASCII)


class BadJson(ValueError):
    """The data is not JSON that every reader reads alike. ``reason`` says why, in Chinese and English."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value in ``data``: UTF-8, with or without a byte order mark.

    Raises BadJson for other encodings, more than ``max_bytes``, arrays and objects nested deeper than ``max_depth``,
    duplicate keys, NaN and Infinity, integers beyond ±(2^53 - 1), numbers that overflow, lone surrogates, and bad syntax.
    """
    if len(data) > max_bytes:
        raise BadJson(f"超过 {max_bytes} 字节 / larger than {max_bytes} bytes")
    body = data[len(_BOM) :] if has_bom(data) else data
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadJson(f"第 {exc.start} 字节起不是 UTF-8 / not UTF-8 from byte {exc.start}") from exc
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except RecursionError as exc:  # the parser's own limit, far beyond any that is set here
        raise _too_deep(max_depth) from exc
    except json.JSONDecodeError as exc:
        raise BadJson(f"第 {exc.lineno} 行第 {exc.colno} 列语法错误 / {exc.msg} at line {exc.lineno}") from exc
    _limit_depth(value, max_depth)
    if _SURROGATE_ESCAPE.search(body):
        _refuse_lone_surrogates(value)
    return value


def has_bom(data: bytes) -> bool:
    """Whether ``data`` begins with the UTF-8 byte order mark: legal to accept (RFC 8259 §8.1), worth a remark."""
    return data.startswith(_BOM)


def _limit_depth(value: Any, limit: int) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
    if level:
        raise _too_deep(limit)


def _too_deep(limit: int) -> BadJson:
    return BadJson(f"嵌套超过 {limit} 层 / nested deeper than {limit}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadJson(f"键“{key[:80]}”重复 / duplicate key “{key[:80]}”")
            seen.add(key)
    return out


def _integer(text: str) -> int:
    if len(text) > _MAX_NUMBER_CHARS or abs(int(text)) > _SAFE_INTEGER:
        raise BadJson("整数过大 / integer beyond 2^53 - 1")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if len(text) > _MAX_NUMBER_CHARS or value in (float("inf"), float("-inf")):
        raise BadJson("数值过大或过长 / number too large or too long")
    return value


def _constant(text: str) -> NoReturn:
    raise BadJson(f"{text} 不是 JSON 数值 / {text} is not a JSON number")


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise BadJson("含孤立的代理码位 / lone surrogate") from exc
