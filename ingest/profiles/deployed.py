"""The deployed package of government-service files: 基本信息元数据.xml and what lies beside it, in a folder or a ZIP."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree

from ingest.findings import Finding
from ingest.metadata.strictxml import local
from ingest.profiles import judge, trees
from ingest.profiles.fill import filled
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery, Tree
from ingest.settings import Limits
from sip import canonical, extension, formmap
from sip.deployed import BASE_INFO, FORM, MANAGEMENT, PROCESS_INFO, Business, Document, FileEntry, describe
from sip.deployed import read as said_by

METADATA = (BASE_INFO, PROCESS_INFO, MANAGEMENT, extension.NAME)
_MAX_KEPT = 2000


@dataclasses.dataclass
class Parsed:
    """The metadata files of one record, read but not yet made a case."""

    said: Document
    kept: dict[str, Any]
    findings: list[Finding]
    originals: dict[str, bytes]


def deliver(
    tree: Tree,
    profile: Profile,
    limits: Limits,
    more: Mapping[str, Any] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> FormDelivery:
    """The record in ``tree``. ``more`` are members that a catalogue states (by JSON pointer), which the record itself must not
    contradict; ``kept`` goes along as given. Raises BadForm where it cannot be read."""
    found = parse(tree, profile, limits)
    if extension.NAME in tree.names:
        case, owner = _with_extension(tree, found, limits)
    else:
        case = filled(profile, _with(said_by(found.said), profile, found, more or {}), found.kept | dict(kept or {}))
        owner = {i: i for i in range(len(found.said.files))}
    content = set(tree.names) - set(METADATA)
    listed = {}
    for index, entry in enumerate(found.said.files):
        if (name := _member(content, entry)) is not None:
            listed[str(case["files"][owner[index]].get("path"))] = name
    rest = {n: n for n in content - set(listed.values())}
    return FormDelivery(
        canonical.dumps(case), tree, rest | listed, [*tree.findings, *found.findings], found.originals, origin(profile)
    )


def origin(profile: Profile) -> dict[str, Any]:
    """What the later stages are told of the form."""
    return {"profile": profile.id, "version": profile.version, "form": profile.form, "lacks": sorted(profile.lacks)}


def parse(tree: Tree, profile: Profile, limits: Limits) -> Parsed:
    """Read the metadata files, validate their structure, and judge what the profile asks of each element."""
    encoding = profile.raw.get("encoding", "utf-8")
    originals = {n: trees.read(tree, n, limits) for n in METADATA if n in tree.names and n != extension.NAME}
    if BASE_INFO not in originals:
        raise BadForm(Finding("PRF-METADATA-MISSING", params={"name": BASE_INFO}))
    root = trees.xml(originals[BASE_INFO], BASE_INFO, encoding)
    judge.structure(root, "base_info", BASE_INFO)
    own = extension.NAME in tree.names  # then every blank is meant
    take = (lambda text: text) if own else str.strip
    findings: list[Finding] = []
    kept: dict[str, Any] = {}
    base, unknown = _texts(root, profile, "record", {"fileset"}, take, BASE_INFO, findings, "/base_info")
    if unknown:
        kept["base_info"] = unknown
    files: list[FileEntry] = []
    for folder in root.iterfind("fileset/folder"):
        for file in folder.iterfind("file"):
            at = f"/base_info/fileset/file[{len(files) + 1}]"
            texts, more = _texts(file, profile, "file", set(), take, BASE_INFO, findings, at)
            files.append(FileEntry(take(folder.get("title") or ""), take(file.get("id") or ""), texts))
            if more:
                kept.setdefault("files", {})[str(len(files))] = more
    businesses = _businesses(originals, profile, encoding, take, findings)
    return Parsed(Document(base, files, businesses), kept, findings, originals)


def _texts(
    parent: Any, profile: Profile, section: str, skip: set[str], take: Callable[[str], str], path: str,
    findings: list[Finding], at: str,
) -> tuple[dict[str, str], dict[str, Any]]:  # fmt: skip
    """The known elements' texts by the form's own names, judged; and the unknown ones as given."""
    known = profile.names(section)
    texts: dict[str, str] = {}
    present: set[str] = set()
    unknown: dict[str, Any] = {}
    for child in parent:
        name = local(child)
        if not name or name in skip:
            continue
        element = known.get(name)
        if element is None:
            unknown[name] = _as_given(child)
            continue
        if element in present:
            findings.append(Finding("PRF-ELEMENT-TWICE", path=path, field=f"{at}/{element}"))
            continue
        present.add(element)
        if value := take(child.text or ""):
            texts[element] = value
    findings += judge.obligations(profile, section, texts, present, path, at)
    return texts, unknown


def _as_given(element: Any) -> str:
    return str(etree.tostring(element, encoding="unicode", with_tail=False)) if len(element) else element.text or ""


def _businesses(
    originals: Mapping[str, bytes], profile: Profile, encoding: str, take: Callable[[str], str], findings: list[Finding]
) -> list[Business]:
    if PROCESS_INFO not in originals:
        return []
    root = trees.xml(originals[PROCESS_INFO], PROCESS_INFO, encoding)
    judge.structure(root, "process_info", PROCESS_INFO)
    out: list[Business] = []
    for business in root.iterfind("handling/business"):
        texts: dict[str, str] = {}
        at = f"/process_info/handling/business[{len(out) + 1}]"
        for section in ("event", "agent"):
            found, _ = _texts(business, profile, section, set(), take, PROCESS_INFO, findings, at)
            texts |= found
        files = tuple(take(f.text or "") for f in business.iterfind("file_ref"))
        out.append(Business(take(business.get("id") or ""), texts, files))
    return out


def _with_extension(tree: Tree, found: Parsed, limits: Limits) -> tuple[dict[str, Any], dict[int, int]]:
    """The whole record as the extension completes it, and which of its files each file element is.

    The XML that a person reads must be what this record gives: an extension that says otherwise is refused.
    """
    raw = trees.json(trees.read(tree, extension.NAME, limits), extension.NAME)
    try:
        case = extension.applied(said_by(found.said), raw)
        again = describe(case)
    except (extension.BadExtension, AttributeError, KeyError, TypeError, ValueError) as e:
        raise BadForm(Finding("PRF-EXTENSION", path=extension.NAME, params={"reason": str(e)[:200]})) from e
    if again != found.said:
        reason = "与 XML 元素所记不一致 / it contradicts the elements"
        raise BadForm(Finding("PRF-EXTENSION", path=extension.NAME, params={"reason": reason}))
    if found.kept:
        case["kept"] = found.kept
    return case, {i: entry.index for i, entry in enumerate(again.files)}


def _with(said: dict[str, Any], profile: Profile, found: Parsed, more: Mapping[str, Any]) -> dict[str, Any]:
    """Dialect elements that the form's own table does not know, empty elements that the model must see, and the catalogue's."""
    own = {r.element for r in FORM["record"]}
    rows = [r for r in profile.rows("record") if r.element not in own]
    for pointer, value in _leaves(formmap.read(rows, found.said.base)):
        formmap.put(said, pointer, value)
    for given, value in more.items():
        keys = formmap.steps(given)
        if formmap.get(said, keys) is None:
            formmap.put(said, keys, value)
    empty = {f.field for f in found.findings if f.code == "MET-EMPTY" and f.path == BASE_INFO}
    for rule in profile.rules["record"]:
        if f"/base_info/{rule.row.element}" in empty and rule.row.kind in ("text", "moment"):
            formmap.put(said, rule.row.at[0], "")
    return said


def _leaves(data: Mapping[str, Any], at: tuple[str, ...] = ()) -> Sequence[tuple[tuple[str, ...], Any]]:
    out: list[tuple[tuple[str, ...], Any]] = []
    for key, value in data.items():
        out += _leaves(value, (*at, key)) if isinstance(value, dict) else [((*at, key), value)]
    return out


def _member(content: set[str], entry: FileEntry) -> str | None:
    """The file's name in the tree: in its folder, or, in forms without folders, by its name alone."""
    return next((n for n in (entry.path, entry.path.rpartition("/")[2]) if n in content), None)
