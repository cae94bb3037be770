"""归档配置: which materials a case must bring, by matter, situation, result and what happened in it.

The rules are data: those of schemas/checks/materials.json hold for everyone, an agency's own stand as ``materials`` in its
entry of the agency registry, in the same shape::

    {"when": {"implementation_code": ["…"], "situation_code": ["…"], "result": ["0"], "action": ["补正"]},
     "need": [{"group": "结果文件", "at_least": 1, "zh": "结果文件"},
              {"any_of": [{"material_code": "A1"}, {"all_of": [{"material_code": "B1"}, {"material_code": "B2"}]}],
               "zh": "场地证明"}],
     "severity": "reject"}

All conditions of ``when`` must hold, each for one of its values; all of ``need`` must be brought. A material is told by the
stage it belongs to (``group``: 申报文件, 过程文件, 结果文件), by ``file_code`` or ``material_code``, and must come ``at_least`` so
often (once, if nothing is said).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ingest.findings import Finding, Severity
from ingest.metadata.parts import rows, section, text
from ingest.paths import SCHEMAS

File = Mapping[str, Any]


@cache
def _rules() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads((SCHEMAS / "checks" / "materials.json").read_text("utf-8"))["rules"])


def check(case: Any, agency: Mapping[str, Any]) -> Iterator[Finding]:
    """A finding for each material that a rule asks for and the case lacks, with the rule's severity."""
    facts = _facts(case)
    files = [file for _, file in rows(case, "files")]
    for rule in (*_rules(), *agency.get("materials", ())):
        if all(facts.get(name, frozenset()) & set(wanted) for name, wanted in rule["when"].items()):
            for need in rule["need"]:
                if not _brought(need, files):
                    yield Finding(
                        "MAT-MISSING",
                        field="/files",
                        params={"material": need["zh"]},
                        severity=_override(rule.get("severity")),
                    )


def _facts(case: Any) -> dict[str, frozenset[str | None]]:
    """What a rule may ask of a case: each as the set of values that hold."""
    body = section(case, "case")
    matter = section(body, "matter")
    return {
        "basic_code": frozenset({text(matter, "basic_code")}),
        "implementation_code": frozenset({text(matter, "implementation_code")}),
        "situation_code": frozenset({text(matter, "situation_code")}),
        "result": frozenset({text(section(body, "result"), "code")}),
        "service_kind": frozenset({text(section(body, "service_kind"), "code")}),
        "action": frozenset(text(event, "action") for _, event in rows(case, "events")),
    }


def _brought(need: Mapping[str, Any], files: Sequence[File]) -> bool:
    if "any_of" in need:
        return any(_brought(one, files) for one in need["any_of"])
    if "all_of" in need:
        return all(_brought(one, files) for one in need["all_of"])
    return sum(1 for file in files if _fits(file, need)) >= int(need.get("at_least", 1))


def _fits(file: File, need: Mapping[str, Any]) -> bool:
    return all(file.get(key) == need[key] for key in ("group", "file_code", "material_code") if key in need)


def _override(severity: str | None) -> Severity | None:
    return None if severity is None or severity == Severity.REMARK else Severity(severity)
