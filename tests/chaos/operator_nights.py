"""An operator's hand in small nights: catches a task's process at its very start, and does to the task what an operator can do."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from chaos_night import AS_OF, DAG, RUN, EmptyableSupervisor, Night, task_processes

import samplenight
from ingest import night as nights
from ingest.ledger import Ledger
from ingest.servers.api import ApiError
from ingest.stages import StageFailed

STAGES = ["batch.receive", "batch.check", "batch.file", "batch.package", "batch.deposit", "batch.acknowledge"]
TASKS = ["discover", *STAGES, "again", "report", "anchor"]
_WANTED = {"acknowledged": 4, "rejected": 2, "held": 1}  # deliveries of a small night, by what becomes of them


@dataclasses.dataclass(frozen=True)
class Caught:
    """One try of a task whose process stands still."""

    task: str
    map_index: int
    pid: int


class SmallNights:
    """Nights of seven deliveries in one home with a real Airflow, one after the other."""

    def __init__(self, servers: EmptyableSupervisor, folder: Path) -> None:
        self.night = Night(servers, _pristine(folder))
        self.api = servers.api
        self.api._timeout = 120.0  # a loaded machine's API server, with a night beside it
        self._seen: set[str] = set()

    def begin(self, paused: bool = False) -> None:
        """Everything as if there had been no night, and the night's run triggered; ``paused`` keeps it from beginning."""
        self.night.reset()
        if paused:
            self.wait_for(lambda: self.api.dag(DAG) is not None)
            self.api.unpause(DAG, paused=True)
            self.api.trigger(DAG, run_id=RUN, logical_date=AS_OF)
        else:
            self.night.begin()

    def next_night(self) -> dict[str, Any]:
        """The next night, and what then stands in the store and was told to the producers."""
        home = self.night.home
        with contextlib.suppress(StageFailed):
            nights.ingest(home, "the next night", AS_OF + dt.timedelta(days=1))
        return self.outcome()

    def outcome(self) -> dict[str, Any]:
        found = self.night.snapshot()
        states = {r["id"]: (r["state"], r["archival_code"]) for r in found["records"]}
        objects = {k: v for k, v in found["objects"].items() if not k.startswith("reports/")}
        return {"objects": objects, "receipts": found["receipts"], "states": states, "packages": found["packages"]}

    def undisturbed(self) -> dict[str, Any]:
        """The same night without Airflow and without anybody's hand: the same stages, the same run id."""
        self.night.reset()
        nights.ingest(self.night.home, RUN, AS_OF)
        return self.outcome()

    def states(self, run: str = RUN) -> dict[tuple[str, int], str | None]:
        return {(t.task_id, t.map_index): t.state for t in self.api.task_instances(DAG, run)}

    def tries(self) -> dict[tuple[str, int], int]:
        return {(t.task_id, t.map_index): t.try_number for t in self.api.task_instances(DAG, RUN)}

    def set_state(self, task: str, map_index: int, state: str) -> None:
        at = f"/api/v2/dags/{DAG}/dagRuns/{RUN}/taskInstances/{task}" + (f"/{map_index}" if map_index >= 0 else "")
        self._try(lambda: self.api._call("PATCH", at, {"new_state": state}))

    def clear(self, task: str, map_index: int, downstream: bool = True) -> None:
        self._try(lambda: self.api.clear(DAG, RUN, [task if map_index < 0 else (task, map_index)], downstream))

    def end_run(self) -> None:
        """Mark the whole run as failed, which ends its tasks."""
        self._try(lambda: self.api._call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{RUN}", {"state": "failed"}))

    def _try(self, act: Callable[[], Any], seconds: float = 90) -> None:
        """An operator clicks again when Airflow's SQLite was busy, which its API tells as an error of its own."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                act()
                return
            except ApiError as e:
                if e.status != 500 or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    @contextlib.contextmanager
    def caught(self, until: Callable[[], bool]) -> Iterator[Iterator[Caught]]:
        """Each new try of a task, its process stopped at its start; goes on when the caller comes back. Ends with ``until``."""
        with contextlib.closing(self._caught(until)) as tries:  # however the caller leaves, nothing stays stopped
            yield tries

    def _caught(self, until: Callable[[], bool], seconds: float = 600) -> Generator[Caught, None, None]:
        deadline = time.monotonic() + seconds
        looked = 0.0
        while True:
            for pid, uuid in task_processes():
                if uuid in self._seen:
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                self._seen.add(uuid)
                try:
                    if (found := self._which(uuid, pid)) is not None:
                        yield found
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                if until():
                    return
                assert looked < deadline, self.states()
            time.sleep(0.01)

    def _which(self, uuid: str, pid: int) -> Caught | None:
        page = self.api._call("GET", f"/api/v2/dags/{DAG}/dagRuns/{RUN}/taskInstances?limit=100")
        for t in page["task_instances"]:
            if t["id"] == uuid:
                return Caught(t["task_id"], t["map_index"], pid)
        return None

    def over(self) -> bool:
        return self.api.run_state(DAG, RUN) in ("success", "failed")

    def wait_for(self, done: Callable[[], bool], seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.states()
            time.sleep(0.2)


def _pristine(folder: Path) -> Path:
    """A sample night of which few deliveries are left: some of each outcome."""
    samplenight.make(folder, count=2, seed="operator")
    expected = json.loads((folder / "expectations.json").read_text("utf-8"))["records"]
    left, keep = dict(_WANTED), set()
    for one in sorted(expected, key=lambda r: (r["agency"], r["delivery"])):
        if left.get(one["state"], 0):
            left[one["state"]] -= 1
            keep.add((one["agency"], one["delivery"]))
    for place in (folder / "inbox").glob("*/*"):
        if (place.parent.name, place.name) not in keep:
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    return folder


def ledger_whole(home: Any) -> None:
    """No record is left undone."""
    from ingest.rerun.listing import undone

    with Ledger(home.database_url) as ledger:
        assert undone(ledger) == []
