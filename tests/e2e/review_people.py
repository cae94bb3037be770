"""People who review a schedule in Airflow, each logged in as himself, by the API that its pages use."""

from __future__ import annotations

import time
from typing import Any

from ingest.servers.api import AirflowApi

DAG = "schedule_review"


class Person(AirflowApi):
    """One user of Airflow."""

    def begin(self, schedule: str) -> str:
        """Send a version for review; returns the run's id."""
        self._until(lambda: self.dag(DAG) is not None)
        self.unpause(DAG)
        return self.trigger(DAG, {"schedule": schedule})

    def question(self, run: str, task: str, tries: int = 1) -> dict[str, Any]:
        """The question of a task, when it waits for an answer for the ``tries``-th time."""
        self._until(lambda: self._tasks(run).get(task) == ("awaiting_input", tries))
        return dict(self._call("GET", self._hitl(run, task)))

    def answer(self, run: str, task: str, option: str, tries: int = 1, **form: str) -> None:
        """Answer as the page does: the option, and every field of the form."""
        asked = self.question(run, task, tries)
        fields = {name: form.get(name) for name in asked["params"]}
        self._call("PATCH", self._hitl(run, task), {"chosen_options": [option], "params_input": fields})

    def ended(self, run: str) -> tuple[str, dict[str, str | None]]:
        """How a run ended, and each of its tasks."""
        self._until(lambda: self.run_state(DAG, run) in ("success", "failed"))
        return self.run_state(DAG, run), {task: state for task, (state, _) in self._tasks(run).items()}

    def _tasks(self, run: str) -> dict[str, tuple[str | None, int]]:
        return {t.task_id: (t.state, t.try_number) for t in self.task_instances(DAG, run)}

    def _hitl(self, run: str, task: str) -> str:
        return f"{self._run(DAG, run)}/taskInstances/{task}/-1/hitlDetails"

    def _until(self, condition: Any, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.import_errors()
            time.sleep(0.2)
