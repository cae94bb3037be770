"""基本信息元数据 and 办理过程元数据 as deployed archives take them (GB/T 42727-2023 / DA/T 85-2019, Fuzhou profile).

Every element of the form is written, in its order; what the record does not know is an empty element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree

from sip.xmltext import add, moment, render, text

Record = Mapping[str, Any]

_GROUPS = ("申报文件", "过程文件", "结果文件")

# element → JSON path into the record; two paths are tried in turn. "@" marks a time.
_BASE_INFO: tuple[tuple[str, str], ...] = (
    ("electronic_record_code", "record.electronic_record_code"),
    ("region_code", "case.region_code"),
    ("task_code", "case.matter.implementation_code"),
    ("task_name", "case.matter.name"),
    ("task_version", "case.matter.version"),
    ("task_type", "case.matter.type.code"),
    ("information_system_dcscription", ""),  # sic: receiving systems look for this spelling
    ("archives_identifier", "record.archives_identifier"),
    ("archives_name", "record.archives_name"),
    ("fonds_constituting_unit_name", "record.fonds_unit"),
    ("fonds_identifier", "record.fonds_no"),
    ("lead_department", "record.lead_department"),
    ("social_code", "record.unit_uscc"),
    ("retention_period", "record.retention_code"),
    ("security_classification", "record.security_classification"),
    ("project_id", "case.case_no"),
    ("project_name", "case.case_title|record.title"),
    ("service_type", "case.service_kind.text"),
    ("archive_time", "@record.filed_at"),
    ("apply_name", "case.applicant.name"),
    ("apply_type", "case.applicant.kind.text"),
    ("card_type", "case.applicant.id_type.text"),
    ("contacted_card", "case.applicant.id_no"),
    ("address", "case.applicant.address"),
    ("legal_man", "case.applicant.legal_representative.name"),
    ("legal_man_id_type", "case.applicant.legal_representative.id_type.text"),
    ("legal_man_id_number", "case.applicant.legal_representative.id_no"),
    ("is_project", ""),
    ("project_code", "case.project.code"),
    ("project_title", "case.project.name"),
    ("project_address", "case.project.address"),
    ("receive_department", "case.receive_department|record.fonds_unit"),
    ("receive_time", "@case.accepted_at|@case.applied_at"),
    ("accept_num", "case.accept_no"),
    ("transact_time", "@case.closed_at"),
    ("result", "case.result.text"),
    ("result_code", "case.result.result_no"),
    ("total_number", ""),
    ("remarks", "record.remarks"),
)
_FILE: tuple[tuple[str, str], ...] = (
    ("file_code", "file_code"),
    ("file_standard_name", "material_name"),
    ("file_actual_name", "source_path|path"),
    ("format_information", "format.name"),
    ("computer_file_name", "path"),
    ("computer_file_size", "size"),
    ("computer_file_creation_time", "@created_at"),
    ("auxiliary", "auxiliary"),
    ("file_share", "share.code"),
    ("file_share_conditions", "share.conditions"),
    ("no_share_reason", "share.reason"),
)


def base_info(record: Record) -> bytes:
    """``基本信息元数据.xml``: root ``base_info``, its elements in the deployed order, the files in their folders.

    ``record`` is the canonical record (``case``, ``record``, ``files``). Times are China time, ``yyyy-MM-dd HH:mm:ss``.
    """
    derived: dict[str, Callable[[Record], str]] = {
        "information_system_dcscription": _system,
        "is_project": lambda r: "是" if _get(r, "case.project.is_project") else "否",
        "total_number": lambda r: str(len(r["files"])),
    }
    root = etree.Element("base_info")
    for name, path in _BASE_INFO:
        add(root, name, derived[name](record) if name in derived else _value(record, path))
    fileset = add(root, "fileset")
    groups = [*_GROUPS, *sorted({f["group"] for f in record["files"]} - set(_GROUPS))]
    for number, group in enumerate(groups, 1):
        folder = add(fileset, "folder")
        folder.set("id", str(number))
        folder.set("title", text(group))
        for f in record["files"]:
            if f["group"] == group:
                entry = add(folder, "file")
                entry.set("id", text(f["seq"]))
                for name, path in _FILE:
                    value = _value(f, path)
                    add(entry, name, value.rpartition("/")[2] if path.endswith("path") else value)
    return render(root)


def process_info(record: Record, management: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """``办理过程元数据.xml``: what was done in the case, then what the archive did (``management``), one ``business`` each.

    Element names are those of DA/T 46-2009 M76–M84. An event is ``{"action", "action_text", "at", "agent_id", "mandate",
    "opinion", "status", "files": [seq]}``; ``management`` events may name their agent outright: ``{"agent": {"type", "name",
    "org_code"}}``.
    """
    agents = {a["agent_id"]: a for a in record.get("agents", ())}
    root = etree.Element("process_info")
    add(root, "electronic_record_code", _value(record, "record.electronic_record_code"))
    for kind, events in (("handling", record.get("events", ())), ("management", management)):
        section = add(root, kind)
        for event in events:
            agent: Mapping[str, Any] = event.get("agent") or agents.get(event.get("agent_id")) or {}
            entry = add(section, "business")
            entry.set("id", text(event.get("event_id") or f"{kind[0].upper()}{len(section)}"))
            add(entry, "business_status", event.get("status", "历史行为"))
            add(entry, "business_activity", event.get("action_text") or event["action"])
            add(entry, "action_code", event["action"])
            add(entry, "action_time", _value(event, "@at"))
            add(entry, "action_mandate", event.get("mandate"))
            add(entry, "action_description", event.get("opinion") or event.get("description"))
            add(entry, "agent_type", agent.get("type"))
            add(entry, "agent_name", agent.get("name"))
            add(entry, "organization_code", agent.get("org_code"))
            add(entry, "position_name", agent.get("position"))
            for seq in event.get("files", ()):
                add(entry, "file_ref", seq)
    return render(root)


def _system(record: Record) -> str:
    system = _get(record, "case.source_system") or {}
    return " ".join(str(system[k]) for k in ("system_no", "name", "version") if system.get(k))


def _value(data: Mapping[str, Any], paths: str) -> str:
    for path in paths.split("|"):
        found = _get(data, path.removeprefix("@"))
        if found is None or found == "":
            continue
        if path[0] != "@":
            return str(found)
        if at := moment(found):
            return f"{at:%Y-%m-%d %H:%M:%S}"
    return ""


def _get(data: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data
