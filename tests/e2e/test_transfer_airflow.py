"""A transfer through Airflow itself: triggered by its form, approved by a person, received by another home, answered, imported."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from served_home import ServedHome

import samplenight
from ingest.cli import main
from ingest.ledger import Ledger, transfers
from ingest.ledger.tables import event
from ingest.settings import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
DAG = "archive_transfer"


@pytest.fixture(scope="module")
def running() -> Iterator[ServedHome]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        home = Path(folder) / "home"
        home.mkdir()
        samplenight.make(home, count=6, faults=())
        servers = ServedHome(home, Path(folder) / "log")
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


def test_a_transfer_is_approved_delivered_received_and_answered(running: ServedHome, tmp_path: Path) -> None:
    fonds = fonds_of(running.home)[0]
    run = running.trigger(DAG, {"fonds": fonds, "reviewer": "审核员", "opinion": "同意"})
    running.wait(lambda: running.states(DAG, run).get("approve") == "awaiting_input")
    with Ledger(running.home.database_url) as ledger, ledger.read() as conn:
        (row,) = transfers.listing(conn)
    assert row["state"] == "checked"
    outbox = running.home.root / "transfers" / "outbox"
    assert not outbox.exists()  # nothing leaves before a person has said so
    running.answer(DAG, run, "approve", "批准 Approve", note="同意移交")
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
    running.wait(lambda: running.states(DAG, run)["wait"] in ("up_for_reschedule", "success"))
    running.api.clear(DAG, run, ["wait"])  # an operator who knows of the answer need not await the next look
    running.wait(lambda: running.api.run_state(DAG, run) == "success")
    with Ledger(running.home.database_url) as ledger, ledger.read() as conn:
        done = transfers.get(conn, row["id"])
        approvals = conn.execute(sa.select(event.c.detail).where(event.c.kind == "transfer-approved")).scalars().all()
    assert done is not None and done["state"] == "accepted"
    (approval,) = (json.loads(a) for a in approvals)
    assert (approval["by"], approval["note"]) == ("admin", "同意移交")


def test_a_withdrawn_transfer_goes_no_further_and_its_records_are_free(running: ServedHome) -> None:
    before = fonds_of(running.home)
    nothing = running.trigger(DAG, {"fonds": "T999"})
    run = running.trigger(DAG, {"fonds": before[0]})
    running.wait(lambda: running.states(DAG, run).get("approve") == "awaiting_input")
    assert before[0] not in fonds_of(running.home)
    running.answer(DAG, run, "approve", "撤回 Withdraw", note="")
    running.wait(lambda: running.api.run_state(DAG, run) == "success")
    assert running.states(DAG, run)["send"] == "skipped"
    assert fonds_of(running.home) == before
    running.wait(lambda: running.api.run_state(DAG, nothing) == "success")
    assert set(running.states(DAG, nothing).values()) == {"skipped"}
