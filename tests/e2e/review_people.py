"""People who review a schedule in Airflow, each logged in as himself, by the API that its pages use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ingest.servers.api import AirflowApi, ApiError

DAG = "schedule_review"
_READING = 3.0  # seconds that a person takes over a question; a quicker answer is only more often asked for again


class Person(AirflowApi):
    """One user of Airflow."""

    def begin(self, schedule: str) -> str:
        """Send a version for review; returns the run's id."""
        self._until(lambda: self.dag(DAG) is not None)
        self.unpause(DAG)
        return self.trigger(DAG, {"schedule": schedule})

    def question(self, run: str, task: str) -> dict[str, Any]:
        """The question of a task, when it waits for an answer."""
        self._until(lambda: self._waits(run, task), run)
        return dict(self._call("GET", self._hitl(run, task)))

    def answer(self, run: str, task: str, option: str, heard: Callable[[], bool], **form: str) -> None:
        """Answer as the page does, the option and every field of the form, until ``heard``.

        An answer within the first seconds of asking can be lost: the scheduler then takes the end of the process that asked for
        the death of the one that goes on, and has the question put again. A person answers it again.
        """

        def answered() -> bool:
            if not heard() and self._waits(run, task):
                time.sleep(_READING)
                fields = {name: form.get(name) for name in self._call("GET", self._hitl(run, task))["params"]}
                body = {"chosen_options": [option], "params_input": fields}
                try:
                    self._call("PATCH", self._hitl(run, task), body)
                except ApiError as e:
                    if e.status != 409:  # our answer of a moment ago is still on its way
                        raise
            return heard()

        self._until(answered, run)

    def ended(self, run: str) -> tuple[str, dict[str, str | None]]:
        """How a run ended, and each of its tasks."""
        self._until(lambda: self.run_state(DAG, run) in ("success", "failed"), run)
        return self.run_state(DAG, run), self._tasks(run)

    def _tasks(self, run: str) -> dict[str, str | None]:
        return {t.task_id: t.state for t in self.task_instances(DAG, run)}

    def _waits(self, run: str, task: str) -> bool:
        return self._tasks(run).get(task) == "awaiting_input"

    def _hitl(self, run: str, task: str) -> str:
        return f"{self._run(DAG, run)}/taskInstances/{task}/-1/hitlDetails"

    def _until(self, condition: Callable[[], bool], run: str | None = None, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self._tasks(run) if run else None, self.import_errors())
            time.sleep(0.5)
