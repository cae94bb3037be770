"""PREMIS 3.0: what was received, what was done to it, by whom, and who may see it.

The subset written here is pinned by ``premis-v3-subset.xsd``: element names, order and namespace are those of the Library of
Congress schema. Objects: one representation (the record) and its files. Every time comes from the record or the plan.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sip.xmltext import element, moment, render, text

NS = "http://www.loc.gov/premis/v3"

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
    return render(pieces(record, events, archive, software))


def pieces(record: Mapping[str, Any], events: Sequence[Event], archive: Agent, software: Agent) -> Iterator[str]:
    """`build` in pieces (without the XML declaration), for records too large for memory: ``record["files"]`` is gone through
    several times and may be read from a file each time."""
    about: Mapping[str, Any] = record["record"]
    code = text(about["electronic_record_code"])
    files: Iterable[Mapping[str, Any]] = record["files"]
    yield f'<premis xmlns="{NS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0">\n'
    yield from _representation(about, code, files)
    for f in files:
        yield _file(code, f)
    agents = "".join(
        f"    <linkingAgentIdentifier>{_pair('linkingAgentIdentifier', AGENT_ID, text(agent.identifier))}"
        f"<linkingAgentRole>{role}</linkingAgentRole></linkingAgentIdentifier>\n"
        for agent, role in ((archive, "authorizer"), (software, "executing program"))
    )
    for number, event in enumerate(events, 1):
        yield from _event(code, number, event, agents, files)
    for agent in (archive, software):
        version = element("agentVersion", agent.version) if agent.version else ""
        yield (
            f"  <agent>{_identifier('agentIdentifier', AGENT_ID, text(agent.identifier))}"
            f"{element('agentName', agent.name)}{element('agentType', agent.type)}{version}</agent>\n"
        )
    yield _rights(about, code)
    yield "</premis>\n"


def _representation(about: Mapping[str, Any], code: str, files: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f'  <object xsi:type="representation">\n    {_identifier("objectIdentifier", RECORD_ID, code)}\n'
    if about.get("archival_code"):
        yield f"    {_identifier('objectIdentifier', '档号', text(about['archival_code']))}\n"
    if about.get("title"):
        yield f"    {element('originalName', about['title'])}\n"
    yield (
        "    <relationship>\n      <relationshipType>structural</relationshipType>\n"
        "      <relationshipSubType>has part</relationshipSubType>\n"
    )
    for f in files:
        pair = _pair("relatedObjectIdentifier", FILE_ID, _path(code, f))
        yield (
            f"      <relatedObjectIdentifier>{pair}<relatedObjectSequence>{text(f['seq'])}</relatedObjectSequence>"
            "</relatedObjectIdentifier>\n"
        )
    yield "    </relationship>\n  </object>\n"


def _file(code: str, f: Mapping[str, Any]) -> str:
    known: Mapping[str, Any] = f.get("format") or {}
    version = element("formatVersion", known["version"]) if known.get("version") else ""
    registry = (
        f"<formatRegistry><formatRegistryName>PRONOM</formatRegistryName>{element('formatRegistryKey', known['pronom'])}"
        "<formatRegistryRole>specification</formatRegistryRole></formatRegistry>"
        if known.get("pronom")
        else ""
    )
    fixity = "".join(
        f"      <fixity><messageDigestAlgorithm>{algorithm}</messageDigestAlgorithm>"
        f"<messageDigest>{text(digest)}</messageDigest></fixity>\n"
        for algorithm, digest in (("SHA-256", f["sha256"]), ("SM3", f["sm3"]))
    )
    return (
        f'  <object xsi:type="file">\n    {_identifier("objectIdentifier", FILE_ID, _path(code, f))}\n'
        f"    <objectCharacteristics>\n{fixity}      <size>{text(f['size'])}</size>\n"
        f"      <format><formatDesignation>{element('formatName', known.get('name') or 'unknown')}{version}"
        f"</formatDesignation>{registry}</format>\n    </objectCharacteristics>\n"
        f"    {element('originalName', f.get('source_path') or f['path'])}\n"
        "    <relationship><relationshipType>structural</relationshipType><relationshipSubType>is part of"
        f"</relationshipSubType>{_identifier('relatedObjectIdentifier', RECORD_ID, code)}</relationship>\n  </object>\n"
    )


def _event(code: str, number: int, event: Event, agents: str, files: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    at = moment(event.at)
    yield (
        f"  <event>\n    {_identifier('eventIdentifier', EVENT_ID, f'{code}/event/{number}')}\n"
        f"    {element('eventType', EVENT_TYPES.get(event.kind, event.kind))}\n"
        f"    {element('eventDateTime', at and at.isoformat(timespec='seconds'))}\n"
    )
    if event.detail:
        yield f"    <eventDetailInformation>{element('eventDetail', event.detail)}</eventDetailInformation>\n"
    note = element("eventOutcomeDetailNote", event.note)
    detail = f"<eventOutcomeDetail>{note}</eventOutcomeDetail>" if event.note else ""
    yield f"    <eventOutcomeInformation>{element('eventOutcome', event.outcome)}{detail}</eventOutcomeInformation>\n"
    yield agents
    if event.files is None:
        yield f"    {_identifier('linkingObjectIdentifier', RECORD_ID, code)}\n"
    else:
        wanted = set(event.files)
        for f in files:
            if f["seq"] in wanted:
                yield f"    {_identifier('linkingObjectIdentifier', FILE_ID, _path(code, f))}\n"
    yield "  </event>\n"


def _rights(about: Mapping[str, Any], code: str) -> str:
    control: Mapping[str, Any] = about.get("open_control") or {}
    notes = [f"密级：{about.get('security_classification') or '未标注'}"]
    if control.get("reason"):
        notes.append(f"开放审核：{control['reason']}")
    limits = [r for r in (about.get("access_control"), control.get("decision")) if r]
    return (
        f"  <rights>\n    <rightsStatement>\n      {_identifier('rightsStatementIdentifier', RIGHTS_ID, f'{code}/rights/1')}\n"
        "      <rightsBasis>other</rightsBasis>\n      <otherRightsInformation>"
        f"<otherRightsBasis>档案开放与利用控制</otherRightsBasis>{''.join(element('otherRightsNote', n) for n in notes)}"
        "</otherRightsInformation>\n"
        f"      <rightsGranted><act>disseminate</act>{''.join(element('restriction', r) for r in limits)}</rightsGranted>\n"
        f"      {_identifier('linkingObjectIdentifier', RECORD_ID, code)}\n    </rightsStatement>\n  </rights>\n"
    )


def _path(code: str, f: Mapping[str, Any]) -> str:
    return f"{code}/data/{text(f['path'])}"


def _identifier(name: str, kind: str, value: str) -> str:
    """An identifier as PREMIS writes them all: ``<name><nameType/><nameValue/></name>``. The value is XML text already."""
    return f"<{name}>{_pair(name, kind, value)}</{name}>"


def _pair(name: str, kind: str, value: str) -> str:
    return f"<{name}Type>{kind}</{name}Type><{name}Value>{value}</{name}Value>"
