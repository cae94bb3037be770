"""The watch raises each of its alarms for real, ends it when it is over, and is quiet about a house at work."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from posts import Hook

from ingest import cli, runs
from ingest.alerts.incidents import OPEN, incidents
from ingest.alerts.rules import Rules
from ingest.alerts.watch import Watch, look
from ingest.ledger import Ledger
from ingest.ledger.tables import run
from ingest.model import CST, State
from ingest.servers.component import Component
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor
from ingest.settings import ConfigError, Home

NIGHT = dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST)


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with Ledger(Home.of(home).database_url) as ledger:
        ledger.upgrade()
        yield ledger


def begin(ledger: Ledger, run_id: str, at: dt.datetime) -> None:
    """A run that began at ``at``: the ledger's own clock is this minute's, so it is put back."""
    runs.begin(ledger, run_id, at.isoformat(), "0.1.0+test")
    with ledger.begin() as tx:
        tx.conn.execute(sa.update(run).where(run.c.id == run_id).values(begun_at=at.astimezone(dt.UTC).isoformat()))


def codes(home: Path, now: dt.datetime) -> list[str]:
    found = sorted(a.code for a in look(Home.of(home), now))
    assert sorted(i["what"] for i in incidents(Home.of(home), OPEN)) == found
    return found


def hours(n: float) -> dt.timedelta:
    return dt.timedelta(hours=n)


def test_a_house_that_never_worked_is_quiet(home: Path) -> None:
    assert codes(home, NIGHT + hours(9)) == []


def test_a_run_without_progress_is_stalled_until_it_ends(home: Path, ledger: Ledger) -> None:
    begin(ledger, "n1", NIGHT)
    assert codes(home, NIGHT + hours(0.9)) == []
    assert codes(home, NIGHT + hours(1.1)) == ["RUN-STALLED"]
    runs.end(ledger, "n1", 0)
    assert codes(home, NIGHT + hours(1.2)) == []


def test_progress_is_what_stages_write_and_not_what_people_look_at(home: Path, ledger: Ledger) -> None:
    now = dt.datetime.now(dt.UTC)  # events bear the ledger's own clock
    begin(ledger, "n1", now - hours(3))
    with ledger.begin() as tx:
        tx.chain.append("looked", None, {"by": "auditor"})
    assert "RUN-STALLED" in codes(home, now)
    with ledger.begin() as tx:
        row = {"id": "r", "source": "", "agency": "a", "delivery": "d", "location": "/"}
        tx.add_batch("b", "n1", now.isoformat(), [row])
        tx.move("r", [State.LISTED], State.RECEIVED, "received")
    assert "RUN-STALLED" not in codes(home, now)
    assert "RUN-STALLED" in codes(home, dt.datetime.now(dt.UTC) + hours(1.1))


def test_a_run_that_is_not_over_by_its_hour_is_late(home: Path, ledger: Ledger) -> None:
    Home.of(home).config.mkdir()
    (Home.of(home).config / "alerts.json").write_text('{"stalled_minutes": 6000}', "utf-8")
    begin(ledger, "n1", NIGHT)
    assert codes(home, NIGHT + hours(5.9)) == []
    assert codes(home, NIGHT + hours(6.1)) == ["RUN-LATE"]
    begin(ledger, "by day", NIGHT + hours(9))  # begun after the hour: the next day's counts
    assert codes(home, NIGHT + hours(12)) == []


def test_a_night_that_does_not_begin_is_missed_though_nothing_runs_at_all(home: Path, ledger: Ledger) -> None:
    begin(ledger, "n1", NIGHT)
    runs.end(ledger, "n1", 0)
    assert codes(home, NIGHT + hours(23.5)) == []  # half past midnight
    assert codes(home, NIGHT + hours(25.1)) == ["RUN-MISSED"]
    begin(ledger, "n2", NIGHT + hours(25.2))
    assert codes(home, NIGHT + hours(25.3)) == []


def test_a_full_disk_is_told_and_ends(home: Path) -> None:
    at = Home.of(home)
    at.config.mkdir()
    (at.config / "limits.json").write_text(json.dumps({"free_bytes": 2**62}), "utf-8")
    assert codes(home, NIGHT) == ["DISK-FULL"]
    assert "guidang staging" in incidents(at)[0]["lines"][0]
    (at.config / "limits.json").unlink()
    assert codes(home, NIGHT + hours(0.2)) == []


def test_a_ledger_that_cannot_be_read_is_told_and_says_nothing_about_runs(home: Path, ledger: Ledger) -> None:
    begin(ledger, "n1", NIGHT)
    assert codes(home, NIGHT + hours(2)) == ["RUN-STALLED"]
    ledger.close()
    good = {p: p.read_bytes() for p in home.glob("ledger.db*") if p.is_file()}
    for path in good:
        path.unlink()
    (home / "ledger.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    look(Home.of(home), NIGHT + hours(2.1))
    assert sorted(i["what"] for i in incidents(Home.of(home), OPEN)) == ["LEDGER-AWAY", "RUN-STALLED"]
    for path, content in good.items():
        path.write_bytes(content)
    assert codes(home, NIGHT + hours(2.2)) == ["RUN-STALLED"]


def test_a_database_server_that_is_not_there_is_told_and_over_when_it_is_back(
    home: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"postgresql+psycopg2://guidang:secret@127.0.0.1:{Ports.free().api}/guidang"
    monkeypatch.setenv("GUIDANG_DATABASE_URL", nobody)
    assert codes(home, NIGHT) == ["LEDGER-AWAY"]
    assert "secret" not in str(incidents(Home.of(home), OPEN))
    monkeypatch.setenv("GUIDANG_DATABASE_URL", new_database())
    assert codes(home, NIGHT + hours(0.2)) == []


def test_a_server_that_ends_again_and_again_is_told(home: Path, tmp_path: Path) -> None:
    program = "print('no such port', flush=True); raise SystemExit(3)"
    log = home / "logs" / "scheduler.log"
    server = Component("scheduler", [sys.executable, "-c", program], {}, tmp_path, log, grace=1.0)
    supervisor = Supervisor(home)
    supervisor._components = [server]
    for n in range(3):
        server.start()
        while server.ended() is None:
            time.sleep(0.01)
        server.plan_restart()
        supervisor.settle_servers(NIGHT)
        assert len(incidents(Home.of(home), OPEN)) == (n == 2)
    (incident,) = incidents(Home.of(home))
    assert (incident["what"], incident["subject"]) == ("SERVER-DOWN", "scheduler") and "no such port" in incident[
        "lines"
    ]
    supervisor._components = []
    supervisor.settle_servers(NIGHT)
    assert incidents(Home.of(home), OPEN) == []


def test_the_watch_beside_the_servers_tells_once_and_says_it_in_the_terminal(
    home: Path, ledger: Ledger, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUIDANG_ALERT_URL", webhook.url)
    begin(ledger, "n1", dt.datetime.now(dt.UTC) - hours(30))
    said: list[str] = []
    looks: list[dt.datetime] = []
    watch = Watch(Home.of(home), said.append, looks.append, seconds=0.01)
    watch.start()
    deadline = time.monotonic() + 60
    while len(looks) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    watch.stop()
    stalled = [g for g in webhook.got if g["what"] == "RUN-STALLED"]
    assert len(stalled) == 1 and len([line for line in said if "RUN-STALLED" in line]) == 1


def test_the_command_looks_once_and_its_exit_code_tells(
    home: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["watch", "--home", str(home)]) == 0
    begin(ledger, "n1", dt.datetime.now(dt.UTC) - hours(2))
    assert cli.main(["watch", "--home", str(home)]) == 1
    assert "docs/operations/RUN-STALLED.md" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[]", '{"begin_by": "25:00"}', '{"stalled_minutes": 0}', '{"stalled": 5}', "{"])
def test_wrong_rules_are_told(home: Path, text: str) -> None:
    at = Home.of(home)
    at.config.mkdir()
    (at.config / "alerts.json").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"alerts\.json"):
        Rules.of(at)
