"""What a form cannot carry of a record, kept beside it, so that record → form → record loses nothing.

The document (``扩展元数据.json``) says only the difference: members to set and members to drop in what the form's own elements say.
JSON carries every character; what XML 1.0 cannot hold (most control characters, U+FFFE, U+FFFF) stands in an element as U+FFFD and
here in full. A reader that does not know this document loses nothing of what the form itself can say.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from sip import canonical

NAME = "扩展元数据.json"
SCHEMA = "guidang.extension/1.0"
_GONE = object()


class BadExtension(ValueError):
    """The document is not of its shape, or sets what is not there to be set."""


def document(form: str, version: str, said: Mapping[str, Any], record: Mapping[str, Any]) -> bytes:
    """The difference between what the form says and the record, as canonical JSON."""
    changes: dict[str, Any] = {}
    drops: list[str] = []
    for pointer, value in _difference(said, record, ""):
        if value is _GONE:
            drops.append(pointer)
        else:
            changes[pointer] = value
    return canonical.dumps({"schema": SCHEMA, "form": form, "version": version, "set": changes, "drop": drops})


def applied(said: Mapping[str, Any], extension: Any) -> dict[str, Any]:
    """The whole record: what the form said, changed as ``extension`` (the parsed document) says. Raises BadExtension."""
    if not isinstance(extension, Mapping) or extension.get("schema") != SCHEMA:
        raise BadExtension(f"schema is not {SCHEMA}")
    changes, drops = extension.get("set"), extension.get("drop")
    if not isinstance(changes, Mapping) or not isinstance(drops, list):
        raise BadExtension("set and drop are missing")
    out: dict[str, Any] = copy.deepcopy(dict(said))
    for pointer in drops:
        holder, key = _holder(out, pointer)
        if not isinstance(holder, dict) or key not in holder:
            raise BadExtension(f"drops what is not there: {pointer!r:.100}")
        del holder[key]
    for pointer, value in changes.items():
        holder, key = _holder(out, pointer)
        if isinstance(holder, list):
            if not key.isdecimal() or int(key) >= len(holder):
                raise BadExtension(f"no such place: {pointer!r:.100}")
            holder[int(key)] = value
        else:
            holder[key] = value
    return out


def _holder(data: Any, pointer: Any) -> tuple[Any, str]:
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise BadExtension("not a JSON pointer")
    *way, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    for step in way:
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            raise BadExtension(f"no such place: {pointer!r:.100}")
    if not isinstance(data, dict | list):
        raise BadExtension(f"no such place: {pointer!r:.100}")
    return data, last


def _difference(said: Any, record: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(said, Mapping) and isinstance(record, Mapping):
        for key in said.keys() | record.keys():
            place = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in record:
                yield place, _GONE
            elif key not in said:
                yield place, record[key]
            else:
                yield from _difference(said[key], record[key], place)
    elif isinstance(said, list) and isinstance(record, list) and len(said) == len(record):
        for index, (one, other) in enumerate(zip(said, record, strict=True)):
            yield from _difference(one, other, f"{at}/{index}")
    elif type(said) is not type(record) or said != record:
        yield at, record
