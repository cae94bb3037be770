"""A batch by transfer_info (交接单据): one XML that lists deployed ZIPs with their sizes and digests. Several records a batch."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.findings import Finding
from ingest.metadata.strictxml import local
from ingest.profiles import deployed, judge, trees
from ingest.profiles.profile import Profile
from ingest.profiles.trees import BadForm, FormDelivery, Tree, ZipTree
from ingest.settings import Limits

ROOT, NAME = "transfer_info", "交接单据.xml"
_CHUNK = 1 << 20
_ALGORITHMS = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512", "SM3": "sm3"}


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """``packages`` are the directory entries by 电子文件号, ``members`` the ZIP of each; ``head`` the batch's own elements."""

    head: Mapping[str, str]
    packages: Mapping[str, Mapping[str, str]]
    members: Mapping[str, str]
    original: bytes


def find(tree: Tree) -> str | None:
    """The name of the transfer_info file: at the top, by its usual names."""
    found = [
        n for n in tree.names if "/" not in n and n.lower().endswith(".xml") and ("交接单" in n or ROOT in n.lower())
    ]
    return found[0] if found else None


def read(tree: Tree, name: str, limits: Limits) -> Batch:
    """Read the list and hold it against what is there. Raises BadForm with all that is wrong."""
    data = trees.read(tree, name, limits)
    root = trees.xml(data, name)
    judge.structure(root, "transfer_info", name)
    head = {local(e): (e.text or "").strip() for e in root if local(e) and not len(e)}
    rows = [{local(c): (c.text or "").strip() for c in d if local(c)} for d in root.iterfind("directories/directory")]
    if not all(row.get("unique_identifier") for row in rows):
        reason = "directory 缺少 unique_identifier / without unique_identifier"
        raise BadForm(Finding("PRF-XSD", path=name, params={"line": "0", "reason": reason}))
    findings: list[Finding] = []
    members: dict[str, str] = {}
    for row in rows:
        code = row["unique_identifier"]
        if code in members:
            findings.append(Finding("PRF-ITEM-TWICE", path=name, params={"item": code}))
        elif (member := _member(tree, row)) is None:
            findings.append(Finding("PRF-ITEM-NO-FOLDER", path=name, params={"item": code}))
        else:
            members[code] = member
    listed = {name, *members.values()}
    findings += [Finding("PRF-FOLDER-UNLISTED", path=n, params={"item": n}) for n in tree.names if n not in listed]
    if head.get("send_number") != str(len(rows)):
        params = {"what": "信息包数量", "stated": head.get("send_number", "—"), "actual": str(len(rows))}
        findings.append(Finding("PRF-COUNT", path=name, params=params))
    if findings:
        raise BadForm(*findings)
    return Batch(head, {row["unique_identifier"]: row for row in rows}, members, data)


def deliver(
    tree: Tree, batch: Batch, code: str, profile: Profile, into: Path, limits: Limits, stack: contextlib.ExitStack
) -> FormDelivery:
    """One package of the batch: fetched into ``into`` in one pass, its digest and size compared, then read there;
    ``stack`` keeps it open."""
    row, member = batch.packages[code], batch.members[code]
    local_copy = into / "package.zip"
    findings = _fetch(tree, member, local_copy, row, limits)
    if findings:
        raise BadForm(*findings)
    content = ZipTree(stack.enter_context(local_copy.open("rb", buffering=0)), member, limits)
    out = deployed.deliver(content, profile, limits, kept={"transfer_info": dict(batch.head), "directory": dict(row)})
    return dataclasses.replace(out, originals={NAME: batch.original, **out.originals})


def _fetch(tree: Tree, member: str, target: Path, row: Mapping[str, str], limits: Limits) -> list[Finding]:
    algorithm = _ALGORITHMS.get(row.get("digital_summarization_algorithm", "").upper().replace("-", ""))
    stated = row.get("digital_summary", "")
    if stated and algorithm is None:
        return [
            Finding("PRF-XSD", path=member, params={"line": "0", "reason": "摘要算法未知 / unknown digest algorithm"})
        ]
    hasher = hashlib.new(algorithm or "sha256", usedforsecurity=False)
    size = 0
    with tree.open(member) as source, target.open("wb") as out:
        while piece := source.read(_CHUNK):
            size += len(piece)
            if size > limits.file_bytes:
                return [Finding("RCV-FILE-TOO-LARGE", path=member, params={"limit": str(limits.file_bytes)})]
            hasher.update(piece)
            out.write(piece)
    findings = []
    if stated and hasher.hexdigest() != stated.lower():
        findings.append(Finding("RCV-DIGEST-MISMATCH", path=member, params={"algorithm": str(algorithm).upper()}))
    if row.get("size") and row["size"] != str(size):
        findings.append(
            Finding("RCV-SIZE-MISMATCH", path=member, params={"actual": str(size), "declared": row["size"]})
        )
    return findings


def _member(tree: Tree, row: Mapping[str, Any]) -> str | None:
    """The ZIP of an entry: by its number, else by the download path, whose last part counts."""
    wanted = f"{row['unique_identifier']}.zip"
    path = str(row.get("software_environment", "")).replace("\\", "/").rpartition("/")[2]
    return next((n for n in tree.names if n.rpartition("/")[2] in (wanted, path)), None)
