"""What is checked at transfer and in keeping: a package with its records, as they really stand in it.

A subject is built from an opened container; contents are written under neutral names into a folder of the caller's, never
under a name from the package.
"""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections.abc import Container as Holding
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ingest.checks.engine import SignedWhole
from ingest.findings import Finding, Severity
from ingest.metadata import strictjson
from ingest.metadata.parts import rows, section, text
from ingest.model import DIGITISED, StagedFile
from sip.container import Container, Damaged, Item

_RECORD, _CHECKS, _FORM = "metadata/record.json", "metadata/checks.json", "metadata/as_given/form.json"
_ACCEPTED = "HLD-ACCEPTED"
_MOST_METADATA = 64 << 20
PARTS = ("metadata/record.json", "metadata/premis.xml", "metadata/checks.json", "metadata/signatures.json")
"""What the metadata of a packaged record consists of at least (path below its bag's folder)."""


class Faulty(Protocol):
    """A fault as verification of packages states it (`sip.faults.Fault`)."""

    @property
    def code(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def severity(self) -> str: ...
    def text(self, lang: str = "zh") -> str: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """What a register states: records, content files, bytes of content; None for what it does not say."""

    records: int | None = None
    files: int | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class PackagedRecord:
    """One record of a package: its canonical metadata (None where there is none to be read) and its content files.

    ``base`` is the folder below which ``files`` stand; ``parts`` the metadata files that came with it; ``findings`` what was
    found on taking it out of the package. ``lacks`` are members that the form in which it was once delivered cannot carry;
    ``accepted`` the findings of doubts that a person accepted when it was archived; ``whole`` its delivery, where that is signed;
    ``scans`` whether it is the scans of a traditional archive.
    """

    identifier: str
    archival_code: str
    case: dict[str, Any] | None
    files: Sequence[StagedFile]
    base: Path
    parts: frozenset[str] = frozenset()
    findings: Sequence[Finding] = ()
    lacks: frozenset[str] = frozenset()
    accepted: Sequence[Finding] = ()
    whole: SignedWhole | None = None
    scans: bool = False

    @property
    def title(self) -> str:
        return text(section(self.case, "record"), "title") or ""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """A package to be checked, with what others say of it.

    ``records`` is gone through once, in order, so it may unpack one at a time. ``faults`` are those that verifying the package
    found (`sip.verify`, `sip.transfer.verify`). ``stated`` comes from the register or the ledger; ``sent`` is the SHA-256 of
    the whole package as it was sent or deposited, ``received`` as it is now; ``held`` the 档号 that the archive holds already;
    ``carrier`` the off-line carrier, if any; ``restored`` the outcome of a restore drill, None where there was none.
    """

    name: str
    records: Iterable[PackagedRecord]
    faults: Sequence[Faulty] = ()
    stated: Totals | None = None
    sent: str | None = None
    received: str | None = None
    held: Holding[str] = frozenset()
    carrier: str | None = None
    restored: bool | None = None


def passed_on(faults: Iterable[Faulty]) -> Iterator[Finding]:
    """Verification's faults as findings; an error rejects, a warning is a remark."""
    for found in faults:
        severity = None if found.severity == "error" else Severity.REMARK
        words = {"fault": found.code, "zh": found.text("zh"), "en": found.text("en")}
        yield Finding("PAK-FAULT", path=found.path, params=words, severity=severity)


def take_out(identifier: str, container: Container, members: Mapping[str, Item], base: Path) -> PackagedRecord:
    """One record from an opened container; ``members`` are its files by the path below its own bag's folder.

    Contents are written to ``base`` (made if absent, to be removed by the caller) and digested on the way. A member that is
    cut short counts as missing: verification of the package has named it.
    """
    (base / "files").mkdir(parents=True, exist_ok=True)
    findings: list[Finding] = []
    case = _case(container, members.get(_RECORD), findings)
    given = {str(section(row, "archived").get("path")): str(row.get("path")) for _, row in rows(case, "files")}
    files: list[StagedFile] = []
    for path, item in sorted(members.items()):
        if path.startswith("data/"):
            name = path.removeprefix("data/")
            staged = f"files/{len(files):06d}"
            try:
                files.append(_written(container, item, base, staged, name, given.get(name, name)))
            except Damaged:
                (base / staged).unlink(missing_ok=True)
    about, form = section(case, "record"), _aside(container, members.get(_FORM))
    return PackagedRecord(
        text(about, "electronic_record_code") or identifier,
        text(about, "archival_code") or identifier,
        case,
        files,
        base,
        frozenset(path for path in members if path.startswith("metadata/")),
        findings,
        frozenset(pointer for pointer in _list(form, "lacks") if isinstance(pointer, str)),
        list(_accepted(_aside(container, members.get(_CHECKS)))),
        _whole(container, members, section(form, "signed"), base),
        form.get("origin") == DIGITISED,
    )


def _case(container: Container, item: Item | None, findings: list[Finding]) -> dict[str, Any] | None:
    if item is None:
        findings.append(Finding("PAK-NO-RECORD"))
        return None
    try:
        return _object(container, item)
    except (strictjson.BadJson, Damaged) as exc:
        findings.append(Finding("PAK-RECORD-UNREADABLE", path=_RECORD, params={"reason": str(exc)[:200]}))
        return None


def _object(container: Container, item: Item) -> dict[str, Any]:
    if item.size > _MOST_METADATA:
        raise strictjson.BadJson(f"{item.size} 字节 / bytes")
    value = strictjson.loads(b"".join(container.chunks(item)), max_bytes=_MOST_METADATA)
    if not isinstance(value, dict):
        raise strictjson.BadJson("顶层不是对象 / the top level is not an object")
    return value


def _aside(container: Container, item: Item | None) -> dict[str, Any]:
    """Metadata that helps to judge the record; where it cannot be read, nothing is taken from it."""
    if item is None:
        return {}
    try:
        return _object(container, item)
    except (strictjson.BadJson, Damaged):
        return {}


def _list(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _accepted(checks: dict[str, Any]) -> Iterator[Finding]:
    """The acceptances that the record was archived with: who took which doubt upon himself, and why."""
    for row in _list(checks, "findings"):
        if isinstance(row, dict) and row.get("code") == _ACCEPTED and isinstance(params := row.get("params"), dict):
            yield Finding(_ACCEPTED, params={str(key): str(value) for key, value in params.items()})


def _whole(
    container: Container, members: Mapping[str, Item], said: Mapping[str, Any], base: Path
) -> SignedWhole | None:
    """The delivery that was kept whole for its signature; verification of the package names one that is missing or cut short."""
    name, path = text(said, "name"), text(said, "path")
    item = members.get(f"metadata/{path}")
    if name is None or path is None or item is None:
        return None
    try:
        file = _written(container, item, base, "whole", path, name)
    except Damaged:
        return None
    return SignedWhole(name, path, base / file.staged, file.size, file.sha256)


def _written(container: Container, item: Item, base: Path, staged: str, path: str, source: str) -> StagedFile:
    sha256, sm3, crc, size = hashlib.sha256(), hashlib.new("sm3"), 0, 0
    with (base / staged).open("wb") as out:
        try:
            for piece in container.chunks(item):
                out.write(piece)
                sha256.update(piece)
                sm3.update(piece)
                crc = zlib.crc32(piece, crc)
                size += len(piece)
        except Damaged as exc:
            if exc.fault.code != "PKG-CRC":  # all of it is there, but changed: its digests will say so
                raise
    return StagedFile(path, source, staged, size, sha256.hexdigest(), sm3.hexdigest(), crc)
