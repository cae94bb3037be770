"""A ZIP from a stranger, judged by its directory before a byte of it is unpacked; and the OFD inside it.

OFD (GB/T 33190-2016) is a ZIP with ``OFD.xml`` at its root. Nothing is ever written to disk under a member's name.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree

from ingest.checks.heads import HEAD_BYTES, archive_kind
from ingest.checks.policy import Limits
from ingest.metadata.strictxml import BadXml, parse

_ENTRY = re.compile(rb"PK\x01\x02")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the public ones; GB/T 18894: no proprietary compression
# What zipfile was seen to raise on damaged archives: most are no BadZipFile (negative seeks, short structures, bad names).
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, ValueError, EOFError, OSError, RuntimeError, IndexError
)  # fmt: skip
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_DOCUMENTS = 100
_OWN_PARTS = (".xml", ".ttf", ".otf", ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".jb2", ".dat", ".esl")


class BadZip(Exception):
    """The archive must not or cannot be opened. ``code`` is the finding, ``detail`` what is wrong, for its text."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class SafeZip:
    """The members of a ZIP that keeps to the limits. Raises BadZip on opening or reading one that does not."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        # Counted before zipfile builds an object for each: a million entries would cost a gigabyte.
        if sum(1 for _ in zip(_ENTRY.finditer(data), range(limits.zip_entries + 1), strict=False)) > limits.zip_entries:
            raise BadZip("FMT-ZIP-BOMB", f"成员超过 {limits.zip_entries} 个 / more than {limits.zip_entries} entries")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _ZIP_ERRORS as exc:
            raise BadZip("FMT-UNREADABLE", f"压缩包损坏 / broken ZIP: {exc}") from exc
        self._check_names(members)
        self._check_sizes(members, len(data))
        self._members = {_plain(m.filename): m for m in members if not m.is_dir()}

    @property
    def names(self) -> set[str]:
        return set(self._members)

    def read(self, name: str) -> bytes:
        """The bytes of one member, unpacked to no more than the directory said and the limits allow."""
        member = self._members.get(name)
        if member is None:
            raise BadZip("FMT-UNREADABLE", f"缺少 {name[:100]} / no such member")
        try:
            return self._zip.read(member)
        except _ZIP_ERRORS as exc:
            raise BadZip("FMT-UNREADABLE", f"{name[:100]} 解压失败 / cannot be unpacked") from exc

    def head(self, name: str, size: int) -> bytes:
        """The first bytes of a member. Raises BadZip where it cannot be unpacked."""
        try:
            with self._zip.open(self._members[name]) as member:
                return member.read(size)
        except _ZIP_ERRORS as exc:
            raise BadZip("FMT-UNREADABLE", f"{name[:100]} 解压失败 / cannot be unpacked") from exc

    def _check_names(self, members: list[zipfile.ZipInfo]) -> None:
        seen: set[str] = set()
        for member in members:
            raw = member.orig_filename  # zipfile cuts `filename` at a NUL
            plain = _plain(raw)
            if "\0" in raw or raw.startswith("//") or _DRIVE.match(plain) or ".." in plain.split("/"):
                raise BadZip("FMT-ZIP-UNSAFE-PATH", _shown(raw))
            if stat.S_ISLNK(member.external_attr >> 16):
                raise BadZip("FMT-ZIP-UNSAFE-PATH", f"{_shown(raw)} （符号链接 / symbolic link）")
            if plain in seen:
                raise BadZip("FMT-ZIP-DUPLICATE", _shown(raw))
            seen.add(plain)
            if member.flag_bits & 0x1:
                raise BadZip("FMT-ENCRYPTED", _shown(raw))
            if member.compress_type not in _METHODS:
                raise BadZip("FMT-COMPRESSION", f"{_shown(raw)}: method {member.compress_type}")

    def _check_sizes(self, members: list[zipfile.ZipInfo], packed: int) -> None:
        limits = self._limits
        if sum(m.file_size for m in members) > limits.zip_total_bytes:
            raise BadZip("FMT-ZIP-BOMB", f"解压后超过 {limits.zip_total_bytes} 字节 / more bytes unpacked than allowed")
        for member in members:
            if member.file_size > limits.zip_member_bytes:
                raise BadZip("FMT-ZIP-BOMB", f"{_shown(member.filename)}: {member.file_size} bytes")
            if (
                member.file_size > limits.zip_ratio_above_bytes
                and member.file_size > limits.zip_ratio * member.compress_size
            ):
                raise BadZip("FMT-ZIP-BOMB", f"{_shown(member.filename)}: 1 : {limits.zip_ratio}+")
        if sum(m.compress_size for m in members) > packed:  # members that overlap share their bytes
            raise BadZip("FMT-ZIP-BOMB", "成员重叠 / overlapping members")


def is_ofd(data: bytes, limits: Limits) -> bool:
    """Whether a ZIP is an OFD by its content: a readable root ``OFD.xml`` whose root element is OFD.

    Raises BadZip where the ZIP itself is hostile or broken.
    """
    package = SafeZip(data, limits)
    return "OFD.xml" in package.names


def ofd_pages(data: bytes, limits: Limits) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Open an OFD to each of its pages: how many, and faults that do not keep it from opening (attachments, archives in it).

    Raises BadZip, BadXml, HasDtd.
    """
    package = SafeZip(data, limits)
    root = parse(package.read("OFD.xml"))
    if _local(root) != "OFD":
        raise BadZip("FMT-UNREADABLE", "OFD.xml 的根元素不是 OFD / root element is not OFD")
    if any("encryptions" in name.lower() for name in package.names if name.endswith(".xml")):
        raise BadZip("FMT-ENCRYPTED", "Encryptions.xml")
    documents = [e.text.strip() for e in root.iter() if _local(e) == "DocRoot" and e.text and e.text.strip()]
    if not documents or len(documents) > _MAX_DOCUMENTS:
        raise BadZip("FMT-UNREADABLE", f"DocRoot × {len(documents)}")
    pages = sum(_document_pages(package, _resolve(package, "", location), limits) for location in documents)
    attached = any(name.rpartition("/")[2] == "Attachments.xml" for name in package.names)
    return pages, ((("FMT-EMBEDDED-FILES", ""),) if attached else ()) + tuple(_archives(package))


def _archives(package: SafeZip) -> Iterator[tuple[str, str]]:
    """Members that are archives themselves: what is in them nobody has looked at."""
    for name in sorted(package.names):
        if not name.lower().endswith(_OWN_PARTS) and (kind := archive_kind(package.head(name, HEAD_BYTES))):
            yield "FMT-NESTED-ARCHIVE", f"{_shown(name)} ({kind})"


def _document_pages(package: SafeZip, location: str, limits: Limits) -> int:
    document = parse(package.read(location))
    pages = [
        page.get("BaseLoc") or ""
        for pages in document
        if _local(pages) == "Pages"
        for page in pages
        if _local(page) == "Page"
    ]
    if not pages:
        raise BadZip("FMT-UNREADABLE", f"{location}: 没有页面 / no pages")
    if len(pages) > limits.pages:
        raise BadZip("FMT-ZIP-BOMB", f"{len(pages)} pages")
    folder = location.rpartition("/")[0]
    for page in pages:
        content = parse(package.read(_resolve(package, folder, page)))
        if _local(content) != "Page":
            raise BadXml(f"{page[:100]}: 根元素不是 Page / root element is not Page")
    return len(pages)


def _resolve(package: SafeZip, folder: str, location: str) -> str:
    """An ST_Loc: from the package root with a leading slash, else from the file's folder, else (as seen) from the root."""
    plain = _plain(location.strip())
    if location.strip().startswith("/"):
        return plain
    near = f"{folder}/{plain}" if folder else plain
    return near if near in package.names else plain


def _local(element: etree._Element) -> str:
    # Vendors write wrong or old namespaces; the local name is what they agree on.
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _plain(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _shown(name: str) -> str:
    return name[:100].encode("unicode_escape").decode("ascii") if not name.isprintable() else name[:100]
