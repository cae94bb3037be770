"""What a profile asks of each element of a form: presence, length, pattern, values, forbidden characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from lxml import etree

from ingest.findings import Finding
from ingest.paths import SCHEMAS
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm

_MAX_ERRORS = 20


def obligations(
    profile: Profile, section: str, texts: Mapping[str, str], present: set[str], path: str, at: str
) -> Iterator[Finding]:
    """Findings on one set of elements: ``texts`` those with a text, ``present`` all that stand there; ``path`` is the metadata
    file, ``at`` the place in it. Values are never quoted."""
    for rule in profile.rules.get(section, ()):
        name = rule.row.element
        field = f"{at}/{name}"
        value = texts.get(name)
        if not value:
            if rule.obligation == "M":
                yield Finding("MET-EMPTY" if name in present else "MET-REQUIRED", path=path, field=field)
            continue
        if rule.longest is not None and len(value) > rule.longest:
            yield Finding("MET-LENGTH", path=path, field=field, params={"rule": f"≤ {rule.longest}"})
        if rule.pattern is not None and not rule.pattern.fullmatch(value):
            yield Finding("MET-FORMAT", path=path, field=field, params={"rule": rule.pattern.pattern})
        if rule.values is not None and value not in rule.values:
            yield Finding("MET-DOMAIN", path=path, field=field, params={"rule": "、".join(sorted(rule.values))[:80]})
        if rule.forbidden is not None and (found := rule.forbidden.search(value)):
            yield Finding("MET-CONTROL-CHAR", path=path, field=field, params={"char": f"U+{ord(found[0]):04X}"})


def structure(root: Any, schema: str, path: str) -> None:
    """Validate a document against ``schemas/xsd/<schema>.xsd``. Raises BadForm with one finding for each fault."""
    xsd = _schema(schema)
    if not xsd.validate(root):
        errors = list(xsd.error_log)[:_MAX_ERRORS]
        raise BadForm(
            *(Finding("PRF-XSD", path=path, params={"line": str(e.line), "reason": e.message[:200]}) for e in errors)
        )


@cache
def _schema(name: str) -> Any:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "xsd" / f"{name}.xsd")))
