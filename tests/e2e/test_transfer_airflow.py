"""A transfer through Airflow itself: triggered by its form, approved by a person, received by another home, answered, imported."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

import samplenight
from ingest.cli import main
from ingest.ledger import Ledger, transfers
from ingest.ledger.tables import event
from ingest.servers.api import AirflowApi, ApiError
from ingest.servers.ports import HOST, Ports, variable
from ingest.servers.secrets import ensure
from ingest.settings import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
DAG = "archive_transfer"


class Running:
    """The servers of one home, as ``guidang servers`` starts them."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home = Home.of(home)
        ports = Ports.free()
        env = os.environ | {variable(name): str(port) for name, port in ports.as_dict().items()}
        guidang = str(Path(sys.executable).with_name("guidang"))
        self.runs: list[str] = []
        self._log = log.open("w")
        self.process = subprocess.Popen(
            [guidang, "servers", "--home", str(home)], env=env, stdout=self._log, stderr=self._log
        )
        self.api = AirflowApi(f"http://{HOST}:{ports.api}", "admin", ensure(home).passwords["admin"])

    def wait(self, condition: Callable[[], Any], seconds: float = 120) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None
            try:
                if found := condition():
                    return found
            except Exception:
                if time.monotonic() > deadline:
                    raise
            assert time.monotonic() < deadline, f"waited in vain: {self.all_states()}"
            time.sleep(0.3)

    def trigger(self, conf: dict[str, Any]) -> str:
        self.runs.append(self.api.trigger(DAG, conf))
        return self.runs[-1]

    def answer(self, run: str, body: dict[str, Any]) -> None:
        """As a person does: answer, and where the question comes back answer again. Airflow 3.3 takes an answer that meets the
        scheduler still busy with the parked process for a failure, and asks anew."""
        time.sleep(3)  # nobody reads the question faster
        where = f"/api/v2/dags/{DAG}/dagRuns/{quote(run, safe='')}/taskInstances/approve/-1/hitlDetails"

        def done() -> bool:
            state = self.states(run)["approve"]
            if state == "awaiting_input":
                with contextlib.suppress(ApiError):  # answered already, and on its way
                    self.api._call("PATCH", where, body)
            return state == "success"

        self.wait(done)

    def states(self, run: str) -> dict[str, str | None]:
        return {t.task_id: t.state for t in self.api.task_instances(DAG, run)}

    def all_states(self) -> dict[str, dict[str, str | None]]:
        return {run: self.states(run) for run in self.runs}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self._log.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        home = Path(folder) / "home"
        home.mkdir()
        samplenight.make(home, count=6, faults=())
        servers = Running(home, Path(folder) / "log")
        try:
            servers.wait(lambda: servers.api.dag(DAG))
            assert main(["ingest", "--home", str(home)]) == 0
            servers.api.unpause(DAG)
            yield servers
        finally:
            servers.stop()


def fonds_of(home: Home) -> list[str]:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        return [str(row["fonds_no"]) for row in transfers.waiting(conn)]


def test_a_transfer_is_approved_delivered_received_and_answered(running: Running, tmp_path: Path) -> None:
    fonds = fonds_of(running.home)[0]
    run = running.trigger({"fonds": fonds, "reviewer": "审核员", "opinion": "同意"})
    running.wait(lambda: running.states(run).get("approve") == "awaiting_input")
    with Ledger(running.home.database_url) as ledger, ledger.read() as conn:
        (row,) = transfers.listing(conn)
    assert row["state"] == "checked"
    outbox = running.home.root / "transfers" / "outbox"
    assert not outbox.exists()  # nothing leaves before a person has said so
    running.answer(run, {"chosen_options": ["批准 Approve"], "params_input": {"note": "同意移交"}})
    package = outbox / row["id"] / f"{row['id']}.zip"
    running.wait(package.exists)
    receive = [
        "receive-transfer",
        str(package),
        "--to",
        str(tmp_path / "vault"),
        "--as",
        "馆员",
        "--home",
        str(tmp_path / "archives"),
    ]
    assert main(receive) == 0
    assert main([*receive, "--accept", "--confirm", "all", "--receipt", str(outbox)]) == 0
    running.wait(lambda: running.states(run)["wait"] in ("up_for_reschedule", "success"))
    running.api.clear(DAG, run, ["wait"])  # an operator who knows of the answer need not await the next look
    running.wait(lambda: running.api.run_state(DAG, run) == "success")
    with Ledger(running.home.database_url) as ledger, ledger.read() as conn:
        done = transfers.get(conn, row["id"])
        approvals = conn.execute(sa.select(event.c.detail).where(event.c.kind == "transfer-approved")).scalars().all()
    assert done is not None and done["state"] == "accepted"
    (approval,) = (json.loads(a) for a in approvals)
    assert (approval["by"], approval["note"]) == ("admin", "同意移交")


def test_a_withdrawn_transfer_goes_no_further_and_its_records_are_free(running: Running) -> None:
    before = fonds_of(running.home)
    nothing = running.trigger({"fonds": "T999"})
    run = running.trigger({"fonds": before[0]})
    running.wait(lambda: running.states(run).get("approve") == "awaiting_input")
    assert before[0] not in fonds_of(running.home)
    running.answer(run, {"chosen_options": ["撤回 Withdraw"], "params_input": {"note": ""}})
    running.wait(lambda: running.api.run_state(DAG, run) == "success")
    assert running.states(run)["send"] == "skipped"
    assert fonds_of(running.home) == before
    running.wait(lambda: running.api.run_state(DAG, nothing) == "success")
    assert set(running.states(nothing).values()) == {"skipped"}
