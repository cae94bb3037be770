"""Doubts that a person accepted while the record was held: they become remarks that name who accepted them, and why."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.findings import Finding, Severity
from ingest.model import CST


def soften(findings: Iterable[Finding], decisions: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """The findings with accepted holds as remarks, and one HLD-ACCEPTED for each code that an acceptance settled.

    Only what still *holds* is softened: a doubt that turned into a proof of badness rejects, whoever accepted the doubt.
    """
    settled = {code: decision for decision in decisions for code in decision["accepted"]}
    out: list[Finding] = []
    used: dict[str, Mapping[str, Any]] = {}
    for finding in findings:
        if finding.weight is Severity.HOLD and finding.code in settled:
            used[finding.code] = settled[finding.code]
            finding = dataclasses.replace(finding, severity=Severity.REMARK)
        out.append(finding)
    return out + [Finding("HLD-ACCEPTED", params=_told(code, decision)) for code, decision in used.items()]


def _told(code: str, decision: Mapping[str, Any]) -> dict[str, str]:
    people = "、".join(name for name in (decision["decided_by"], decision["confirmed_by"]) if name)
    day = dt.datetime.fromisoformat(decision["decided_at"]).astimezone(CST).date()
    return {"code": code, "reason": decision["reason"], "by": people, "at": day.isoformat()}
