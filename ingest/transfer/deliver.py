"""Handing a transfer to the archives. The protocol is two acts, so that other ways than a folder can follow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ingest.transfer.disk import digest_of, sync

RECEIPT_SUFFIX = ".receipt.json"


class DeliveryConflict(Exception):
    """Another package stands where this transfer is to be delivered. Nothing was overwritten."""


class Target(Protocol):
    """A way to the archives. Both acts may be repeated: a delivery that is there already is left as it is."""

    def deliver(self, transfer_id: str, files: Sequence[Path]) -> str:
        """Hand over the files, all or none; returns the place in words. Raises DeliveryConflict, OSError."""
        ...

    def receipt(self, transfer_id: str) -> bytes | None:
        """What the archives answered, None as long as there is no answer."""
        ...


class FolderTarget:
    """A folder that both sides see: ``<folder>/<移交编号>/`` and the answer beside it, ``<folder>/<移交编号>.receipt.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, transfer_id: str, files: Sequence[Path]) -> str:
        final = self._folder / transfer_id
        if final.exists():
            self._compare(final, files)
            return str(final)
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f".{transfer_id}-*.attempt"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        attempt = self._folder / f".{transfer_id}-{os.getpid()}.attempt"
        attempt.mkdir()
        try:
            for file in files:
                shutil.copyfile(file, attempt / file.name)
                sync(attempt / file.name)
            self._compare(attempt, files)  # read back: a full disk or a bad cable is found here, not by the archives
            attempt.rename(final)
            sync(self._folder)
        finally:
            shutil.rmtree(attempt, ignore_errors=True)
        return str(final)

    def _compare(self, there: Path, files: Sequence[Path]) -> None:
        for file in files:
            copy = there / file.name
            if not copy.is_file() or digest_of(copy) != digest_of(file):
                raise DeliveryConflict(
                    f"{copy} 与要移交的不同，未覆盖；请核实后移走它再送 / {copy} is another file: look at it, move it away, send again"
                )

    def receipt(self, transfer_id: str) -> bytes | None:
        path = self._folder / f"{transfer_id}{RECEIPT_SUFFIX}"
        return path.read_bytes() if path.is_file() else None
