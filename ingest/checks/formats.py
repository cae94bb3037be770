"""What a file is by its content: PRONOM (pygfried), and own rules where PRONOM has none.

pygfried must never be imported before a fork: the child hangs. It is imported inside the function, in spawned workers.
PRONOM's PDF/A identifiers are the file's claim, not a validation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.checks import policy
from ingest.checks.known import known
from ingest.checks.ofdzip import is_ofd
from ingest.metadata import strictjson
from ingest.metadata.strictxml import BadXml, HasDtd, parse

OFD_NAME = "OFD (GB/T 33190-2016)"
_ZIP_MAGIC = b"PK\x03\x04"
_ZIP = "x-fmt/263"
_TEXT, _XML, _JSON, _CSV = "x-fmt/111", "fmt/101", "fmt/817", "x-fmt/18"
_HEADS = (
    (b"%PDF-", "pdf", "application/pdf"),
    (b"\xff\xd8\xff", "jpeg", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"II*\x00", "tiff", "image/tiff"),
    (b"MM\x00*", "tiff", "image/tiff"),
)
_END_BYTES = 8 * 1024 * 1024
_SNIFF_BYTES = 64 * 1024 * 1024  # a text beyond this is not parsed only to learn whether it is JSON or XML


@dataclasses.dataclass(frozen=True, slots=True)
class FormatResult:
    """What a file is. ``pronom`` is None for OFD, which has no identifier there, and "UNKNOWN" where nothing fits.

    ``basis`` says how it was found; ``warnings`` what the identifier said besides; ``own`` is the id of the accepted format
    that an own rule found.
    """

    pronom: str | None
    name: str
    mime: str
    basis: str
    warnings: tuple[str, ...] = ()
    own: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "pronom": self.pronom, "name": self.name, "mime": self.mime, "basis": self.basis, "warnings": list(self.warnings)
        }  # fmt: skip

    @property
    def accepted(self) -> policy.Format | None:
        """The entry of the accepted formats, or None."""
        if self.own is not None:
            return policy.formats()[self.own]
        return policy.by_pronom().get(self.pronom or "")


def identify(source: Path | bytes, name: str, data: bytes | None = None) -> FormatResult:
    """Identify one file by content; ``name`` only tells CSV, and broken JSON and XML, from other text.

    ``data`` spares reading the file again for the own rules; a path without it is judged by PRONOM alone. Raises BadZip for
    a ZIP that must not be opened, OSError if the file cannot be read.
    """
    if isinstance(source, bytes):
        return _of_bytes(source, name)
    if data is None:
        found = _pronom(source)
        if found.pronom == _ZIP and extension(name) == "ofd":  # too large to look into: a person will have to
            return FormatResult(None, OFD_NAME, "application/ofd", "own rule: ZIP named ofd", own="ofd")
        return found
    return _quick(data) or _own_rules(_pronom(source), name, data)


def beside() -> FormatResult:
    """What a detached signature is: PRONOM knows no CMS, and without the file that it signs it would not be accepted."""
    return FormatResult(None, "CMS / GB/T 35275", "application/pkcs7-signature", "own rule: signs a file", own="p7s")


def extension(name: str) -> str:
    """The extension of a file name in lower case, without its dot; empty if there is none."""
    stem, dot, ext = name.rpartition("/")[2].rpartition(".")
    return ext.lower() if dot and stem else ""


def _of_bytes(data: bytes, name: str) -> FormatResult:
    if quick := _quick(data):
        return quick
    with _as_file(data) as path:
        return _own_rules(_pronom(path), name, data)


@contextlib.contextmanager
def _as_file(*parts: bytes) -> Iterator[Path]:
    """The parts as a file in memory: the identifier reads paths only."""
    descriptor = os.memfd_create("identify")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as out:
            out.writelines(parts)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _quick(data: bytes) -> FormatResult | None:
    if data.startswith(_ZIP_MAGIC):
        if is_ofd(data, policy.limits()):
            return FormatResult(None, OFD_NAME, "application/ofd", "own rule: ZIP with OFD.xml at its root", own="ofd")
        return None
    answer = known(data)
    return FormatResult(*answer) if answer else None


def _pronom(path: Path) -> FormatResult:
    import pygfried

    with path.open("rb") as file:  # so that an unreadable file raises here and is not "unknown"
        size = os.fstat(file.fileno()).st_size
        if size > 2 * _END_BYTES:  # signatures stand at the ends; a gigabyte of zeros would be read through
            head = file.read(_END_BYTES)
            file.seek(-_END_BYTES, os.SEEK_END)
            with _as_file(head, file.read()) as ends:
                return _pronom(ends)
    if not size:
        return FormatResult("UNKNOWN", "", "", "empty")
    answer: Mapping[str, Any] = pygfried.identify(str(path), detailed=True)["files"][0]
    matches = [match for match in answer.get("matches") or [] if match["id"] != "UNKNOWN"]
    # Several matches are rare; the first that the archive accepts is as good as any, and the warning says so.
    matches.sort(key=lambda match: match["id"] not in policy.by_pronom())
    said = [] if not answer.get("errors") else [str(answer["errors"])[:200]]
    if not matches:
        return FormatResult("UNKNOWN", "", "", "no match", tuple(said))
    best = matches[0]
    if len(matches) > 1:
        said.append("also " + ", ".join(match["id"] for match in matches[1:]))
    title = f"{best['format']} {best['version']}".strip()
    return FormatResult(best["id"], title, best["mime"], best["basis"], tuple(said))


def _own_rules(found: FormatResult, name: str, data: bytes) -> FormatResult:
    if data.startswith(_ZIP_MAGIC):
        return found
    if found.pronom in (_TEXT, "UNKNOWN") and (head := _by_head(data)):
        return head
    if found.pronom not in (_TEXT, "UNKNOWN"):
        return found
    if named := _named(name, data):
        return named
    if len(data) > _SNIFF_BYTES:
        return found
    if _is_xml(data):
        return FormatResult(_XML, "Extensible Markup Language 1.0", "text/xml", "own rule: parses as XML")
    if _is_json(data):
        return FormatResult(_JSON, "JSON Data Interchange Format", "application/json", "own rule: parses as JSON")
    if found.pronom == _TEXT and extension(name) == "csv":
        return FormatResult(_CSV, "Comma Separated Values", "text/csv", "own rule: text with extension csv")
    return found


def _named(name: str, data: bytes) -> FormatResult | None:
    """Text that is named JSON or XML and begins so is held to it: its reader shall say where it is broken."""
    begins = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if extension(name) == "json" and begins in (b"{", b"["):
        return FormatResult(
            _JSON, "JSON Data Interchange Format", "application/json", "own rule: named and begins as JSON"
        )
    if extension(name) == "xml" and begins == b"<":
        return FormatResult(_XML, "Extensible Markup Language 1.0", "text/xml", "own rule: named and begins as XML")
    return None


def _by_head(data: bytes) -> FormatResult | None:
    """PRONOM asks for a right end too; what only begins right is of that format, and damaged: its reader shall say how."""
    for magic, own, mime in _HEADS:
        if data.startswith(magic):
            form = policy.formats()[own]
            return FormatResult("UNKNOWN", form.zh, mime, "own rule: head only", ("PRONOM: no match",), own)
    return None


def _is_xml(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith((b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")):
        return False
    try:
        parse(data)
    except HasDtd:
        return True
    except BadXml:
        return False
    return True


def _is_json(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head.startswith((b"{", b"[")):
        return False
    try:
        strictjson.loads(data, max_bytes=_SNIFF_BYTES)
    except strictjson.BadJson:
        return False
    return True
