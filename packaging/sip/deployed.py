"""The deployed form of a package of government-service files (GB/T 42727-2023 / DA/T 85-2019, as archives take it today).

    <电子文件号>.zip   基本信息元数据.xml  办理过程元数据.xml  扩展元数据.json  申报文件/  过程文件/  结果文件/

`describe` says what the XML files say of a record, `read` what a record they give; `sip.extension` keeps the rest, so that both
together lose nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sip import extension, formmap
from sip.archived import as_archived
from sip.formmap import Texts
from sip.xmltext import held

BASE_INFO, PROCESS_INFO, MANAGEMENT = "基本信息元数据.xml", "办理过程元数据.xml", "管理过程元数据.xml"
GROUPS = ("申报文件", "过程文件", "结果文件")
FORM = formmap.load("deployed")
_BASENAME = "computer_file_name"


@dataclasses.dataclass(frozen=True, slots=True)
class FileEntry:
    """One ``file`` of the fileset: its folder's title, its id, its elements; ``index`` is its place in the record that it was
    described from, -1 where it was read."""

    group: str
    id: str
    texts: Texts
    index: int = dataclasses.field(default=-1, compare=False)

    @property
    def path(self) -> str:
        """Where its bytes stand in the ZIP."""
        return f"{self.group}/{self.texts.get(_BASENAME, '')}"


@dataclasses.dataclass(frozen=True, slots=True)
class Business:
    """One ``business`` of the handling: its id, its elements, the files that it names."""

    id: str
    texts: Texts
    files: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """What the two XML files say, as texts; elements without text are left out."""

    base: Texts
    files: Sequence[FileEntry]
    businesses: Sequence[Business]


def describe(record: Mapping[str, Any]) -> Document:
    """What the XML files say of ``record``, as a reader gets it back: characters that XML cannot hold are U+FFFD. Files are
    described as they stand in the package (`sip.archived`)."""
    record = as_archived(record)
    agents = agents_of(record)
    index = {id(f): n for n, f in enumerate(record["files"])}
    return Document(
        _held(formmap.written(FORM["record"], record)),
        [
            FileEntry(held(group), held(formmap.plain(f.get("seq"))), _held(pairs), index[id(f)])
            for group in folders(record)
            for f, pairs in file_texts(in_folder(record, group))
        ],
        [
            Business(
                held(business_id(e, "handling", n)),
                _held(business_texts(e, agents)),
                tuple(held(formmap.plain(seq)) for seq in e.get("files", ())),
            )
            for n, e in enumerate(record.get("events", ()), 1)
        ],
    )


def read(said: Document) -> dict[str, Any]:
    """The record that the XML files give: ``case``, ``record``, ``files``, and ``agents`` and ``events`` where there are any."""
    out = formmap.read(FORM["record"], said.base)
    for part in ("case", "record"):
        out.setdefault(part, {})
    out["files"] = [_file(entry) for entry in said.files]
    if said.businesses:
        out["agents"], out["events"] = _history(said.businesses)
    return out


def kept(record: Mapping[str, Any]) -> bytes:
    """The extension document: what `read` of `describe` lacks of the record."""
    return extension.document(FORM.name, FORM.version, read(describe(record)), record)


def business_id(event: Mapping[str, Any], kind: str, number: int) -> str:
    return formmap.plain(event.get("event_id")) or f"{kind[0].upper()}{number}"


def business_texts(event: Mapping[str, Any], agents: Mapping[Any, Mapping[str, Any]]) -> list[tuple[str, str]]:
    agent = event.get("agent") or agents.get(event.get("agent_id")) or {}
    return formmap.written(FORM["event"], {"status": "历史行为"} | dict(event)) + formmap.written(FORM["agent"], agent)


def folders(record: Mapping[str, Any]) -> list[str]:
    """The folders of the files: the form's three first, also where they are empty."""
    return list(dict.fromkeys((*GROUPS, *(_folder(f) for f in record["files"]))))


def in_folder(record: Mapping[str, Any], folder: str) -> Iterator[Mapping[str, Any]]:
    """The files of one folder; nothing is kept, so ``record["files"]`` may be read from a file each time."""
    return (f for f in record["files"] if _folder(f) == folder)


def _folder(f: Mapping[str, Any]) -> str:
    return str(f.get("group", ""))


def file_texts(
    files: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], list[tuple[str, str]]]]:
    """Each file of one folder with its elements; no two have the same computer_file_name."""
    files, same = itertools.tee(files)
    pairs = (formmap.written(FORM["file"], f) for f in same)
    return zip(files, formmap.unique_names(pairs, _BASENAME), strict=True)


def agents_of(record: Mapping[str, Any]) -> dict[Any, Mapping[str, Any]]:
    return {a["agent_id"]: a for a in record.get("agents", ())}


def _held(pairs: Sequence[tuple[str, str]]) -> Texts:
    return {name: held(value) for name, value in pairs if value}


def _file(entry: FileEntry) -> dict[str, Any]:
    out: dict[str, Any] = {"group": entry.group, "path": entry.path}
    if entry.id:
        out["seq"] = formmap.parsed("integer", entry.id)
    return out | formmap.read(FORM["file"], entry.texts)


def _history(businesses: Sequence[Business]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    agents: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    events = []
    for b in businesses:
        event: dict[str, Any] = {"event_id": b.id} | formmap.read(FORM["event"], b.texts)
        if event.get("action") == event.get("action_text"):
            event.pop("action_text", None)
        if agent := formmap.read(FORM["agent"], b.texts):
            known = agents.setdefault(tuple(sorted(agent.items())), {"agent_id": f"AG{len(agents) + 1}", **agent})
            event["agent_id"] = known["agent_id"]
        if b.files:
            event["files"] = [formmap.parsed("integer", seq) for seq in b.files]
        events.append(event)
    return list(agents.values()), events
