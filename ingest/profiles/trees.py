"""What a form is read from: named byte streams, in a folder, a ZIP, or a part of either. Nothing here is trusted."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ingest.findings import Finding, Severity
from ingest.metadata import strictjson, strictxml
from ingest.settings import Limits
from ingest.sources.base import DeliveryReader
from sip import names as paths
from sip.container import Damaged, Item
from sip.zipread import TooManyMembers, Zip


class BadForm(Exception):
    """The delivery cannot be read as what it is; ``findings`` say everything that was found out."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(", ".join(f.code for f in findings))
        self.findings = list(findings)


class ContentDamaged(OSError):
    """A member's content cannot be unpacked to its end: bad content, not trouble of this machine."""


class Tree(Protocol):
    """Files by name (POSIX paths, sorted), and what reading the names already showed."""

    names: list[str]
    findings: list[Finding]

    def open(self, name: str) -> BinaryIO:
        """One file, to be read once. OSError for what is no regular file, ContentDamaged while reading."""


class FolderTree:
    """A delivery as the source gives it."""

    def __init__(self, reader: DeliveryReader) -> None:
        self._reader = reader
        self.names = reader.names()
        self.findings: list[Finding] = []

    def open(self, name: str) -> BinaryIO:
        return self._reader.open(name)


class SubTree:
    """The files below ``folder`` of another tree, by their names there."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._at = folder.rstrip("/") + "/" if folder else ""
        self.names = [n.removeprefix(self._at) for n in tree.names if n.startswith(self._at)]
        self.findings: list[Finding] = []

    def open(self, name: str) -> BinaryIO:
        return self._tree.open(self._at + name)


_RATIO, _RATIO_FROM = 200, 1 << 20  # unpacked to packed; below a MiB a ratio says nothing


class ZipTree:
    """The members of a ZIP from a stranger; ``name`` is the ZIP's own, for messages. Raises BadForm on what is hostile.

    Names without the UTF-8 flag are read as UTF-8 where they are, else as GB 18030. Nothing is written under a member's name.
    """

    def __init__(self, file: BinaryIO, name: str, limits: Limits) -> None:
        try:
            self._zip = Zip(file, most=limits.package_files)
        except TooManyMembers as e:
            raise BadForm(_bomb(name, f"成员超过 {limits.package_files} 个 / too many members")) from e
        self.findings = [f for f in (_of_fault(f.code, name, f.params) for f in self._zip.faults) if f is not None]
        refused = [*self._refused(name, limits), *self.findings]
        if any(f.weight == Severity.REJECT for f in refused):
            raise BadForm(*_once(refused))
        self._items = {item.name: item for item in self._zip.items}
        self.names = sorted(self._items)

    def _refused(self, name: str, limits: Limits) -> Iterator[Finding]:
        seen: set[str] = set()
        total = 0
        for entry in self._zip.entries:
            plain = entry.name.rstrip("/")
            if paths.fault_of_path(plain) or "\n" in plain or "\r" in plain:
                yield Finding("FMT-ZIP-UNSAFE-PATH", path=name, params={"detail": _shown(entry.name)})
            elif not entry.is_folder and paths.twin_key(plain) in seen:
                yield Finding("FMT-ZIP-DUPLICATE", path=name, params={"detail": _shown(entry.name)})
            elif not entry.is_folder:
                seen.add(paths.twin_key(plain))
            total += entry.size
            if entry.size > _RATIO_FROM and entry.size > _RATIO * entry.packed:
                yield _bomb(name, f"{_shown(entry.name)}: {entry.size} bytes")
        if total > limits.file_bytes:
            yield _bomb(name, f"{total} bytes")

    def open(self, name: str) -> BinaryIO:
        item = self._items.get(name)
        if item is None:
            raise FileNotFoundError(name)
        return io.BufferedReader(_Chunks(self._zip, item))


class _Chunks(io.RawIOBase):
    """A member's chunks as a stream."""

    def __init__(self, container: Zip, item: Item) -> None:
        super().__init__()
        self._chunks = container.chunks(item)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            try:
                self._left = next(self._chunks, b"")
            except Damaged as e:
                raise ContentDamaged(e.fault.code) from e
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


def _once(findings: list[Finding]) -> list[Finding]:
    """One finding of a code is enough to refuse a ZIP: a hostile one could fill pages."""
    return list({f.code: f for f in reversed(findings)}.values())


_FAULTS = {
    "PKG-BOMB": "FMT-ZIP-BOMB",
    "PKG-MEMBER-KIND": "FMT-ZIP-UNSAFE-PATH",
    "PKG-NAME-ENCODING": "PRF-NAME-ENCODING",
    "PKG-TRUNCATED": "FMT-UNREADABLE",
    "PKG-ZIP-DAMAGED": "FMT-UNREADABLE",
}


def _of_fault(code: str, name: str, params: Mapping[str, Any]) -> Finding | None:
    if code == "PKG-ZIP-UNSUPPORTED":
        code = "FMT-ENCRYPTED" if params.get("reason") == "encryption" else "FMT-COMPRESSION"
    else:
        code = _FAULTS[code]
    detail = str(params.get("reason") or params.get("kind") or params.get("encoding") or params.get("offset") or "ZIP")
    return Finding(code, path=name, params={"detail": detail[:200]})


def _bomb(name: str, detail: str) -> Finding:
    return Finding("FMT-ZIP-BOMB", path=name, params={"detail": detail})


def _shown(name: str) -> str:
    return name[:100].encode("utf-8", "backslashreplace").decode() if name.isprintable() else ascii(name[:100])


def read(tree: Tree, name: str, limits: Limits) -> bytes:
    """A metadata file, whole. Raises BadForm where it is too long or cannot be read."""
    try:
        with tree.open(name) as f:
            out = bytearray()
            while len(out) <= limits.metadata_bytes and (piece := f.read(1 << 16)):
                out += piece
    except ContentDamaged as e:
        raise BadForm(Finding("FMT-UNREADABLE", path=name, params={"detail": str(e)})) from e
    except FileNotFoundError:
        raise BadForm(Finding("PRF-METADATA-MISSING", params={"name": name})) from None
    if len(out) > limits.metadata_bytes:
        raise BadForm(Finding("RCV-FILE-TOO-LARGE", path=name, params={"limit": str(limits.metadata_bytes)}))
    return bytes(out)


def xml(data: bytes, name: str, default: str = "utf-8") -> Any:
    """The root element of a metadata file. Raises BadForm with the code of what is wrong."""
    try:
        return strictxml.read(data, default)
    except strictxml.HasDtd:
        raise BadForm(Finding("FMT-XML-DTD", path=name)) from None
    except strictxml.BadEncoding as e:
        raise BadForm(Finding("PRF-ENCODING", path=name, params={"reason": str(e)})) from e
    except strictxml.BadXml as e:
        raise BadForm(Finding("PRF-XML-BROKEN", path=name, params={"reason": str(e)})) from e


def json(data: bytes, name: str) -> Any:
    """The value of a JSON file. Raises BadForm."""
    try:
        return strictjson.loads(data)
    except strictjson.BadJson as e:
        raise BadForm(Finding("RCV-JSON-BROKEN", path=name, params={"reason": str(e)})) from e


def text(data: bytes, name: str) -> str:
    """A plain text in UTF-8 or GB 18030, which says nowhere which of them it is. Raises BadForm."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadForm(Finding("PRF-ENCODING", path=name, params={"reason": "不是 UTF-8 或 GB 18030 / neither"}))


@dataclasses.dataclass
class FormDelivery:
    """A record read from a foreign form, as a `DeliveryReader`: its case.json is made, its files are where they were.

    ``files`` maps each path of the record, and each file that no element names, to its name in ``tree``; ``originals`` are the
    metadata files as given; ``profile`` says by which profile (id, version) it was read and what that form lacks. Where the
    delivery carries its own signature, ``signed`` is where it stands whole, by the name under which it is kept, and ``profile``
    says under "signed" what it was (name, path in the package's metadata, size, sha256).
    """

    case: bytes
    tree: Tree
    files: Mapping[str, str]
    findings: list[Finding]
    originals: Mapping[str, bytes]
    profile: dict[str, Any]
    signed: Mapping[str, Path] = dataclasses.field(default_factory=dict)

    def metadata(self, limit: int) -> bytes:
        if len(self.case) > limit:
            raise ValueError(f"longer than {limit} bytes")
        return self.case

    def names(self) -> list[str]:
        return sorted(self.files)

    def open(self, name: str) -> BinaryIO:
        return self.tree.open(self.files[name])
