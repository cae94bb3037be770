"""Nights through Airflow over all five kinds of sources at once: one is down, one flaps, and a year is made up beside a night."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from five_sources import Five, lay_out

from ingest import visits
from ingest.ledger import Ledger
from ingest.ledger.tables import event, record
from ingest.model import CST
from ingest.report import report
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor
from ingest.settings import Home
from sip.commit import commit_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
NIGHT, BACKFILL = "nightly_ingest", "backfill_ingest"
_RECEIPT = re.compile(r"\.(received|examined|receipt)\.json$")
AS_OF = dt.datetime(2026, 11, 20, 1, tzinfo=CST)


class Running:
    """The servers of a home, and the agencies'."""

    def __init__(self, supervisor: Supervisor, five: Five) -> None:
        self.api = supervisor.api
        self.store = supervisor.store
        self.home = Home.of(supervisor.home)
        self.five = five

    def wait(self, condition: Callable[[], Any], seconds: float = 500) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.3)
        return found

    def begin(self, dag: str, run: str, as_of: dt.datetime | None = None, **conf: Any) -> None:
        self.wait(lambda: self.api.dag(dag))
        self.api.unpause(dag)
        self.api.trigger(dag, conf, as_of, run)

    def ended(self, dag: str, run: str) -> str | None:
        state = self.api.run_state(dag, run)
        return state if state in ("success", "failed") else None

    def tasks(self, dag: str, run: str) -> Counter[tuple[str, str | None]]:
        return Counter((t.task_id, t.state) for t in self.api.task_instances(dag, run))

    def states(self) -> dict[str, dict[str, str]]:
        """State by agency and delivery; of what was delivered in another form, without the record's number."""
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            rows = conn.execute(sa.select(record.c.agency, record.c.delivery, record.c.state)).all()
        out: dict[str, dict[str, str]] = {}
        for r in rows:
            mine = out.setdefault(r.agency, {})
            name = r.delivery.partition("#")[0]
            assert name not in mine
            mine[name] = r.state
        return out

    def assert_nothing_twice(self) -> None:
        """One version of one package and one mark a record, no receipt a second time, and no record a duplicate of another."""
        with Ledger(self.home.database_url) as ledger, ledger.read() as conn:
            keys = list(conn.execute(sa.select(record.c.object_key)).scalars())
            told = Counter(conn.execute(sa.select(event.c.record_id).where(event.c.kind == "acknowledged")).scalars())
        s3 = self.store.client("admin")
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=self.store.bucket)
        stored = Counter(v["Key"] for page in pages for v in page.get("Versions", []))
        stored = Counter({k: n for k, n in stored.items() if not k.startswith((".", "chain/", "reports/"))})
        assert stored == Counter(k for key in keys for k in (key, commit_key(key)))
        assert set(told.values()) == {1} and len(told) == len(keys)
        sent = {
            agency: {_RECEIPT.sub("", n).partition("#")[0] for n in files}
            for agency, files in self.five.receipts().items()
        }
        assert sent == {agency: set(names) for agency, names in self.five.delivered.items()}
        assert set(Counter(self.five.interface.taken).values()) == {1}


@pytest.fixture(scope="module")
def running(new_database: Callable[[], str]) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("GUIDANG_AGAIN_SECONDS", "0.2")
        (home := Path(folder) / "home").mkdir()
        with Supervisor(home, Ports.free()) as supervisor:
            five = lay_out(Path(folder), home, supervisor.store, new_database())
            try:
                for id_, given in five.connections.items():
                    body = {"connection_id": id_, "conn_type": "generic", **given}
                    supervisor.api._call("POST", "/api/v2/connections", body)
                yield Running(supervisor, five)
            finally:
                five.close()


class Flapping:
    """An interface that is overloaded at first, and then breaks off in mid-file, once for each case it is asked for."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()

    def __call__(self, handler: Any, path: str) -> bool:
        if handler.command == "GET" and not path.endswith("case.json") and "?" not in path and "deliveries" in path:
            return False
        self.said[path] += 1
        if self.said[path] == 1:
            handler.send_response(503)
            handler.send_header("Content-Length", "0")
            handler.send_header("Retry-After", "0")
            handler.end_headers()
            return True
        if self.said[path] == 2 and path.endswith("case.json"):
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(b'{"case"')
            handler.close_connection = True
            return True
        return False


def test_what_can_be_reached_is_archived_and_the_rest_is_told_and_taken_the_next_night(running: Running) -> None:
    five = running.five
    assert all(five.delivered.values()) and len(five.delivered) == 5
    five.sftp.stop()
    five.interface.answer = flapping = Flapping()
    running.begin(NIGHT, "night-1", AS_OF)
    assert running.wait(lambda: running.ended(NIGHT, "night-1")) == "failed"
    tasks = running.tasks(NIGHT, "night-1")
    assert {t for t, state in tasks if state == "failed"} == {"report"}  # all that could be done is done
    assert (
        len([t for t in running.api.task_instances(NIGHT, "night-1") if t.task_id == "again" and t.try_number == 4])
        == 1
    )
    assert len([p for p, n in flapping.said.items() if p.endswith("case.json") and n > 2]) == len(
        five.delivered["by-https"]
    )

    reached = {a: dict.fromkeys(names, "acknowledged") for a, names in five.delivered.items() if a != "by-sftp"}
    assert running.states() == reached
    with Ledger(running.home.database_url) as ledger:
        night = report(ledger, "night-1")
        with ledger.read() as conn:
            assert list(visits.away(conn, "night-1")) == ["by-sftp"]
    assert list(night.away) == ["by-sftp"] and night.unfinished == 0
    assert {line.agency: line.accepted for line in night.agencies} == {a: len(n) for a, n in reached.items()}
    logs = (running.home.root / "logs/tasks").glob("*/run_id=night-1/task_id=report/*.log")
    assert "by-sftp: 来源不可用" in "".join(log.read_text("utf-8") for log in logs)

    five.sftp.start()
    running.begin(NIGHT, "night-2", AS_OF + dt.timedelta(days=1))
    assert running.wait(lambda: running.ended(NIGHT, "night-2")) == "success"
    assert running.states() == reached | {"by-sftp": dict.fromkeys(five.delivered["by-sftp"], "acknowledged")}
    running.assert_nothing_twice()
    assert secrets_in_files(running) == []


def secrets_in_files(running: Running) -> list[str]:
    """The files of the home in which a source's password or token stands; Airflow's database holds them encrypted."""
    secrets = [
        c["password"].encode() for id_, c in running.five.connections.items() if id_ != "agency_s3" and "password" in c
    ]
    assert len(secrets) == 2
    places = ("config", "logs", "outbox", "staging", "airflow", "secrets")
    files = (
        Path(at, name) for place in places for at, _, names in os.walk(running.home.root / place) for name in names
    )
    return [
        str(f)
        for f in (*files, *running.home.root.glob("ledger.db*"))
        if f.is_file() and any(s in f.read_bytes() for s in secrets)
    ]


def test_a_backfill_runs_beside_the_night_which_never_waits_for_it(running: Running) -> None:
    """The backfill stands still in the middle of its first delivery; the night goes by all the same."""
    five, held = running.five, threading.Event()
    path = running.home.config / "agencies.json"
    registry = json.loads(path.read_text("utf-8"))
    for agency in registry["agencies"]:
        agency["source"]["from"] = "2026-01-01"
    path.write_text(json.dumps(registry, ensure_ascii=False), "utf-8")
    past, present = sorted(five.waiting)[:2], sorted(five.waiting)[2:]
    for name in (*past, *present):
        for file, data in five.waiting[name].items():
            five.places["by-https"].put(f"{name}/{file}", data)
        five.delivered["by-https"].append(name)
    for name in past:
        five.interface.arrived[name] = dt.datetime(2025, 6, 1, tzinfo=CST)

    asked = threading.Event()

    def stand_still(handler: Any, path: str) -> bool:
        if any(name in path for name in past) and "/files/" in path:
            asked.set()
            held.wait(300)
        return False

    five.interface.answer = stand_still
    assert running.api.pool("backfill")["slots"] == 1
    running.begin(BACKFILL, "the-past", arrived_to="2025-12-31", batch_size=1)
    try:
        assert asked.wait(300)
        running.begin(NIGHT, "night-3", AS_OF + dt.timedelta(days=2))
        assert running.wait(lambda: running.ended(NIGHT, "night-3")) == "success"
        assert running.ended(BACKFILL, "the-past") is None
        states = running.states()["by-https"]
        assert [states[name] for name in present] == ["acknowledged"] and {states[name] for name in past} == {"listed"}
    finally:
        held.set()
    assert running.wait(lambda: running.ended(BACKFILL, "the-past")) == "success"
    assert set(running.states()["by-https"].values()) == {"acknowledged"}
    running.assert_nothing_twice()
    tasks = sorted(
        (t for t in running.api.task_instances(BACKFILL, "the-past") if t.start and t.end), key=lambda t: t.start
    )
    assert len(tasks) >= 2 * 6 + 4
    assert all(before.end <= after.start for before, after in itertools.pairwise(tasks))  # one at a time
