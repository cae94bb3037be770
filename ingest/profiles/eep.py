"""DA/T 48 EEP: the elements make the record, the decoded documents are its files.

One that carries its own signature is kept whole beside that, byte by byte: what was signed is the document, not the files in it.
Of the case itself DA/T 48 says nothing. An EEP of ours brings it in its extension; one of another maker may bring a 基本信息元数据.xml
among its documents, which is then read as the deployed form reads it; else the checks will say what is missing.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from ingest.findings import Finding
from ingest.metadata.strictxml import local
from ingest.profiles import deployed, judge, trees
from ingest.profiles.eepxml import DATA, Streamed, stream
from ingest.profiles.fill import filled
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery
from ingest.settings import Limits
from sip import canonical, eep, extension
from sip.deployed import BASE_INFO

KEPT = "EEP元数据.xml"  # the document as given, its encoded contents left out: they are the files
WHOLE = "EEP原件.xml"  # the document as given, to the last byte, where it is signed; its own name may be anything
_SIGNATURES = {"电子签名", "锁定签名", "{http://www.w3.org/2000/09/xmldsig#}Signature"}


class Decoded:
    """The decoded documents as a tree."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self.names = sorted(files)
        self.findings: list[Finding] = []

    def open(self, name: str) -> BinaryIO:
        return self._files[name].open("rb")


def deliver(
    source: BinaryIO, name: str, profile: Profile, base_info: Profile, into: Path, limits: Limits
) -> FormDelivery:
    """The record in the EEP ``source``; contents are decoded into the fresh folder ``into``. Raises BadForm."""
    with (into / WHOLE).open("wb") as file:
        copied = _Copied(source, file, limits.file_bytes)
        found = stream(copied, into, name, limits)
    judge.structure(found.root, "eep", name)
    out = _delivered(found, name, profile, base_info, limits)
    if not any(local(e) in _SIGNATURES or e.tag in _SIGNATURES for e in found.root.iter()):
        (into / WHOLE).unlink()
        return out
    if copied.over:
        raise BadForm(Finding("RCV-FILE-TOO-LARGE", path=name, params={"limit": str(limits.file_bytes)}))
    with (into / WHOLE).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        about = {"name": name, "path": f"as_given/{WHOLE}", "size": file.tell(), "sha256": digest}
    return dataclasses.replace(out, signed={WHOLE: into / WHOLE}, profile={**out.profile, "signed": about})


class _Copied:
    """The document as it is read, copied to a file on the way: that it is signed shows only at its end, and a source is read
    once. Beyond ``most`` bytes nothing is copied, and it is ``over``."""

    def __init__(self, source: BinaryIO, file: BinaryIO, most: int) -> None:
        self._source, self._file, self._left = source, file, most
        self.over = False

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._left -= len(piece)
        if self._left >= 0:
            self._file.write(piece)
        elif not self.over:
            self.over = True
            self._file.truncate(0)
        return piece


def _delivered(found: Streamed, name: str, profile: Profile, base_info: Profile, limits: Limits) -> FormDelivery:
    said, findings = _said(found, profile, name)
    files, documents = _named(found, said, name)
    originals = {KEPT: etree.tostring(found.root, encoding="utf-8", xml_declaration=True)}
    tree = Decoded(files)
    if extension.NAME in files:
        case = _with_extension(said, tree, limits)
        own = [d for d in documents if d != extension.NAME]
        listed = {str(f.get("path")): d for f, d in zip(case["files"], own, strict=True)}
    elif BASE_INFO in files:
        out = deployed.deliver(tree, base_info, limits, kept={"eep": said.entity})
        return dataclasses.replace(out, findings=[*findings, *out.findings], originals={**out.originals, **originals})
    else:
        case = filled(profile, eep.read(said), {"eep": said.entity})
        listed = {str(f["path"]): str(f["path"]) for f in case["files"]}
    taken = {extension.NAME, *listed.values()}
    rest = {n: n for n in tree.names if n not in taken}
    return FormDelivery(canonical.dumps(case), tree, rest | listed, findings, originals, deployed.origin(profile))


def _said(found: Streamed, profile: Profile, name: str) -> tuple[eep.Document, list[Finding]]:
    findings: list[Finding] = []
    entity = next(e for e in found.root.iter() if local(e) == "文件实体")  # the first: that of 被签名对象
    texts = _paths(entity, stop="文件数据")
    findings += judge.obligations(profile, "entity", texts, set(_all_paths(entity)), name, "/文件实体")
    known = {r.element for r in eep.FORM["entity"]}
    documents = [_document(d) for d in entity.iter() if local(d) == "文档"]
    covered = next(e for e in found.root if local(e) == "被签名对象")  # what stands beside it, nobody has signed
    blocks = {
        section: [_paths(e) for e in covered.iter() if local(e) == block]
        for section, block in (("business", "业务实体"), ("agent", "机构人员实体"))
    }
    for section, rows in blocks.items():
        for number, row in enumerate(rows, 1):
            findings += judge.obligations(profile, section, row, set(row), name, f"/{section}[{number}]")
    said = eep.Document(
        {k: v for k, v in texts.items() if k in known},
        documents,
        [_known(row, "business") for row in blocks["business"]],
        [_known(row, "agent") for row in blocks["agent"]],
    )
    if not any(d.get(eep.NAME) == extension.NAME for d in documents):  # with our extension every blank is meant
        said = eep.Document(
            _stripped(said.entity), list(map(_stripped, said.documents)), list(map(_stripped, said.businesses)),
            list(map(_stripped, said.agents)),
        )  # fmt: skip
    return said, findings


def _stripped(texts: Mapping[str, str]) -> dict[str, str]:
    return {k: v.strip() for k, v in texts.items() if v.strip()}


def _known(texts: Mapping[str, str], section: str) -> dict[str, str]:
    known = {r.element for r in eep.FORM[section]}
    return {k: v for k, v in texts.items() if k in known}


def _paths(element: Any, stop: str = "", at: str = "") -> dict[str, str]:
    """Texts by their path below ``element``; an element of the name ``stop`` is not entered."""
    out: dict[str, str] = {}
    for child in element:
        name = local(child)
        if not name or name == stop:
            continue
        if len(child):
            out |= _paths(child, stop, f"{at}{name}/")
        elif child.text:
            out.setdefault(f"{at}{name}", child.text)
    return out


def _all_paths(element: Any, at: str = "") -> list[str]:
    return [p for c in element if local(c) for p in (at + local(c), *_all_paths(c, f"{at}{local(c)}/"))]


def _document(element: Any) -> dict[str, str]:
    return _known(_paths(element), "document")


def _named(found: Streamed, said: eep.Document, name: str) -> tuple[dict[str, Path], list[str]]:
    """Each decoded content under its document's 计算机文件名. A document has one content."""
    encoded = [sum(1 for e in d.iter() if local(e) == DATA) for d in found.root.iter() if local(d) == "文档"]
    if encoded != [1] * len(said.documents) or len(found.contents) != len(said.documents):
        raise BadForm(
            Finding("PRF-XSD", path=name, params={"line": "0", "reason": f"每个文档须有一份{DATA} / one {DATA} each"})
        )
    files: dict[str, Path] = {}
    order = []
    for number, (texts, path) in enumerate(zip(said.documents, found.contents, strict=True), 1):
        file = texts.get(eep.NAME) or f"文档{number}"
        if file in files:
            raise BadForm(Finding("RCV-NAME-TWIN", path=name, params={"other": file}))
        files[file] = path
        order.append(file)
    return files, order


def _with_extension(said: eep.Document, tree: Decoded, limits: Limits) -> dict[str, Any]:
    """The whole record as the extension completes it; the elements that a person reads must be what this record gives."""
    raw = trees.json(trees.read(tree, extension.NAME, limits), extension.NAME)
    own = dataclasses.replace(said, documents=[d for d in said.documents if d.get(eep.NAME) != extension.NAME])
    try:
        case = extension.applied(eep.read(own), raw)
        again = eep.describe(case)
    except (extension.BadExtension, AttributeError, KeyError, TypeError, ValueError) as e:
        raise BadForm(Finding("PRF-EXTENSION", path=extension.NAME, params={"reason": str(e)[:200]})) from e
    if again != own:
        reason = "与 XML 元素所记不一致 / it contradicts the elements"
        raise BadForm(Finding("PRF-EXTENSION", path=extension.NAME, params={"reason": reason}))
    return case
