"""A yes-or-no answer to a JSON Schema, compiled: nearly all records are good, and need no more.

Only the keywords that our schema uses are known; another one is a ValueError when compiling, so that none is passed over.
Where the answer is no, jsonschema says what is wrong. A test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Test = Callable[[Any], bool]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "boolean": (bool,), "null": (type(None),)
}  # fmt: skip
_ANNOTATIONS = {"$schema", "$id", "title", "description"}


def compile_schema(schema: Mapping[str, Any]) -> Test:
    """A function that is true for the values that ``schema`` (2020-12, its $refs written out) accepts."""
    if unknown := schema.keys() - _COMPILERS.keys() - _ANNOTATIONS:
        raise ValueError(f"keywords that are not compiled: {sorted(unknown)}")
    # minimum and maximum are one test, and so are the other pairs; dict.fromkeys keeps the first and the order.
    makers = dict.fromkeys(_COMPILERS[keyword] for keyword in schema if keyword in _COMPILERS)
    tests = [make(schema) for make in makers]
    if len(tests) == 1:
        return tests[0]

    def every(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a plain loop is twice as fast as all() over a generator
            if not test(value):
                return False
        return True

    return every


def _type(schema: Mapping[str, Any]) -> Test:
    names = schema["type"]
    allowed = frozenset(kind for name in ([names] if isinstance(names, str) else names) for kind in _TYPES[name])
    return lambda value: type(value) in allowed  # bool is no integer here, as in JSON Schema


def _const(schema: Mapping[str, Any]) -> Test:
    constant = _text(schema["const"])
    return lambda value: type(value) is str and value == constant


def _enum(schema: Mapping[str, Any]) -> Test:
    values = frozenset(map(_text, schema["enum"]))
    return lambda value: type(value) is str and value in values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"only texts are compiled as constants, not {value!r}")
    return value


def _range(schema: Mapping[str, Any]) -> Test:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: type(value) not in (int, float) or low <= value <= high


def _length(schema: Mapping[str, Any]) -> Test:
    low, high = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    return lambda value: type(value) is not str or low <= len(value) <= high


def _pattern(schema: Mapping[str, Any]) -> Test:
    search = re.compile(schema["pattern"]).search
    return lambda value: type(value) is not str or search(value) is not None


def _count(schema: Mapping[str, Any]) -> Test:
    low, high = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
    return lambda value: type(value) is not list or low <= len(value) <= high


def _items(schema: Mapping[str, Any]) -> Test:
    test = compile_schema(schema["items"])
    return lambda value: type(value) is not list or all(map(test, value))


def _required(schema: Mapping[str, Any]) -> Test:
    names = frozenset(schema["required"])
    return lambda value: type(value) is not dict or names <= value.keys()


def _properties(schema: Mapping[str, Any]) -> Test:
    tests = {name: compile_schema(sub) for name, sub in schema["properties"].items()}

    def test(value: Any) -> bool:
        if type(value) is not dict:
            return True
        for name, item in value.items():
            own = tests.get(name)
            if own is not None and not own(item):
                return False
        return True

    return test


def _all_of(schema: Mapping[str, Any]) -> Test:
    tests = [compile_schema(sub) for sub in schema["allOf"]]
    return lambda value: all(test(value) for test in tests)


_COMPILERS: Mapping[str, Callable[[Mapping[str, Any]], Test]] = {
    "type": _type, "const": _const, "enum": _enum, "minimum": _range, "minLength": _length, "pattern": _pattern,
    "minItems": _count, "maxItems": _count, "maxLength": _length, "maximum": _range, "items": _items,
    "required": _required, "properties": _properties, "allOf": _all_of,
}  # fmt: skip
