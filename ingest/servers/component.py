"""One server process under supervision: its log, its start, its restarts, its end."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ingest.servers import processes

_LOG_LIMIT = 20_000_000  # bytes; an older log is kept as <name>.log.1
_STEADY = 60.0  # seconds of life after which a component counts as well again
_LONGEST_WAIT = 60.0


@dataclasses.dataclass(slots=True)
class Component:
    """A program to keep running. ``before`` is done before each start, for what the program must not find or must find."""

    name: str
    argv: list[str]
    environment: Mapping[str, str]
    folder: Path  # its working directory
    log: Path
    grace: float = 15.0  # seconds between asking it to stop and ending it
    before: Callable[[], None] | None = None
    failures: int = 0
    _popen: subprocess.Popen[bytes] | None = None
    _leader: processes.Process | None = None
    _since: float = 0.0
    _again: float = 0.0
    _asked: float | None = None

    def start(self) -> processes.Process:
        """Start it as the leader of a new session. Raises OSError if the program cannot be started."""
        if self.before is not None:
            self.before()
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # logs may name people
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.rename(self.log.with_name(self.log.name + ".1"))
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv, cwd=self.folder, env=dict(self.environment), umask=0o077,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._since, self._asked = time.monotonic(), None
        pid = self._popen.pid
        # A child that died at once is a zombie until it is waited for, so its start time stays unknown and unneeded.
        self._leader = processes.look(pid) or processes.Process(pid, pid, 0)
        return self._leader

    @property
    def leader(self) -> processes.Process | None:
        """The running process, None before the first start and after the end."""
        return self._leader

    def ended(self) -> int | None:
        """The exit code once it has ended, None while it runs or was never started."""
        return self._popen.poll() if self._popen is not None else None

    def plan_restart(self) -> float:
        """After an unexpected end: clear what is left, and return the seconds until ``due`` becomes true."""
        self._clear()
        self.failures = 1 if time.monotonic() - self._since > _STEADY else self.failures + 1
        wait = min(_LONGEST_WAIT, 2.0 ** (self.failures - 1))
        self._again = time.monotonic() + wait
        return wait

    @property
    def due(self) -> bool:
        """Whether a planned restart is to be made now."""
        return self._popen is None and 0 < self._again <= time.monotonic()

    @property
    def steady(self) -> bool:
        """Whether it has run for so long that its earlier ends are forgiven."""
        return self.ended() is None and self._popen is not None and time.monotonic() - self._since > _STEADY

    def ask(self) -> None:
        """Ask it to stop without waiting. ``grace`` runs from the first asking, so that many can be asked at once."""
        if self._popen is not None and self._popen.poll() is None and self._asked is None:
            self._popen.terminate()
            self._asked = time.monotonic()

    def stop(self) -> None:
        """Ask it to stop, wait, end the rest of its session. Safe to call at any time and again."""
        if self._popen is None:
            return
        self.ask()
        try:
            self._popen.wait(max(0.0, (self._asked or 0.0) + self.grace - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._clear()

    def _clear(self) -> None:
        if self._leader is not None:
            processes.end_rest(self._leader)
        self._popen = self._leader = None

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log, for an error message."""
        try:
            with self.log.open("rb") as f:
                f.seek(max(0, self.log.stat().st_size - 8192))
                return "\n".join(f.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""
