"""The transfer's DAG file: it loads, its form says what is asked, and nothing is sent without a person's decision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.servers import airflow, secrets
from ingest.servers.ports import Ports
from ingest.transfer import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOOK = """
import json, sys
sys.path.insert(0, {folder!r})  # as the dag-processor does for a bundle
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag({folder!r}, bundle_name="dags-folder")
dag = bag.dags["archive_transfer"]
DagSerialization.from_dict(DagSerialization.to_dict(dag))
print("RESULT " + json.dumps({{
    "errors": {{k: v for k, v in bag.import_errors.items()}}, "doc": bool(dag.doc_md),
    "order": {{t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks}},
    "titles": {{p: dag.params.get_param(p).schema.get("title") for p in dag.params}},
    "options": dag.task_dict["approve"].options,
}}))
"""


def test_the_transfer_dag_is_wired_as_designed(home: Path) -> None:
    secrets.ensure(home)
    folder = str(Path(__file__).parents[2] / "dags")
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(folder=folder)],
        env=airflow.environment(home, Ports.free()), capture_output=True, text=True, check=False,
    )  # fmt: skip
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stderr
    dag = json.loads(results[0].removeprefix("RESULT "))
    assert dag["errors"] == {} and dag["doc"]
    assert set(dag["titles"]) == {"fonds", "year", "retention", "due_by", "limit", "target", "reviewer", "opinion"}
    assert all(dag["titles"].values())
    assert dag["options"] == [run.APPROVE, run.WITHDRAW]
    assert dag["order"] == {
        "build": ["check", "decide"], "check": ["approve"], "approve": ["decide"], "decide": ["send"],
        "send": ["receipt", "wait"], "wait": ["receipt"], "receipt": [],
    }  # fmt: skip
