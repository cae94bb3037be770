"""Which form a delivery has, by its content; how many records it holds; and one of them, opened as a delivery of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.findings import Finding
from ingest.profiles import batch, dat93, deployed, eep, rows, scans
from ingest.profiles.profile import Profile, Profiles
from ingest.profiles.trees import BadForm, FolderTree, FormDelivery, SubTree, Tree, ZipTree
from ingest.settings import Limits
from ingest.sources.base import DeliveryGone, DeliveryReader
from sip.deployed import BASE_INFO, GROUPS


@dataclasses.dataclass(frozen=True, slots=True)
class Rooms:
    """Where reading a form may put things: ``work``, a fresh folder of this record, ``whole``, where a fetched ZIP stands as long as
    its records are read (both may not exist yet), and ``stack``, which keeps files open meanwhile."""

    work: Path
    whole: Path
    stack: contextlib.ExitStack


def parts(
    reader: DeliveryReader, profiles: Profiles, agency: Mapping[str, Any], rooms: Rooms, limits: Limits
) -> list[str] | None:
    """The records of a delivery that may hold several, by their own numbers in its order; None for one that is one record.

    A delivery whose catalogue is wrong is one too: nothing of it is taken, and `open_delivery` says why. Raises SourceAway.
    """
    try:
        kind, tree = _recognised(_tree(reader, rooms, limits))
        if kind == "dat93":
            return list(dat93.read(tree, limits).items)
        if kind == "batch":
            return list(batch.read(tree, str(batch.find(tree)), limits).packages)
        if kind == "scans":
            return _scans(tree, _profile(profiles, agency, kind), rooms, limits).codes()
        if kind == "gdbs":
            profile = _profile(profiles, agency, kind)
            tables = rows.read(tree, profile, limits)
            return None if rows.strays(tree, tables, profile) else [row[rows.KEY] for row in tables[rows.FIRST]]
    except (BadForm, DeliveryGone):
        pass
    return None


def open_delivery(
    reader: DeliveryReader, part: str, profiles: Profiles, agency: Mapping[str, Any], rooms: Rooms, limits: Limits
) -> FormDelivery:
    """The record ``part`` ("" for the only one) of a delivery. Raises BadForm with all that is wrong with the form, DeliveryGone
    and SourceAway as the source does, ConfigError for an unknown profile."""
    if part and (index := scans.Index.of(rooms.whole)) is not None and not (rooms.whole / _CONTENT).exists():
        return scans.deliver(reader, index, part, _profile(profiles, agency, "scans"), agency)  # listed once is enough
    tree = _tree(reader, rooms, limits)
    kind, inner = _recognised(tree)
    profile = _profile(profiles, agency, "deployed" if kind == "batch" else kind)
    base_info = profile if profile.form == "deployed" else profiles.default("deployed")
    if kind == "deployed":
        return deployed.deliver(inner, profile, limits)
    if kind == "eep":
        with inner.open(inner.names[0]) as source:
            return eep.deliver(source, inner.names[0], profile, base_info, rooms.work, limits)
    if kind == "dat93":
        package = dat93.read(inner, limits)
        return dat93.deliver(inner, package, _one(part, package.items), profile, base_info, limits)
    if kind == "batch":
        listed = batch.read(inner, str(batch.find(inner)), limits)
        return batch.deliver(inner, listed, _one(part, listed.packages), profile, rooms.work, limits, rooms.stack)
    if kind == "scans":
        index = _scans(inner, profile, rooms, limits)
        return scans.deliver(inner, index, _one(part, dict.fromkeys(index.codes())), profile, agency)
    tables = rows.read(inner, profile, limits)
    codes = {row[rows.KEY]: row for row in tables[rows.FIRST]}
    strays = rows.strays(inner, tables, profile)
    if strays:
        raise BadForm(*strays)
    return rows.deliver(inner, tables, _one(part, codes), profile, agency)


def _scans(tree: Tree, profile: Profile, rooms: Rooms, limits: Limits) -> scans.Index:
    return scans.read(tree, str(scans.find(tree)), profile, limits, rooms.whole)


def _one(part: str, known: Mapping[str, Any]) -> str:
    """The part, or the only one where none is named."""
    if part in known:
        return part
    if part:
        raise BadForm(Finding("RCV-DELIVERY-VANISHED"))  # the delivery changed after it was listed
    if len(known) != 1:  # from a source that does not say in which form its deliveries are
        raise BadForm(Finding("PRF-SEVERAL", params={"count": str(len(known))}))
    return next(iter(known))


def _tree(reader: DeliveryReader, rooms: Rooms, limits: Limits) -> Tree:
    """The delivery's files; those of its ZIP where it is a single one, which is fetched whole first: so it is read from the source
    once, whatever number of records it holds, and cannot change while it is judged."""
    tree = FolderTree(reader)
    if len(tree.names) != 1 or not tree.names[0].lower().endswith(".zip"):
        return tree
    here = rooms.whole / _CONTENT
    if not here.exists():
        _fetch(tree, here, limits)
    return ZipTree(rooms.stack.enter_context(here.open("rb", buffering=0)), tree.names[0], limits)


def _fetch(tree: Tree, target: Path, limits: Limits) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as out, tree.open(tree.names[0]) as source:
        try:
            while piece := source.read(_CHUNK):
                size += len(piece)
                if size > limits.file_bytes:
                    params = {"limit": str(limits.file_bytes)}
                    raise BadForm(Finding("RCV-FILE-TOO-LARGE", path=tree.names[0], params=params))
                out.write(piece)
            out.flush()
            Path(out.name).replace(target)
        except BaseException:
            Path(out.name).unlink(missing_ok=True)
            raise


_CHUNK = 1 << 20
_CONTENT = "content.zip"


def _recognised(tree: Tree) -> tuple[str, Tree]:
    """(form, the tree it begins in). Raises BadForm where no form is recognised."""
    if (top := dat93.root_of(tree)) is not None:
        return "dat93", _below(tree, top)
    if batch.find(tree) is not None:
        return "batch", tree
    if rows.table_files(tree):
        return "gdbs", tree
    if scans.find(tree) is not None:
        return "scans", tree
    tops = {n.partition("/")[0] for n in tree.names} if isinstance(tree, ZipTree) else set()
    if len(tops) == 1 and scans.find(inner := SubTree(tree, tops.pop())) is not None:
        return "scans", inner  # who zips a folder zips it with its name
    found = [n.rpartition("/")[0] for n in tree.names if n.rpartition("/")[2] == BASE_INFO and n.count("/") <= 1]
    if found:
        return "deployed", _below(tree, found[0])
    if len(tree.names) == 1 and tree.names[0].lower().endswith((".eep", ".xml")):
        return "eep", tree
    if any(n.startswith(GROUPS) for n in tree.names):
        raise BadForm(Finding("PRF-METADATA-MISSING", params={"name": BASE_INFO}))
    reason = (
        "没有 case.json、基本信息元数据.xml、目录文件.XML、交接单据、EX_GDBS 表、扫描件目录（目录.xlsx 或 .csv），也不是 EEP"
        " / none of the known metadata files"
    )
    raise BadForm(Finding("PRF-UNKNOWN-FORM", params={"reason": reason}))


def _below(tree: Tree, folder: str) -> Tree:
    if not folder:
        return tree
    below = SubTree(tree, folder)
    below.findings = tree.findings
    return below


def _profile(profiles: Profiles, agency: Mapping[str, Any], form: str) -> Profile:
    """The agency's profile where it is one of this form, else the form's own."""
    wanted = agency.get("profile")
    for name in [wanted] if isinstance(wanted, str) else wanted or ():
        if (found := profiles.named(name)).form == form:
            return found
    return profiles.default(form)
