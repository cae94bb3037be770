"""归档配置: which materials a case must bring, by matter, situation and result.

The rules are data: those of schemas/checks/materials.json hold for everyone, an agency's own stand as ``materials`` in its
entry of the agency registry, in the same shape.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ingest.findings import Finding, Severity
from ingest.metadata.parts import rows, section, text
from ingest.paths import SCHEMAS


@cache
def _rules() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads((SCHEMAS / "checks" / "materials.json").read_text("utf-8"))["rules"])


def check(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    """A finding for each material that a rule asks for and the case lacks, with the rule's severity."""
    body = section(case, "case")
    facts = {
        "implementation_code": text(section(body, "matter"), "implementation_code"),
        "situation_code": text(section(body, "matter"), "situation_code"),
        "result": text(section(body, "result"), "code"),
        "service_kind": text(section(body, "service_kind"), "code"),
    }
    files = [file for _, file in rows(case, "files")]
    for rule in (*_rules(), *agency.get("materials", ())):
        if all(facts.get(name) in wanted for name, wanted in rule["when"].items()):
            for need in rule["need"]:
                if sum(1 for file in files if _fits(file, need)) < need.get("at_least", 1):
                    yield Finding(
                        "MAT-MISSING",
                        field="/files",
                        params={"material": need["zh"]},
                        severity=_override(rule.get("severity")),
                    )


def _fits(file: Mapping[str, Any], need: Mapping[str, Any]) -> bool:
    return all(file.get(key) == need[key] for key in ("group", "file_code", "material_code") if key in need)


def _override(severity: str | None) -> Severity | None:
    return None if severity is None or severity == Severity.REMARK else Severity(severity)
