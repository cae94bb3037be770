"""DA/T 93-2022 transfer package: 说明文件.TXT, 目录文件.XML, and one folder an item, named by its 档号. Several records a package.

The package is accepted as a whole or not at all: what is wrong with its catalogue is wrong with every record in it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.findings import Finding
from ingest.metadata.case import SECRET
from ingest.metadata.strictxml import local
from ingest.profiles import deployed, judge, trees
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery, SubTree, Tree
from ingest.settings import Limits
from sip.formmap import parsed

NOTE, CATALOGUE, OTHER = "说明文件.TXT", "目录文件.XML", "其他"
_SEPARATOR = re.compile("[：:=]")
# What a line of the catalogue says, and the member of the record that says the same; 备注 and 页数 may be empty.
_COLUMNS = {
    "档号": "/record/archival_code",
    "责任者": "/record/author",
    "题名": "/record/title",
    "日期": "/record/date",
    "保管期限": "/record/retention_code",
    "密级": "/record/security_classification",
    "页数": "/record/total_pages",
    "备注": "/record/remarks",
}
_MUST_AGREE = {"题名": ("case", "case_title"), "密级": ("record", "security_classification")}
_NOTE_FIELDS = ("移交单位", "内容描述", "起止档号", "档案数量", "软硬件环境")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One line of the catalogue and the folder of the item."""

    code: str
    texts: Mapping[str, str]
    folder: str


@dataclasses.dataclass(frozen=True, slots=True)
class Package:
    """A package whose catalogue and folders fit. ``others`` counts the files below 其他."""

    items: Mapping[str, Item]
    note: Mapping[str, str]
    originals: Mapping[str, bytes]
    others: int


def root_of(tree: Tree) -> str | None:
    """The folder that holds the catalogue, "" for the top; None where there is no catalogue at all."""
    found = [n for n in tree.names if n.rpartition("/")[2].upper() == CATALOGUE and n.count("/") <= 1]
    return found[0].rpartition("/")[0] if found else None


def read(tree: Tree, limits: Limits) -> Package:
    """Read and check the whole package but for its items' content. Raises BadForm with all that is wrong."""
    top = {n.upper(): n for n in tree.names if "/" not in n}
    if NOTE not in top:
        raise BadForm(Finding("PRF-METADATA-MISSING", params={"name": NOTE}))
    originals = {name: trees.read(tree, top[name], limits) for name in (NOTE, CATALOGUE)}
    note, findings = _note(originals[NOTE])
    root = trees.xml(originals[CATALOGUE], CATALOGUE)
    judge.structure(root, "file_catalogue", CATALOGUE)
    rows = [{local(c): (c.text or "").strip() for c in row if local(c)} for row in root]
    folders = _folders(tree)
    findings += _mismatches(rows, folders, note)
    findings += _incomplete(tree, [f[0] for row in rows if len(f := folders.get(row["档号"], [])) == 1])
    if findings:
        raise BadForm(*findings)
    items = {row["档号"]: Item(row["档号"], row, folders[row["档号"]][0]) for row in rows}
    return Package(items, note, originals, sum(1 for n in tree.names if n.startswith(f"{OTHER}/")))


def deliver(
    tree: Tree, package: Package, code: str, profile: Profile, base_info: Profile, limits: Limits
) -> FormDelivery:
    """The record of the item ``code``. Raises BadForm where its own metadata cannot be read."""
    item = package.items[code]
    if any(level in item.texts["密级"] for level in SECRET):
        raise BadForm(Finding("RCV-CLASSIFIED", path=CATALOGUE, params={"level": item.texts["密级"]}))
    kept = {"catalogue": dict(item.texts), "note": dict(package.note)}
    more = {at: _value(name, item.texts[name]) for name, at in _COLUMNS.items() if item.texts.get(name)}
    out = deployed.deliver(SubTree(tree, item.folder), base_info, limits, more, kept)
    findings = [*tree.findings, *out.findings, *_disagreements(item, trees.json(out.case, "case.json"))]
    if package.others:
        findings.append(Finding("PRF-OTHER-NOT-TAKEN", params={"count": str(package.others)}))
    lacks = sorted({*out.profile["lacks"], *profile.lacks})
    return dataclasses.replace(
        out, findings=findings, originals={**package.originals, **out.originals},
        profile=deployed.origin(profile) | {"lacks": lacks},
    )  # fmt: skip


def _value(name: str, text: str) -> Any:
    if name == "页数":
        return parsed("integer", text)
    if name == "日期" and re.fullmatch("[0-9]{8}", text):
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def _disagreements(item: Item, case: Mapping[str, Any]) -> Iterator[Finding]:
    for name, (part, member) in _MUST_AGREE.items():
        if case[part].get(member) != item.texts[name]:
            yield Finding(
                "PRF-ITEM-DISAGREES", path=CATALOGUE, field=f"/文件目录/{item.code}/{name}", params={"name": name}
            )


def _note(data: bytes) -> tuple[dict[str, str], list[Finding]]:
    """The lines ``字段：值`` of the note, and the mandatory ones that are missing or empty."""
    fields: dict[str, str] = {}
    for line in trees.text(data, NOTE).splitlines():
        if match := _SEPARATOR.search(line):
            fields.setdefault(line[: match.start()].strip(), line[match.end() :].strip())
    bad = [n for n in _NOTE_FIELDS if not fields.get(n)]
    if fields.get("档案数量") and not fields["档案数量"].isdecimal():
        bad.append("档案数量")
    return fields, [Finding("PRF-NOTE", path=NOTE, field=f"/{n}", params={"name": n}) for n in bad]


def _folders(tree: Tree) -> dict[str, list[str]]:
    """Every folder below the fonds folders, by its own name."""
    found = {part for n in tree.names if not n.startswith(f"{OTHER}/") for part in _parents(n)}
    out: dict[str, list[str]] = {}
    for folder in sorted(found):
        out.setdefault(folder.rpartition("/")[2], []).append(folder)
    return out


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _mismatches(rows: list[dict[str, str]], folders: Mapping[str, list[str]], note: Mapping[str, str]) -> list[Finding]:
    findings: list[Finding] = []
    codes: set[str] = set()
    for row in rows:
        code = row["档号"]
        if code in codes:
            findings.append(Finding("PRF-ITEM-TWICE", path=CATALOGUE, params={"item": code}))
        elif code not in folders:
            findings.append(Finding("PRF-ITEM-NO-FOLDER", path=CATALOGUE, params={"item": code}))
        elif len(folders[code]) > 1:
            findings.append(Finding("PRF-ITEM-TWICE", params={"item": code}))
        codes.add(code)
    listed = {f for code in codes for f in folders.get(code, ())}
    above = {p for f in listed for p in _parents(f)}
    every = {f for found in folders.values() for f in found}
    stray = every - above
    for folder in sorted(every):
        inside = any(p in listed for p in (folder, *_parents(folder)))
        # of a whole unlisted branch only its top is told
        if not inside and folder not in above and not any(p in stray for p in _parents(folder)):
            findings.append(Finding("PRF-FOLDER-UNLISTED", params={"item": folder}))
    stated = note.get("档案数量", "")
    if stated.isdecimal() and int(stated) != len(rows):
        findings.append(_count("档案数量", stated, len(rows)))
    return findings


def _incomplete(tree: Tree, items: list[str]) -> Iterator[Finding]:
    """Each item has metadata and at least one content file."""
    for folder in dict.fromkeys(items):
        names = SubTree(tree, folder).names
        metadata = [n for n in names if n in deployed.METADATA or ("/" not in n and n.lower().endswith(".xml"))]
        for what, found in (("元数据", metadata), ("内容文件", [n for n in names if n not in metadata])):
            if not found:
                params = {"item": folder.rpartition("/")[2], "what": what}
                yield Finding("PRF-ITEM-EMPTY", path=folder, params=params)


def _count(what: str, stated: str, actual: int) -> Finding:
    return Finding("PRF-COUNT", path=NOTE, params={"what": what, "stated": stated, "actual": str(actual)})
