"""基本信息元数据 and 办理过程元数据 as deployed archives take them (GB/T 42727-2023 / DA/T 85-2019, Fuzhou profile).

Every element of the form is written, in its order; what the record does not know is an empty element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sip.xmltext import element, moment, render, text

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
    return render(base_info_pieces(record))


def base_info_pieces(record: Record) -> Iterator[str]:
    """`base_info` in pieces (without the XML declaration), for records too large for memory."""
    derived: dict[str, Callable[[Record], str]] = {
        "information_system_dcscription": _system,
        "is_project": lambda r: "是" if _get(r, "case.project.is_project") else "否",
        "total_number": lambda r: str(len(r["files"])),
    }
    yield "<base_info>\n"
    for name, path in _BASE_INFO:
        value = derived[name](record) if name in derived else _value(record, path)
        yield f"  {element(name, value)}\n"
    yield "  <fileset>\n"
    groups: dict[str, list[Mapping[str, Any]]] = {g: [] for g in _GROUPS}
    for f in record["files"]:
        groups.setdefault(f["group"], []).append(f)
    for number, (group, files) in enumerate(groups.items(), 1):
        yield f'    <folder id="{number}" title="{text(group)}">\n'
        yield from map(_file, files)
        yield "    </folder>\n"
    yield "  </fileset>\n</base_info>\n"


def _file(f: Mapping[str, Any]) -> str:
    out = [f'      <file id="{text(f["seq"])}">\n']
    for name, path in _FILE:
        value = _value(f, path)
        out.append(f"        {element(name, value.rpartition('/')[2] if path.endswith('path') else value)}\n")
    return "".join(out) + "      </file>\n"


def process_info(record: Record, management: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """``办理过程元数据.xml``: what was done in the case, then what the archive did (``management``), one ``business`` each.

    Element names are those of DA/T 46-2009 M76–M84. An event is ``{"action", "action_text", "at", "agent_id", "mandate",
    "opinion", "status", "files": [seq]}``; ``management`` events may name their agent outright: ``{"agent": {"type", "name",
    "org_code"}}``.
    """
    return render(_process_pieces(record, management))


def _process_pieces(record: Record, management: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    agents = {a["agent_id"]: a for a in record.get("agents", ())}
    code = element("electronic_record_code", _value(record, "record.electronic_record_code"))
    yield f"<process_info>\n  {code}\n"
    for kind, events in (("handling", record.get("events", ())), ("management", management)):
        yield f"  <{kind}>\n"
        for number, event in enumerate(events, 1):
            agent = event.get("agent") or agents.get(event.get("agent_id")) or {}
            yield f'    <business id="{text(event.get("event_id") or f"{kind[0].upper()}{number}")}">\n'
            for name, value in (
                ("business_status", event.get("status", "历史行为")),
                ("business_activity", event.get("action_text") or event["action"]),
                ("action_code", event["action"]),
                ("action_time", _value(event, "@at")),
                ("action_mandate", event.get("mandate")),
                ("action_description", event.get("opinion") or event.get("description")),
                ("agent_type", agent.get("type")),
                ("agent_name", agent.get("name")),
                ("organization_code", agent.get("org_code")),
                ("position_name", agent.get("position")),
                *(("file_ref", seq) for seq in event.get("files", ())),
            ):
                yield f"      {element(name, value)}\n"
            yield "    </business>\n"
        yield f"  </{kind}>\n"
    yield "</process_info>\n"


def _system(record: Record) -> str:
    system = _get(record, "case.source_system") or {}
    return " ".join(str(system[k]) for k in ("system_no", "name", "version") if system.get(k))


def _value(data: Mapping[str, Any], paths: str) -> str:
    for is_time, keys in _parsed(paths):
        found = _at(data, keys)
        if found is None or found == "":
            continue
        if not is_time:
            return str(found)
        if at := moment(found):
            return f"{at:%Y-%m-%d %H:%M:%S}"
    return ""


@cache
def _parsed(paths: str) -> list[tuple[bool, tuple[str, ...]]]:
    return [(p.startswith("@"), tuple(p.removeprefix("@").split("."))) for p in paths.split("|")]


def _get(data: Any, path: str) -> Any:
    return _at(data, tuple(path.split(".")))


def _at(data: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data
