"""``run.json`` in the home: which processes and ports belong to the running supervisor, for ``stop`` and for the next start."""

from __future__ import annotations

import dataclasses
import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.servers import processes
from ingest.servers.processes import Process
from ingest.servers.secrets import write_private


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One start of the servers: the supervisor, its ports, and the leader of each component's session."""

    supervisor: Process
    ports: Mapping[str, int]
    components: Mapping[str, Process]
    boot: str


def path(home: Path) -> Path:
    return home / "run.json"


def write(home: Path, run: Run) -> None:
    """Replace the file in one step."""
    write_private(path(home), json.dumps(dataclasses.asdict(run), indent=1))


def read(home: Path) -> Run | None:
    """The last start that was not ended in order; None if there is none, or it was before the machine's last boot."""
    try:
        data: dict[str, Any] = json.loads(path(home).read_text("utf-8"))
        run = Run(
            Process(**data["supervisor"]),
            data["ports"],
            {name: Process(**leader) for name, leader in data["components"].items()},
            data["boot"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, or cut off by a full disk: nothing can be told from it
    return run if run.boot == processes.boot_id() else None


def remove(home: Path) -> None:
    path(home).unlink(missing_ok=True)


def end_orphans(home: Path) -> list[str]:
    """End what a killed supervisor's warden did not live to end. Call it with the home's lock held. Returns the names."""
    run = read(home)
    if run is None:
        return []
    left = [name for name, leader in run.components.items() if processes.orphans_of(leader)]
    for name in left:
        processes.end(run.components[name], grace=5.0)
    remove(home)
    return left


def stop(home: Path, patience: float = 90.0) -> bool:
    """Ask the running supervisor to stop, and wait until it is gone. Returns False if none was running.

    Raises TimeoutError if it does not stop; it is not killed, for it may be writing.
    """
    run = read(home)
    if run is None or processes.look(run.supervisor.pid) != run.supervisor:
        return False
    processes.tell(run.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while processes.look(run.supervisor.pid) == run.supervisor:
        if time.monotonic() > deadline:
            raise TimeoutError(f"pid {run.supervisor.pid}")
        time.sleep(0.1)
    return True
