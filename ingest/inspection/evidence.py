"""Files handed in as evidence: kept once under their digest below ``inspection/evidence``, never opened by this system."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from ingest.inspection.acts import Proof
from ingest.inspection.model import Refused
from ingest.settings import Home

MOST_BYTES = 50 << 20
_PIECE = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def keep(home: Home, name: str, content: IO[bytes], text: str = "") -> Proof:
    """Keep a file and say what it is. Raises Refused for an empty file or one over the limit."""
    folder = home.root / "inspection" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".in-") as temp:
        while piece := content.read(_PIECE):
            size += len(piece)
            if size > MOST_BYTES:
                raise Refused(f"佐证文件不得超过 {MOST_BYTES >> 20} MB / evidence files: at most {MOST_BYTES >> 20} MB")
            digest.update(piece)
            temp.write(piece)
        if not size:
            raise Refused(f"佐证文件 {name[:100]} 是空的 / the file is empty")
        temp.flush()
        os.fsync(temp.fileno())
        place = folder / digest.hexdigest()
        if not place.exists():
            attempt = folder / f".{place.name}.{os.getpid()}"
            attempt.unlink(missing_ok=True)
            os.link(temp.name, attempt)
            attempt.replace(place)
    return Proof(text, Path(name.replace("\\", "/")).name[:200], size, digest.hexdigest())


def place(home: Home, sha256: str) -> Path | None:
    """Where a kept file stands; None where there is none of that digest."""
    path = home.root / "inspection" / "evidence" / sha256
    return path if _SHA256.fullmatch(sha256) and path.is_file() else None
