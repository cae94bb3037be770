"""PREMIS 3.0: what was received, what was done to it, by whom, and who may see it.

The subset written here is pinned by ``premis-v3-subset.xsd``: element names, order and namespace are those of the Library of
Congress schema. Objects: one representation (the record) and its files. Every time comes from the record or the plan.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from sip.xmltext import add as _add
from sip.xmltext import moment, render

NS = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"

# Our stages in the words of the Library of Congress vocabulary of event types; others are written as they are given.
EVENT_TYPES = {
    "receive": "ingestion start",
    "check": "validation",
    "file": "accession",
    "package": "information package creation",
}
RECORD_ID, FILE_ID, EVENT_ID, AGENT_ID, RIGHTS_ID = "电子文件号", "package-path", "event", "agent", "rights"


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One thing done by the archive: ``kind`` (receive, check, file, package, or an LoC event type), an aware time, an outcome
    (``success``, ``warning``, ``fail``), what was done (``detail``) and what came out (``note``); ``files`` by seq, None for the
    record as a whole."""

    kind: str
    at: dt.datetime
    outcome: str = "success"
    detail: str = ""
    note: str = ""
    files: Sequence[int] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """``type``: organization, person or software. ``identifier`` is unique within the package."""

    identifier: str
    name: str
    type: str
    version: str = ""


def build(record: Mapping[str, Any], events: Sequence[Event], archive: Agent, software: Agent) -> bytes:
    """The PREMIS document of one canonical record.

    ``record["files"]`` need seq, path, size, sha256, sm3; ``format`` is ``{"name", "pronom", "version"?}`` with pronom None where
    the format is unknown to PRONOM. Every event is linked to both agents (authorizer, executing program).
    """
    return _Builder(record, archive, software).document(events)


class _Builder:
    def __init__(self, record: Mapping[str, Any], archive: Agent, software: Agent) -> None:
        self._files: Sequence[Mapping[str, Any]] = record["files"]
        self._about: Mapping[str, Any] = record["record"]
        self._code: str = self._about["electronic_record_code"]
        self._archive, self._software = archive, software
        # the type stubs know no default namespace, lxml does
        spaces: Any = {None: NS, "xsi": _XSI}
        self._root = etree.Element(f"{{{NS}}}premis", nsmap=spaces)
        self._root.set("version", "3.0")

    def document(self, events: Sequence[Event]) -> bytes:
        self._representation()
        for f in self._files:
            self._file(f)
        for number, event in enumerate(events, 1):
            self._event(number, event)
        for agent in (self._archive, self._software):
            entry = _el(self._root, "agent")
            _pair(entry, "agentIdentifier", AGENT_ID, agent.identifier)
            _el(entry, "agentName", agent.name)
            _el(entry, "agentType", agent.type)
            if agent.version:
                _el(entry, "agentVersion", agent.version)
        self._rights()
        return render(self._root)

    def _path(self, f: Mapping[str, Any]) -> str:
        return f"{self._code}/data/{f['path']}"

    def _object(self, category: str) -> etree._Element:
        entry = _el(self._root, "object")
        entry.set(f"{{{_XSI}}}type", category)
        return entry

    def _representation(self) -> None:
        entry = self._object("representation")
        _pair(entry, "objectIdentifier", RECORD_ID, self._code)
        if self._about.get("archival_code"):
            _pair(entry, "objectIdentifier", "档号", self._about["archival_code"])
        if self._about.get("title"):
            _el(entry, "originalName", self._about["title"])
        parts = _el(entry, "relationship")
        _el(parts, "relationshipType", "structural")
        _el(parts, "relationshipSubType", "has part")
        for f in self._files:
            related = _pair(parts, "relatedObjectIdentifier", FILE_ID, self._path(f))
            _el(related, "relatedObjectSequence", f["seq"])

    def _file(self, f: Mapping[str, Any]) -> None:
        entry = self._object("file")
        _pair(entry, "objectIdentifier", FILE_ID, self._path(f))
        traits = _el(entry, "objectCharacteristics")
        for algorithm, digest in (("SHA-256", f["sha256"]), ("SM3", f["sm3"])):
            fixity = _el(traits, "fixity")
            _el(fixity, "messageDigestAlgorithm", algorithm)
            _el(fixity, "messageDigest", digest)
        _el(traits, "size", f["size"])
        known: Mapping[str, Any] = f.get("format") or {}
        form = _el(traits, "format")
        designation = _el(form, "formatDesignation")
        _el(designation, "formatName", known.get("name") or "unknown")
        if known.get("version"):
            _el(designation, "formatVersion", known["version"])
        if known.get("pronom"):
            registry = _el(form, "formatRegistry")
            _el(registry, "formatRegistryName", "PRONOM")
            _el(registry, "formatRegistryKey", known["pronom"])
            _el(registry, "formatRegistryRole", "specification")
        _el(entry, "originalName", f.get("source_path") or f["path"])
        part = _el(entry, "relationship")
        _el(part, "relationshipType", "structural")
        _el(part, "relationshipSubType", "is part of")
        _pair(part, "relatedObjectIdentifier", RECORD_ID, self._code)

    def _event(self, number: int, event: Event) -> None:
        entry = _el(self._root, "event")
        _pair(entry, "eventIdentifier", EVENT_ID, f"{self._code}/event/{number}")
        _el(entry, "eventType", EVENT_TYPES.get(event.kind, event.kind))
        at = moment(event.at)
        _el(entry, "eventDateTime", at.isoformat(timespec="seconds") if at else None)
        if event.detail:
            _el(_el(entry, "eventDetailInformation"), "eventDetail", event.detail)
        outcome = _el(entry, "eventOutcomeInformation")
        _el(outcome, "eventOutcome", event.outcome)
        if event.note:
            _el(_el(outcome, "eventOutcomeDetail"), "eventOutcomeDetailNote", event.note)
        for agent, role in ((self._archive, "authorizer"), (self._software, "executing program")):
            _el(_pair(entry, "linkingAgentIdentifier", AGENT_ID, agent.identifier), "linkingAgentRole", role)
        if event.files is None:
            _pair(entry, "linkingObjectIdentifier", RECORD_ID, self._code)
            return
        wanted = set(event.files)
        for f in self._files:
            if f["seq"] in wanted:
                _pair(entry, "linkingObjectIdentifier", FILE_ID, self._path(f))

    def _rights(self) -> None:
        statement = _el(_el(self._root, "rights"), "rightsStatement")
        _pair(statement, "rightsStatementIdentifier", RIGHTS_ID, f"{self._code}/rights/1")
        _el(statement, "rightsBasis", "other")
        other = _el(statement, "otherRightsInformation")
        _el(other, "otherRightsBasis", "档案开放与利用控制")
        _el(other, "otherRightsNote", f"密级：{self._about.get('security_classification') or '未标注'}")
        control: Mapping[str, Any] = self._about.get("open_control") or {}
        if control.get("reason"):
            _el(other, "otherRightsNote", f"开放审核：{control['reason']}")
        granted = _el(statement, "rightsGranted")
        _el(granted, "act", "disseminate")
        for restriction in (self._about.get("access_control"), control.get("decision")):
            if restriction:
                _el(granted, "restriction", restriction)
        _pair(statement, "linkingObjectIdentifier", RECORD_ID, self._code)


def _el(parent: etree._Element, name: str, value: Any = None) -> etree._Element:
    return _add(parent, f"{{{NS}}}{name}", value)


def _pair(parent: etree._Element, name: str, kind: str, value: str) -> etree._Element:
    """An identifier as PREMIS writes them all: ``<name><nameType/><nameValue/></name>``."""
    entry = _el(parent, name)
    _el(entry, name + "Type", kind)
    _el(entry, name + "Value", value)
    return entry
