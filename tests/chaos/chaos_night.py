"""One Airflow and one store for all kills; between two nights the home is put back to where it began."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import samplenight
from ingest.ledger import Ledger, chain
from ingest.ledger.tables import event, number, record, sequence
from ingest.model import CST
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor
from ingest.settings import Home

DAG = "nightly_ingest"
RUN = "manual__the-night"
_TASK = re.compile(r"airflow worker -- ([0-9a-f]{8}-[0-9a-f-]{27})")
AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)


class Night:
    """A home with servers, and one night's run in it."""

    def __init__(self, supervisor: EmptyableSupervisor, pristine: Path) -> None:
        self.supervisor = supervisor
        self.home = Home.of(supervisor.home)
        self._pristine = pristine

    def reset(self) -> None:
        """As if the night had never been: no run, no ledger, no objects."""
        api = self.supervisor.api
        for run in api._call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"] if api.dag(DAG) else ():
            if run["state"] not in ("success", "failed"):
                api._call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}", {"state": "failed"})
            api.delete_run(DAG, run["dag_run_id"])
        self.supervisor.empty_bucket()
        for name in ("inbox", "outbox", "staging", "packages", "config"):
            shutil.rmtree(self.home.root / name, ignore_errors=True)
        for file in self.home.root.glob("ledger.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        for name in ("inbox", "config"):
            # the same times, so that deliveries keep their fingerprints
            shutil.copytree(self._pristine / name, self.home.root / name, copy_function=shutil.copy2)
        with Ledger(self.home.database_url) as ledger:
            ledger.upgrade()

    def begin(self) -> None:
        api = self.supervisor.api
        deadline = time.monotonic() + 120
        while api.dag(DAG) is None and time.monotonic() < deadline:
            time.sleep(0.3)
        api.unpause(DAG)
        api.trigger(DAG, run_id=RUN, logical_date=AS_OF)

    def wait(self, seconds: float = 240) -> str:
        deadline = time.monotonic() + seconds
        while (state := self.supervisor.api.run_state(DAG, RUN)) not in ("success", "failed"):
            assert time.monotonic() < deadline, self.supervisor.api.task_instances(DAG, RUN)
            time.sleep(0.5)
        return state

    def snapshot(self) -> dict[str, Any]:
        """Everything that must come out the same, read from the ledger, the store and the outbox."""
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            columns = [
                c for c in record.c if c.name not in ("updated_at", "receipt_at", "failures", "last_error", "cause")
            ]
            records = [dict(r._mapping) for r in conn.execute(sa.select(*columns).order_by(record.c.id))]
            numbers = [tuple(r) for r in conn.execute(sa.select(number).order_by(number.c.archival_code))]
            sequences = sorted(tuple(r) for r in conn.execute(sa.select(sequence)))
            history: dict[str, list[str]] = {}
            for r in conn.execute(sa.select(event.c.record_id, event.c.kind, event.c.detail).order_by(event.c.seq)):
                detail = json.loads(r.detail)
                detail.pop(
                    "at", None
                )  # when a person or a command acted on a schedule: the clock, like the event's own time
                history.setdefault(r.record_id or "", []).append(f"{r.kind} {json.dumps(detail, sort_keys=True)}")
            assert list(chain.verify(conn)) == []
        return {
            "records": records,
            "numbers": json.loads(json.dumps(numbers)),
            "sequences": sequences,
            "history": history,
            "objects": self._objects(),
            "receipts": {p.name: p.read_text("utf-8") for p in sorted(self.home.outbox.rglob("*.json"))},
            "staging": [str(p) for p in self.home.staging.rglob("*") if p.is_file()],
            "packages": [str(p) for p in self.home.packages.rglob("*") if p.is_file()],
        }

    def _objects(self) -> dict[str, tuple[int, str]]:
        s3, bucket = self.supervisor.store.client(), self.supervisor.store.bucket
        out: dict[str, tuple[int, str]] = {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for v in page.get("Versions", []):
                if not v["Key"].startswith((".", "chain/")):  # the chain's heads hold the clock
                    assert v["Key"] not in out, f"two versions of {v['Key']}"
                    body = s3.get_object(Bucket=bucket, Key=v["Key"])["Body"].read()
                    out[v["Key"]] = (len(body), hashlib.sha256(body).hexdigest())
        return out


class EmptyableSupervisor(Supervisor):
    """The real one, whose bucket can be emptied between two nights."""

    def empty_bucket(self) -> None:
        s3, bucket = self.store.client("admin"), self.store.bucket
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for v in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])


def task_processes() -> Iterator[tuple[int, str]]:
    """The processes in which an Airflow runs tasks now, with the name of the try, by the title they give themselves."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if found := _TASK.match(title):
                yield int(entry.name), found[1]


@pytest.fixture(scope="session")
def servers() -> Iterator[EmptyableSupervisor]:
    """One Airflow and one store for all nights of this folder."""
    # not below pytest's own folder: the store's unix sockets want a short path
    with (
        tempfile.TemporaryDirectory(prefix="gd") as folder,
        EmptyableSupervisor(Path(folder) / "home", Ports.free()) as supervisor,
    ):
        yield supervisor


@pytest.fixture(scope="session")
def night(servers: EmptyableSupervisor, tmp_path_factory: pytest.TempPathFactory) -> Night:
    pristine = tmp_path_factory.mktemp("pristine")
    samplenight.make(pristine, count=30, seed="chaos")
    return Night(servers, pristine)


@pytest.fixture(scope="session")
def undisturbed(night: Night) -> dict[str, Any]:
    night.reset()
    night.begin()
    assert night.wait() == "success"
    return night.snapshot()
