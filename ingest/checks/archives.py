"""Naming what hides other content: archives, office files with macros, office files under a password. Nothing is unpacked."""

from __future__ import annotations

from ingest.checks.heads import HEAD_BYTES, archive_kind
from ingest.checks.ofdzip import SafeZip
from ingest.checks.policy import Limits

Fault = tuple[str, str]
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # OLE 2: DOC, XLS, and the shell around an encrypted DOCX
_ENCRYPTED, _MACROS = ("EncryptedPackage".encode("utf-16-le"), "_VBA_PROJECT".encode("utf-16-le"))


def hidden(data: bytes, limits: Limits) -> list[Fault]:
    """What a file of no accepted format hides, as faults; none where it is just of another format.

    Raises BadZip for a ZIP that must not be opened.
    """
    if data.startswith(_COMPOUND):
        faults = [("FMT-ENCRYPTED", "Office")] if _ENCRYPTED in data else []
        return [*faults, *([("FMT-MACRO", "VBA")] if _MACROS in data else [])]
    kind = archive_kind(data[:HEAD_BYTES])
    if kind != "ZIP":
        return [("FMT-ARCHIVE", kind)] if kind else []
    names = SafeZip(data, limits).names
    if "[Content_Types].xml" in names:
        return [("FMT-MACRO", name) for name in sorted(names) if name.endswith("vbaProject.bin")][:1]
    if "mimetype" in names and "META-INF/manifest.xml" in names:  # OpenDocument
        return [("FMT-MACRO", name) for name in sorted(names) if name.startswith(("Basic/", "Scripts/"))][:1]
    return [("FMT-ARCHIVE", "ZIP")]
