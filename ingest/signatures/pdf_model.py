"""What the judge of PDF signatures needs to know of a file, whoever read it."""

from __future__ import annotations

import dataclasses
import enum

from ingest.signatures.verdict import Cause


class Coverage(enum.IntEnum):
    """How much of the file the byte range takes in."""

    UNCLEAR = 0  # not [0, a, b, c] with exactly /Contents in the gap
    BLOCK = 1  # from the start, but not to the end of a revision
    REVISION = 2  # all of the revision in which it was made
    FILE = 3


class Changes(enum.IntEnum):
    """What came after the signed revision, gravest last."""

    NONE = 0
    ARCHIVAL = 1  # validation data and document timestamps
    SIGNATURES = 2  # further signatures and nothing else
    FORM = 3  # form fields were filled
    ANNOTATIONS = 4
    OTHER = 5  # shown content or structure may differ from what was signed


@dataclasses.dataclass(frozen=True)
class PdfSignature:
    """One filled signature field."""

    field: str
    subfilter: str
    document_timestamp: bool
    byte_range: tuple[int, ...]
    contents: bytes
    modified: str  # /M, the signer's clock
    signer_name: str
    coverage: Coverage
    changes: Changes
    forbidden: bool = False  # the changes go beyond what the signature's own DocMDP allows
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class PdfStructure:
    """All signatures of a file, the validation data stored in it (DSS), and what is wrong with the file as such."""

    signatures: tuple[PdfSignature, ...]
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    causes: tuple[Cause, ...] = ()


class PdfUnreadableError(ValueError):
    """The file cannot be read as PDF well enough to judge it; ``code`` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def gap_is_contents(data: bytes, byte_range: tuple[int, ...], contents: bytes) -> bool:
    """Whether the byte range is ``[0, a, b, c]`` within the file and its gap is exactly ``<hex of contents>``: a wider gap
    could hide content that nobody signed."""
    if len(byte_range) != 4 or byte_range[0] != 0:
        return False
    _, first, second, length = byte_range
    if not (0 < first < second <= len(data) and 0 <= length <= len(data) - second):
        return False
    gap = data[first:second]
    if gap[:1] != b"<" or gap[-1:] != b">":
        return False
    try:
        return bytes.fromhex(gap[1:-1].decode("ascii")) == contents
    except ValueError:
        return False
