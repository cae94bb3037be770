"""The servers of one home, as ``guidang servers`` starts them in a process of its own, and a person who answers in Airflow."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ingest.servers.api import AirflowApi, ApiError
from ingest.servers.ports import HOST, Ports, variable
from ingest.servers.secrets import ensure
from ingest.settings import Home

_READING = 3.0  # seconds; nobody reads a question faster


class ServedHome:
    """``runs`` are the runs triggered here: (DAG, run id)."""

    def __init__(self, root: Path, log: Path) -> None:
        self.home = Home.of(root)
        self.runs: list[tuple[str, str]] = []
        ports, self.secrets = Ports.free(), ensure(root)
        env = os.environ | {variable(name): str(port) for name, port in ports.as_dict().items()}
        self._log = log.open("w")
        guidang = str(Path(sys.executable).with_name("guidang"))
        self.process = subprocess.Popen(
            [guidang, "servers", "--home", str(root)], env=env, stdout=self._log, stderr=self._log
        )
        self.api = AirflowApi(f"http://{HOST}:{ports.api}", "admin", self.secrets.passwords["admin"])

    def wait(self, condition: Callable[[], Any], seconds: float = 240) -> Any:
        """What ``condition`` gives, once that is something; servers that are not there yet are waited for too."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None
            with contextlib.suppress(Exception) if time.monotonic() < deadline else contextlib.nullcontext():
                if found := condition():
                    return found
            assert time.monotonic() < deadline, f"waited in vain: {[self.states(*run) for run in self.runs]}"
            time.sleep(0.3)

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        self.api.unpause(dag)
        now = dt.datetime.now(dt.UTC)
        self.runs.append((dag, self.api.trigger(dag, conf, logical_date=now)))
        return self.runs[-1][1]

    def states(self, dag: str, run: str) -> dict[str, str | None]:
        return {t.task_id: t.state for t in self.api.task_instances(dag, run)}

    def answer(self, dag: str, run: str, task: str, option: str, map_index: int = -1, **form: str) -> None:
        """As a person does: read, answer, and where the question comes back answer again. Airflow 3.3 takes an answer that meets
        the scheduler still busy with the parked process for a failure, and asks anew."""
        body = {"chosen_options": [option], "params_input": form}
        where = f"/api/v2/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/{map_index}/hitlDetails"
        time.sleep(_READING)

        def done() -> bool:
            state = self.states(dag, run)[task]
            if state == "awaiting_input":
                with contextlib.suppress(ApiError):  # answered already, and on its way
                    self.api._call("PATCH", where, body)
            return state == "success"

        self.wait(done)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self._log.close()
