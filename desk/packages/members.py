"""One member of a package, its digest taken while it is read: what is shown or handed out is what its manifest lists."""

from __future__ import annotations

import dataclasses
import hashlib
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote

from desk.packages.reading import TROUBLE, Opened, Unreadable
from sip.container import Damaged

MOST_SHOWN = 64 << 20  # bytes of a member that is shown; a larger one is downloaded


@dataclasses.dataclass(frozen=True, slots=True)
class Fixity:
    """What a member is by its manifest, and what was read. ``algorithm`` is None where no manifest lists it."""

    path: str
    algorithm: str | None
    expected: str | None
    found: str
    reason: str = ""

    @property
    def good(self) -> bool:
        return self.expected is not None and self.expected == self.found


class Mismatch(Exception):
    """The member is not what its manifest lists. Nothing of it is shown."""

    def __init__(self, fixity: Fixity) -> None:
        super().__init__(f"{fixity.path}: {fixity.expected} ≠ {fixity.found} {fixity.reason}".strip())
        self.fixity = fixity


class TooLarge(Exception):
    """The member is larger than what is shown."""


def whole(opened: Opened, path: str, limit: int = MOST_SHOWN) -> bytes:
    """All of one member, proved. Raises KeyError, TooLarge, Mismatch, Unreadable."""
    if opened.items[path].size > limit:
        raise TooLarge(path)
    out = bytearray()
    for piece in proved(opened, path):
        out += piece
        if len(out) > limit:
            raise TooLarge(path)
    return bytes(out)


def proved(opened: Opened, path: str) -> Iterator[bytes]:
    """A member's bytes, the last piece only once all are seen to be right: whoever gets it whole gets what was archived.

    Raises KeyError before the first piece, Mismatch in place of the last one, Unreadable for trouble with the store.
    """
    stream = opened.stream(path)
    member = opened.by_path[path]
    # the manifests of the tag files are listed in nothing: the commit mark and the chain vouch for the package as a whole
    algorithm, expected = (
        ("SHA-256", member.sha256) if member.sha256 else ("SM3", member.sm3) if member.sm3 else (None, None)
    )
    digest = hashlib.new("sm3" if algorithm == "SM3" else "sha256")
    held = b""
    try:
        for piece in stream:
            digest.update(piece)
            if held:
                yield held
            held = piece
    except Damaged as e:
        # a wrong CRC-32 is told once all is read; a digest of half a file would say nothing
        found = digest.hexdigest() if e.fault.code == "PKG-CRC" else "—"
        raise Mismatch(Fixity(path, algorithm, expected, found, f"{e.fault.text('zh')} / {e.fault.text('en')}")) from e
    except TROUBLE as e:
        raise Unreadable(f"{opened.reader.name}: {type(e).__name__}") from e
    if expected is not None and digest.hexdigest() != expected:
        raise Mismatch(Fixity(path, algorithm, expected, digest.hexdigest()))
    if held:
        yield held


def head(opened: Opened, path: str) -> bytes:
    """A member's first bytes, to tell what it is; not proved. Raises KeyError, Mismatch, Unreadable."""
    try:
        return next(opened.stream(path), b"")[:8192]
    except Damaged as e:
        raise Mismatch(Fixity(path, None, opened.by_path[path].sha256, "—", e.fault.text("zh"))) from e
    except TROUBLE as e:
        raise Unreadable(f"{opened.reader.name}: {type(e).__name__}") from e


def download(opened: Opened, path: str, wrong: Callable[[Mismatch], None]) -> Iterator[bytes]:
    """`proved` for an answer whose length was announced: ``wrong`` is told of a mismatch, and the connection then breaks."""
    try:
        yield from proved(opened, path)
    except Mismatch as e:
        wrong(e)
        raise


def attachment(path: str) -> str:
    """The Content-Disposition that saves a member under its own name: no path, no control character, no direction mark."""
    name = "".join(c for c in path.rpartition("/")[2] if unicodedata.category(c)[0] != "C" and c not in '\\:*?"<>|')
    name = name.lstrip(".").strip() or "member"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'), safe='')}"
