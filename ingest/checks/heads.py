"""Archive formats told from their first bytes."""

from __future__ import annotations

HEAD_BYTES = 512
_HEADS = {
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"MSCF\x00\x00\x00\x00": "CAB",
}


def archive_kind(head: bytes) -> str | None:
    """The name of the archive format that begins so; ``head`` of `HEAD_BYTES`, fewer only where the file is shorter."""
    if head[257:262] == b"ustar":
        return "TAR"
    return next((kind for mark, kind in _HEADS.items() if head.startswith(mark)), None)
