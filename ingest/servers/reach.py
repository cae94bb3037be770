"""Reaching Airflow's API from a command or a task: on this machine by what the supervisor wrote down, elsewhere by environment."""

from __future__ import annotations

import json
import os

from ingest.servers import runfile
from ingest.servers.api import AirflowApi
from ingest.servers.ports import HOST
from ingest.settings import Home

_USER = "operator"  # who may start and clear runs, and no more


def airflow_api(home: Home) -> AirflowApi | None:
    """The API as a user who may start runs; None where no Airflow of this home is known to run.

    ``GUIDANG_AIRFLOW_URL``, ``_USER`` and ``_PASSWORD`` name another Airflow than the one that `guidang run` starts.
    """
    if url := os.environ.get("GUIDANG_AIRFLOW_URL"):
        return AirflowApi(
            url, os.environ.get("GUIDANG_AIRFLOW_USER", _USER), os.environ.get("GUIDANG_AIRFLOW_PASSWORD", "")
        )
    running = runfile.read(home.root)
    if running is None or "api-server" not in running.components:
        return None
    try:
        password = json.loads((home.secrets / "airflow-passwords.json").read_text("utf-8"))[_USER]
    except (OSError, ValueError, KeyError):
        return None
    return AirflowApi(f"http://{HOST}:{running.ports['api']}", _USER, str(password))
