"""bag-info.txt: the fields of a bag, written so that no metadata can forge a line (RFC 8493 §2.2.2)."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Sequence

from sip.zipformat import CHINA

PROFILE_ID = "urn:guidang:bagit-profile:1.0"
TRANSFER_PROFILE_ID = "urn:guidang:bagit-profile:transfer:1.0"
# Names the written form, not the software's release: the same record gives the same bytes after an upgrade.
WRITER = "guidang sip 1.0"

OWN_FIELDS = frozenset(
    {
        "bagging-date", "payload-oxum", "bag-size", "bagit-profile-identifier", "bag-software-agent", "external-identifier",
        "package-version",
    }
)  # fmt: skip
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def clean(value: str) -> str:
    """The value on one line: control characters and line breaks become one space, NFC, no space at the ends."""
    return unicodedata.normalize("NFC", _BREAKS.sub(" ", value)).strip()


def render(
    fields: Sequence[tuple[str, str]],
    identifier: str,
    version: int,
    as_of: dt.datetime,
    octets: int,
    streams: int,
    profile: str = PROFILE_ID,
) -> bytes:
    """The bytes of bag-info.txt: the caller's ``fields`` in their order (empty ones left out), then the writer's own.

    ``octets`` and ``streams`` are the payload's bytes and files (Payload-Oxum). ValueError for a label that is no tag name
    or that only the writer may set.
    """
    lines = []
    for label, value in fields:
        if not _LABEL.fullmatch(label) or label.lower() in OWN_FIELDS:
            raise ValueError(f"bag-info field {label!r} may not be set")
        if text := clean(value):
            lines.append(f"{label}: {text}\n")
    lines += [
        f"External-Identifier: {identifier}\n",
        f"Package-Version: {version}\n",
        f"Bagging-Date: {as_of.astimezone(CHINA):%Y-%m-%d}\n",
        f"Payload-Oxum: {octets}.{streams}\n",
        f"Bag-Size: {human_size(octets)}\n",
        f"BagIt-Profile-Identifier: {profile}\n",
        f"Bag-Software-Agent: {WRITER}\n",
    ]
    return "".join(lines).encode()


def human_size(octets: int) -> str:
    """Bytes as a person says it: ``"1.4 MB"`` (decimal units)."""
    size = float(octets)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
