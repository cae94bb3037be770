"""Verifications under way: one a record, a few at a time, told through files that any server process of this home can read.

Whether a verification is still at work is told by a lock on its file, which no process can keep beyond its end: one that died
leaves a verification that is seen to be broken off, and can be begun again.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.ledger import Ledger
from ingest.proof import progress
from ingest.proof.prove import prove
from ingest.settings import ConfigError, Home

_AT_ONCE = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How a verification that is not finished stands: ``running``; else it broke off, with ``error`` in words where it told one."""

    running: bool
    part: str | None = None
    done: int = 0
    total: int = 0
    error: str = ""


class Jobs:
    """The verifications of one home; ``ledger`` gives the ledger that this process has open."""

    def __init__(self, home: Home, ledger: Callable[[], Ledger]) -> None:
        self._home, self._ledger = home, ledger
        self._folder = home.root / "reports" / "verification"
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def start(self, record_id: str, by: str) -> str:
        """Begin to verify a record; the name of the verification, of the one under way where there is one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(record_id)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return str(_read(path).get("token", ""))
        token = secrets.token_hex(16)
        _write(file, {"token": token})
        # a thread that does not keep the server from ending; what it leaves is seen to be broken off
        threading.Thread(target=self._run, args=(file, record_id, by, token), daemon=True, name="verification").start()
        return token

    def standing(self, record_id: str, token: str) -> Standing:
        """How the verification stands; to be asked when the ledger does not have it."""
        path = self._path(record_id)
        told = _read(path)
        if told.get("token") != token:
            return Standing(False)
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                noted = progress.read(self._notes(token))
                return Standing(True, noted.get("part"), int(noted.get("done", 0)), int(noted.get("total", 0)))
        return Standing(False, error=str(told.get("error", "")))

    def _run(self, file: int, record_id: str, by: str, token: str) -> None:
        notes = self._notes(token)
        try:
            with self._turns:
                prove(self._home, self._ledger(), record_id, by, notes, token=token)
        except ConfigError as e:
            _write(file, {"token": token, "error": str(e)})
        except Exception as e:  # whoever waits for it must be told; the log has the rest
            logging.getLogger(__name__).exception("verification of %s", record_id)
            _write(file, {"token": token, "error": type(e).__name__})
        finally:
            notes.unlink(missing_ok=True)
            os.close(file)  # and with it the lock

    def _path(self, record_id: str) -> Path:
        return self._folder / f"{record_id}.job"

    def _notes(self, token: str) -> Path:
        return self._folder / f"{token}.progress"


def _write(file: int, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found
