"""Opening an OFD package (a ZIP, GB/T 33190 §7) without trusting anything in it."""

from __future__ import annotations

import io
import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree

from ingest.signatures import crypto

MAX_ENTRIES = 20_000
MAX_ENTRY = 256 << 20
MAX_TOTAL = 1 << 30
MAX_RATIO = 200
RATIO_FLOOR = 1 << 20
MAX_XML = 64 << 20


# What zipfile and zlib are seen to raise on mutated packages.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, IndexError, KeyError, NotImplementedError, OSError,
    OverflowError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


class PackageError(ValueError):
    """The package cannot be read as one; ``code`` is the finding that says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def clean(name: str) -> str:
    """A member name in one form: ``/`` between parts, none in front. Names that could mean a place outside raise."""
    path = name.replace("\\", "/").lstrip("/")
    parts = path.split("/")
    if "\0" in path or ".." in parts or (parts and ":" in parts[0]):
        raise PackageError("SIG-OFD-UNSAFE-NAME", name[:120])
    return "/".join(part for part in parts if part not in ("", "."))


class Package:
    """The members of a package by clean name; bytes are read when asked for, within limits."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            infos = self._zip.infolist()
        except _BROKEN as error:
            raise PackageError("SIG-OFD-UNREADABLE", str(error)[:200]) from error
        if len(infos) > MAX_ENTRIES:
            raise PackageError("SIG-OFD-LIMIT", f"{len(infos)} entries")
        self._infos: dict[str, zipfile.ZipInfo] = {}
        folded: dict[str, str] = {}
        total = 0
        for info in infos:
            if info.filename.endswith("/"):
                continue
            name = clean(info.filename)
            if not name:
                raise PackageError("SIG-OFD-UNSAFE-NAME", repr(info.filename[:40]))
            if stat.S_ISLNK(info.external_attr >> 16):
                raise PackageError("SIG-OFD-UNSAFE-NAME", f"{name} is a link")
            if info.flag_bits & 0x1:
                raise PackageError("SIG-OFD-ENCRYPTED", name[:120])
            if name in self._infos:
                raise PackageError("SIG-OFD-DUPLICATE", name[:120])
            twin = folded.setdefault(name.casefold(), name)
            if twin != name:
                # A reader on a file system without case would show one for the other.
                raise PackageError("SIG-OFD-DUPLICATE", f"{twin[:60]} / {name[:60]}")
            if info.file_size > MAX_ENTRY or (
                info.file_size > RATIO_FLOOR and info.file_size > MAX_RATIO * max(info.compress_size, 1)
            ):
                raise PackageError("SIG-OFD-LIMIT", name[:120])
            total += info.file_size
            if total > MAX_TOTAL:
                raise PackageError("SIG-OFD-LIMIT", f"more than {MAX_TOTAL} bytes")
            self._infos[name] = info
        self._cache: dict[str, bytes] = {}
        self._digests: dict[tuple[str, str], bytes] = {}
        self.base_names = frozenset(posixpath.basename(name) for name in self._infos)

    @property
    def names(self) -> list[str]:
        return list(self._infos)

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def read(self, name: str) -> bytes:
        """A member's bytes; PackageError when they cannot be had."""
        if name not in self._cache:
            info = self._infos[name]
            try:
                with self._zip.open(info) as member:
                    data = member.read(info.file_size + 1)
            except _BROKEN as error:
                raise PackageError("SIG-OFD-UNREADABLE", f"{name[:120]}: {error}") from error
            if len(data) != info.file_size:
                raise PackageError("SIG-OFD-UNREADABLE", f"{name[:120]}: size differs")
            self._cache[name] = data
        return self._cache[name]

    def digest(self, name: str, algorithm: str) -> bytes:
        """A member's digest, taken once however many signatures refer to it."""
        key = (name, algorithm)
        if key not in self._digests:
            self._digests[key] = crypto.digest(algorithm, self.read(name))
        return self._digests[key]

    def resolve(self, location: str, base: str) -> str | None:
        """The member that an ST_Loc means: from the root when it begins with ``/``, else from the folder of ``base``,
        else from the root. None when there is no such member."""
        text = location.strip().replace("\\", "/")
        candidates = [text.lstrip("/")]
        if not text.startswith("/"):
            candidates.insert(0, posixpath.join(posixpath.dirname(base), text))
        for candidate in candidates:
            path = posixpath.normpath(candidate)
            if path in self._infos:
                return path
        return None

    def xml(self, name: str) -> etree._Element:
        """A member as XML, without DTD, entities or network. PackageError when it is not well-formed."""
        return parse_xml(self.read(name), name)


def parse_xml(data: bytes, name: str, *, large: bool = False) -> etree._Element:
    """Hostile XML as a tree: no DOCTYPE, no entities, no network, bounded size and depth. ``large`` lifts libxml2's own
    limits (10 MB of text), which a package with Base64 files in it exceeds; ours stays."""
    if len(data) > MAX_XML:
        raise PackageError("SIG-OFD-LIMIT", name[:120])
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=large, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if getattr(error, "code", 0) == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError(name[:80]) from error  # a limit of ours, not a fault of the file
        raise PackageError("SIG-OFD-XML", f"{name[:80]}: {str(error)[:120]}") from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise PackageError("SIG-OFD-XML", f"{name[:80]}: DOCTYPE")
    return root


def local(element: etree._Element) -> str:
    """The element's name without namespace: vendors use wrong ones. Comments and instructions have none."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child(element: etree._Element, name: str) -> etree._Element | None:
    return next((item for item in element if local(item) == name), None)


def descendants(element: etree._Element, name: str) -> list[etree._Element]:
    return [item for item in element.iter() if local(item) == name]


def value(element: etree._Element, name: str) -> str | None:
    """An attribute, or a child element's text where a vendor wrote one instead."""
    found = next((v for k, v in element.attrib.items() if str(k).rpartition("}")[2] == name), None)
    if found is not None:
        return str(found)
    inner = child(element, name)
    return inner.text if inner is not None else None
