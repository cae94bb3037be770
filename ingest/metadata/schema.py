"""The shape of a case: JSON Schema 2020-12, each fault as a finding with its place."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from ingest.findings import Finding
from ingest.metadata.accepts import Test, compile_schema
from ingest.paths import SCHEMAS

MAX_FINDINGS = 50

# The kind of fault decides which item of DA/T 70 it belongs to: presence, length, type and format, or value range.
_CODE = {
    "required": "MET-REQUIRED",
    "minLength": "MET-EMPTY",
    "minItems": "MET-EMPTY",
    "maxLength": "MET-LENGTH",
    "type": "MET-TYPE",
    "pattern": "MET-FORMAT",
    "enum": "MET-DOMAIN",
    "const": "MET-DOMAIN",
    "minimum": "MET-DOMAIN",
    "maximum": "MET-DOMAIN",
}


@cache
def _schema() -> Any:
    schema = json.loads(
        (SCHEMAS / "case-1.0.schema.json").read_text("utf-8")
    )  # sound: a test checks it, not each process
    return _inlined(schema, schema["$defs"])


@cache
def _accepts() -> Test:
    return compile_schema(_schema())


@cache
def _validator() -> Any:
    # Made once: jsonschema.validate() checks the schema itself on every call and costs 17 times as much.
    # 2020-12 lets 5.0 pass as an integer; a count that is written so would escape the sums.
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return extend(Draft202012Validator, type_checker=whole)(_schema())


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its own (non-recursive) $refs written out: looking each up again for each record doubles the cost."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"$ref"}:
        return _inlined(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: _inlined(item, definitions) for key, item in node.items() if key != "$defs"}


def check(case: Any) -> list[Finding]:
    """Faults of shape, at most `MAX_FINDINGS` and then one that says that there are more. Values are never quoted."""
    if _accepts()(case):  # jsonschema takes 2 ms to find nothing
        return []
    found = list(itertools.islice(_findings(case), MAX_FINDINGS + 1))
    if len(found) > MAX_FINDINGS:
        found[MAX_FINDINGS:] = [Finding("MET-TOO-MANY", params={"limit": str(MAX_FINDINGS)})]
    return found


def pointer(*steps: str | int) -> str:
    """A JSON pointer, RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def explain(case: Any) -> list[Finding]:
    """All faults of shape as jsonschema finds them, without the short way for good records and without a cap."""
    return list(_findings(case))


def _findings(case: Any) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for error in _validator().iter_errors(case):
        for finding in _finding(error):
            place = (finding.code, finding.field or "")
            if place not in seen:  # a missing member is one error per schema that asks for it
                seen.add(place)
                yield finding


def _finding(error: ValidationError) -> Iterator[Finding]:
    at = pointer(*error.absolute_path)
    code = _CODE.get(str(error.validator), "MET-SCHEMA")
    if code == "MET-REQUIRED":
        for name in error.validator_value:
            if name not in error.instance:
                yield Finding(code, field=at + pointer(name))
    elif code == "MET-FORMAT" and isinstance(error.instance, str) and not error.instance.strip():
        yield Finding("MET-EMPTY", field=at)
    else:
        yield Finding(code, field=at, params={"rule": f"{error.validator} {_short(error.validator_value)}"})


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
