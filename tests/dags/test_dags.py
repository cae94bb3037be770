"""The DAG files: they load, they are wired as the design says, and `airflow dags test` runs them with the real stages."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import samplenight
from ingest.expectations import compare
from ingest.ledger import Ledger
from ingest.servers import airflow, secrets
from ingest.servers.ports import Ports
from ingest.servers.seaweed import SeaweedServer
from ingest.settings import Home
from ingest.store.config import StoreConfig, save

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOOK = """
import json, sys
sys.path.insert(0, {folder!r})  # as the dag-processor does for a bundle
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag({folder!r}, bundle_name="dags-folder")
dag = bag.dags["nightly_ingest"]
DagSerialization.from_dict(DagSerialization.to_dict(dag))
print("RESULT " + json.dumps({{
    "errors": {{k: v for k, v in bag.import_errors.items()}},
    "max_active_runs": dag.max_active_runs, "catchup": dag.catchup, "doc": bool(dag.doc_md),
    "tags": sorted(dag.tags), "order": {{t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks}},
    "titles": [dag.params.get_param(p).schema.get("title") for p in dag.params],
    "retries": {{t.task_id: t.retries for t in dag.tasks}},
}}))
"""


@pytest.fixture
def env(home: Path) -> Iterator[dict[str, str]]:
    secrets.ensure(home)
    env = airflow.environment(home, Ports.free())
    airflow.migrate(home, env)
    yield env


def test_the_nightly_dag_is_wired_as_designed(env: dict[str, str]) -> None:
    folder = str(Path(__file__).parents[2] / "dags")
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(folder=folder)], env=env, capture_output=True, text=True, check=False
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stderr
    dag = json.loads(results[0].removeprefix("RESULT "))
    assert dag["errors"] == {}
    assert (dag["max_active_runs"], dag["catchup"], dag["doc"]) == (1, False, True)
    assert all(dag["titles"]) and len(dag["titles"]) == 8
    steps = ["receive", "check", "file", "package", "deposit", "acknowledge"]
    for group in ("batch", "late"):
        for before, after in itertools.pairwise(steps):
            assert dag["order"][f"{group}.{before}"] == [f"{group}.{after}"]
    assert dag["order"]["batch.acknowledge"] == ["again"]
    assert dag["order"]["late.acknowledge"] == ["anchor", "report"]
    assert dag["order"]["report"] == dag["order"]["anchor"] == []  # a red report makes the run red
    stages = {f"{group}.{s}": 3 for group in ("batch", "late") for s in steps}
    assert dag["retries"] == {**stages, "discover": 3, "again": 3, "anchor": 3, "report": 0}


def test_airflow_dags_test_runs_a_night(env: dict[str, str], home: Path) -> None:
    samplenight.make(home, count=3, faults=())
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        server = SeaweedServer(Path(folder), Ports.free())
        at = server.start()
        try:
            save(Home.of(home), StoreConfig(at.url, at.bucket, at.access_key, at.secret_key, at.region))
            done = subprocess.run(
                [airflow.program(), "dags", "test", "nightly_ingest", "2026-11-19T17:00:00+00:00"],
                env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            server.stop()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    with Ledger(Home.of(home).database_url) as ledger:
        assert compare(ledger, home / "expectations.json") == []
