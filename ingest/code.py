"""Which code is at work, and whether it may go on with what other code began (docs/decisions/0021)."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import cache
from pathlib import Path

import sip
from ingest import __version__
from ingest.paths import ROOT, SCHEMAS
from ingest.settings import ConfigError

# What one stage leaves behind for the next: the staging layout, the documents in it, the meaning of the ledger's columns, the
# bytes of a package. Raised with any change after which a record that is half done would come out otherwise, or not at all.
CONTRACT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """One installed version: the release, the SHA-256 of its files, and the contract between stages that it keeps."""

    version: str
    digest: str
    contract: int

    def __str__(self) -> str:
        return f"{self.version}+{self.digest[:12]}"


class CodeChanged(ConfigError):
    """A batch was begun under another contract and cannot go on with this code. The text says how to go on."""


@cache
def running() -> Code:
    """The code of this process, as its files were when it was first asked."""
    return Code(__version__, digest_of(ROOT / "ingest", Path(sip.__file__).parent, SCHEMAS, ROOT / "dags"), CONTRACT)


def digest_of(*trees: Path) -> str:
    """SHA-256 over the names and contents of all files below these folders, compiled ones apart."""
    digest = hashlib.sha256()
    for tree in trees:
        for file in sorted(p for p in tree.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{content}  {tree.name}/{file.relative_to(tree).as_posix()}\n".encode())
    return digest.hexdigest()
