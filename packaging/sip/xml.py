"""基本信息元数据 and 办理过程元数据 of a package, in the deployed form (`sip.deployed` has its tables).

Every element of the form is written, in its order; what the record does not know is an empty element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sip import formmap
from sip.deployed import FORM, agents_of, business_id, business_texts, file_texts, folders, in_folder
from sip.xmltext import element, render, text

Record = Mapping[str, Any]


def base_info(record: Record) -> bytes:
    """``基本信息元数据.xml``: root ``base_info``, its elements in the deployed order, the files in their folders.

    ``record`` is the canonical record (``case``, ``record``, ``files``). Times are China time, ``yyyy-MM-dd HH:mm:ss``.
    """
    return render(base_info_pieces(record))


def base_info_pieces(record: Record) -> Iterator[str]:
    """`base_info` in pieces (without the XML declaration), for records too large for memory: ``record["files"]`` is gone
    through several times and may be read from a file each time."""
    yield "<base_info>\n"
    for name, value in formmap.written(FORM["record"], record):
        yield f"  {element(name, value)}\n"
    yield "  <fileset>\n"
    for number, group in enumerate(folders(record), 1):
        yield f'    <folder id="{number}" title="{text(group)}">\n'
        for f, pairs in file_texts(in_folder(record, group)):
            lines = "".join(f"        {element(name, value)}\n" for name, value in pairs)
            yield f'      <file id="{text(formmap.plain(f.get("seq")))}">\n{lines}      </file>\n'
        yield "    </folder>\n"
    yield "  </fileset>\n</base_info>\n"


def process_info(record: Record, management: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """``办理过程元数据.xml``: what was done in the case, then what the archive did (``management``), one ``business`` each.

    Element names are those of DA/T 46-2009 M76–M84. An event is ``{"action", "action_text", "at", "agent_id", "mandate",
    "opinion", "status", "files": [seq]}``; ``management`` events may name their agent outright: ``{"agent": {"type", "name",
    "org_code"}}``.
    """
    return render(process_info_pieces(record, management))


def process_info_pieces(record: Record, management: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """`process_info` in pieces (without the XML declaration)."""
    agents = agents_of(record)
    code = element("electronic_record_code", formmap.get(record, ("record", "electronic_record_code")))
    yield f"<process_info>\n  {code}\n"
    for kind, events in (("handling", record.get("events", ())), ("management", management)):
        yield f"  <{kind}>\n"
        for number, event in enumerate(events, 1):
            yield f'    <business id="{text(business_id(event, kind, number))}">\n'
            for name, value in business_texts(event, agents):
                yield f"      {element(name, value)}\n"
            for seq in event.get("files", ()):
                yield f"      {element('file_ref', formmap.plain(seq))}\n"
            yield "    </business>\n"
        yield f"  </{kind}>\n"
    yield "</process_info>\n"
