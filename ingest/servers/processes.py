"""Processes as the kernel sees them: who they are, which session they are in, and how to end a whole session.

A component's children may move to process groups of their own (Airflow's tasks do), but stay in the session that it was
started in; so a session is what is started, recorded and ended. Linux only where it reads ``/proc``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """One process. ``started`` is in clock ticks since boot; with ``pid`` it names a process even after pids are reused."""

    pid: int
    session: int
    started: int


def look(pid: int) -> Process | None:
    """The process ``pid``, or None if there is none or it is a zombie, which holds nothing any more."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    if fields[0] in "ZX":
        return None
    return Process(pid, session=int(fields[3]), started=int(fields[19]))


def everything() -> Iterator[Process]:
    """All processes that can be seen."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (found := look(int(entry.name))):
            yield found


def members(session: int) -> list[Process]:
    """The living processes of a session, its leader included."""
    return [p for p in everything() if p.session == session]


def orphans_of(leader: Process) -> list[Process]:
    """What still lives of the session that ``leader`` began, even where the leader is gone.

    Empty if its pid has since been given to another process: a session's number is free for reuse only when nobody is left
    in it, so a leader with another start time means another session.
    """
    now = look(leader.pid)
    if now is not None and now.started != leader.started:
        return []
    return [p for p in members(leader.pid) if p.started >= leader.started and _ours(p.pid)]


def _ours(pid: int) -> bool:
    try:
        return (_PROC / str(pid)).stat().st_uid == os.getuid()
    except OSError:
        return False


def tell(process: Process, what: signal.Signals) -> None:
    """Signal exactly this process: nothing happens if it is gone or its pid belongs to another by now."""
    if look(process.pid) == process:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, what)


def end(leader: Process, grace: float) -> None:
    """Ask a session's leader to stop, give it ``grace`` seconds, then end whoever is left of the session."""
    tell(leader, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and look(leader.pid) == leader:
        time.sleep(0.05)
    end_rest(leader)


def end_rest(leader: Process) -> None:
    """Kill what is left of a session at once. Repeats, for a process may fork while it is being looked for."""
    deadline = time.monotonic() + 10
    while (left := orphans_of(leader)) and time.monotonic() < deadline:
        for process in left:
            tell(process, signal.SIGKILL)
        time.sleep(0.05)


def boot_id() -> str:
    """Names this boot of the machine: pids and start times mean nothing across two."""
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()


def listener(port: int) -> Process | None:
    """The process that listens on a TCP port of the loopback address, where the kernel lets us see it."""
    inodes = _listening_inodes(port)
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and not inodes.isdisjoint(_open_files(entry)):
            return look(int(entry.name))
    return None


def _open_files(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # another user's, or gone
        for fd in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed since it was listed
                yield str(fd.readlink())


def command(pid: int) -> str:
    """A process's command line for messages, its spaces as they are; empty if it cannot be read."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:  # 0A: LISTEN
                found.add(f"socket:[{fields[9]}]")
    return found
