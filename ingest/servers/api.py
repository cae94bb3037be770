"""The part of Airflow's REST API that a night needs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

_PAGE = 100


class ApiError(Exception):
    """Airflow refused a request. ``status`` is the HTTP status, 0 where there was no answer at all."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}" if status else text)
        self.status = status


@dataclasses.dataclass(frozen=True, slots=True)
class TaskInstance:
    """One try's state of one task. ``map_index`` is -1 for a task that is not mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    start: dt.datetime | None
    end: dt.datetime | None


class AirflowApi:
    """A client with one user's token, renewed when it has run out. May be shared by threads."""

    def __init__(self, base_url: str, user: str, password: str, timeout: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._user, self._password, self._timeout = user, password, timeout
        self._token: str | None = None
        self._lock = threading.Lock()
        # No proxy of the environment: the server is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, Any]:
        """Each component's status and last heartbeat, as /monitor/health gives them; needs no token."""
        return dict(self._send("GET", "/api/v2/monitor/health", None, None))

    def unpause(self, dag_id: str, paused: bool = False) -> None:
        """Let a DAG run by its timetable, or with ``paused`` stop that."""
        self._call("PATCH", f"/api/v2/dags/{_part(dag_id)}?update_mask=is_paused", {"is_paused": paused})

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """What Airflow knows of a DAG, None until the dag-processor has read its file."""
        try:
            return dict(self._call("GET", f"/api/v2/dags/{_part(dag_id)}"))
        except ApiError as e:
            if e.status == 404:
                return None
            raise

    def import_errors(self) -> list[str]:
        """Why DAG files could not be read: ``file: traceback``."""
        found = self._call("GET", f"/api/v2/importErrors?limit={_PAGE}")["import_errors"]
        return [f"{e['filename']}: {e['stack_trace']}" for e in found]

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: dt.datetime | None = None,
        run_id: str | None = None,
    ) -> str:  # fmt: skip
        """Start a run and return its id. ``logical_date`` must be aware; without one the run has none."""
        body: dict[str, Any] = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": conf or {}}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self._call("POST", f"/api/v2/dags/{_part(dag_id)}/dagRuns", body)["dag_run_id"])

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Forget a run and its task instances; what the run did stays done."""
        self._call("DELETE", self._run(dag_id, run_id))

    def annotate(self, dag_id: str, run_id: str, note: str) -> None:
        """Set a run's note, Markdown of at most 1,000 characters, which its page shows."""
        self._call("PATCH", f"{self._run(dag_id, run_id)}?update_mask=note", {"note": note})

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self._call("GET", self._run(dag_id, run_id))["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """All task instances of a run, mapped ones one by one, in the order of task id and map index."""
        found: list[TaskInstance] = []
        while True:
            query = urlencode({"limit": _PAGE, "offset": len(found), "order_by": "id"})
            page = self._call("GET", f"{self._run(dag_id, run_id)}/taskInstances?{query}")
            found += [
                TaskInstance(
                    t["task_id"],
                    t["map_index"],
                    t["state"],
                    t["try_number"],
                    _time(t["start_date"]),
                    _time(t["end_date"]),
                )
                for t in page["task_instances"]
            ]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return sorted(found, key=lambda t: (t.task_id, t.map_index))

    def clear(self, dag_id: str, run_id: str, tasks: Sequence[str | tuple[str, int]], downstream: bool = True) -> int:
        """Make tasks run again, with what follows them unless ``downstream`` is false. Returns how many were cleared.

        A task is its id, or (id, map index) for one of a mapped task.
        """
        body = {
            "dry_run": False, "dag_run_id": run_id, "only_failed": False, "only_running": False, "reset_dag_runs": True,
            "include_downstream": downstream, "task_ids": [t if isinstance(t, str) else list(t) for t in tasks],
        }  # fmt: skip
        answer = self._call("POST", f"/api/v2/dags/{_part(dag_id)}/clearTaskInstances", body)
        return int(answer["total_entries"])

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """The log of one try as text."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}/logs/{try_number}"
        content = self._call("GET", f"{path}?{urlencode({'map_index': map_index, 'full_content': 'true'})}")["content"]
        if isinstance(content, str):
            return content
        return "\n".join(line if isinstance(line, str) else str(line.get("event", line)) for line in content)

    def set_pool(self, name: str, slots: int, description: str = "") -> None:
        """Make a pool or change its size: how many tasks of one kind may run at once."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        try:
            self._call("POST", "/api/v2/pools", body)
        except ApiError as e:
            if e.status != 409:
                raise
            self._call("PATCH", f"/api/v2/pools/{_part(name)}", body)

    def pool(self, name: str) -> dict[str, Any]:
        """A pool's size and use."""
        return dict(self._call("GET", f"/api/v2/pools/{_part(name)}"))

    def _run(self, dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        with self._lock:
            token = self._token = self._token or self._log_in()
        try:
            return self._send(method, path, body, token)
        except ApiError as e:
            if e.status != 401:
                raise
        with self._lock:
            if self._token == token:  # not yet renewed by another thread
                self._token = self._log_in()
            token = self._token
        return self._send(method, path, body, token)

    def _log_in(self) -> str:
        body = {"username": self._user, "password": self._password}
        return str(self._send("POST", "/auth/token", body, None)["access_token"])

    def _send(self, method: str, path: str, body: Any, token: str | None) -> Any:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answered = answer.read()
                return json.loads(answered) if answered else None
        except urllib.error.HTTPError as e:
            with e:
                text = e.read(2000).decode("utf-8", "replace")
            raise ApiError(e.code, f"{method} {path}: {text}") from None
        except (urllib.error.URLError, OSError) as e:
            raise ApiError(0, f"{method} {self.base_url}{path}: {e}") from e


def _part(text: str) -> str:
    return quote(text, safe="")


def _time(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
