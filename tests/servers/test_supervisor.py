"""The servers as `make run` has them: one start, a run, deaths of parts and of the whole. In the order of a bad day."""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest.servers import processes, runfile
from ingest.servers.api import AirflowApi, ApiError
from ingest.servers.ports import HOST, Ports
from ingest.servers.preflight import Preflight
from ingest.servers.secrets import ensure
from ingest.servers.supervisor import Supervisor

pytestmark = pytest.mark.slow
DAG = """
import os
from airflow.sdk import dag, get_current_context, task

@dag(schedule=None)
def small():
    @task
    def parts():
        context = get_current_context()
        with open(context["dag_run"].conf["file"], "a") as f:
            f.write(str(context["logical_date"]) + "\\n")
        return [1, 2, 3]

    @task
    def one(part):
        print("part", part, "of", os.environ["GUIDANG_HOME"])
        return part

    one.expand(part=parts())

@dag(schedule=None)
def long():
    @task
    def sleep():
        import time
        with open(get_current_context()["dag_run"].conf["file"], "w") as f:
            f.write(str(os.getpid()))
        time.sleep(600)
    sleep()

small()
long()
"""
COMPONENTS = {"seaweedfs", "api-server", "scheduler", "dag-processor", "triggerer"}


class Servers:
    """A supervisor in a process of its own, so that it can be killed."""

    def __init__(self, folder: Path) -> None:
        self.home, self.dags, self.ports = folder / "home", folder / "dags", Ports.free()
        self.dags.mkdir()
        (self.dags / "small.py").write_text(DAG)
        self.lines: list[str] = []

    def start(self) -> None:
        self.lines.clear()
        self.process = subprocess.Popen(
            [
                sys.executable, str(Path(__file__).with_name("hold_servers.py")), str(self.home), str(self.dags),
                json.dumps(self.ports.as_dict()),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.wait(lambda: "UP" in self.lines, 120)
        self.run = runfile.read(self.home)
        self.api = AirflowApi(f"http://{HOST}:{self.ports.api}", "admin", ensure(self.home).passwords["admin"])

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def wait(self, condition, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None or condition(), self.lines
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.1)

    def ended(self) -> None:
        self.process.wait(60)
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def left(self) -> list[processes.Process]:
        return [p for leader in self.run.components.values() for p in processes.orphans_of(leader)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    servers = Servers(tmp_path_factory.mktemp("s"))
    servers.start()
    yield servers
    if servers.process.poll() is None:
        servers.process.terminate()
    servers.ended()


def finished(servers: Servers, dag: str, run: str) -> str:
    servers.wait(lambda: servers.api.run_state(dag, run) in ("success", "failed"))
    return servers.api.run_state(dag, run)


def test_a_dag_runs_and_its_task_runs_again_when_cleared(servers, tmp_path):
    api, out = servers.api, tmp_path / "out"
    servers.wait(lambda: api.dag("small") is not None)
    assert api.import_errors() == []
    api.unpause("small")
    night = dt.datetime(2026, 3, 1, 17, tzinfo=dt.UTC)
    run = api.trigger("small", {"file": str(out)}, night, "night-1")
    assert run == "night-1"
    assert finished(servers, "small", run) == "success"
    assert out.read_text() == f"{night}\n"
    found = [(t.task_id, t.map_index, t.state, t.try_number) for t in api.task_instances("small", run)]
    assert found == [("one", i, "success", 1) for i in range(3)] + [("parts", -1, "success", 1)]
    assert f"part 2 of {servers.home}" in api.log("small", run, "one", 1, map_index=1)

    assert api.clear("small", run, [("one", 1)]) == 1
    assert finished(servers, "small", run) == "success"
    assert {t.map_index: t.try_number for t in api.task_instances("small", run)} == {-1: 1, 0: 1, 1: 2, 2: 1}


def test_the_log_of_a_running_task_can_be_read_without_log_servers(servers):
    told = servers.home / "long-task"
    servers.wait(lambda: servers.api.dag("long") is not None)
    servers.api.unpause("long")
    run = servers.api.trigger("long", {"file": str(told)}, run_id="stays")
    servers.wait(lambda: told.exists() and told.read_text())
    assert "Worker startup parse complete" in servers.api.log("long", run, "sleep")


def test_pools_and_refusals(servers):
    servers.api.set_pool("convert", 1)
    servers.api.set_pool("convert", 2)
    assert servers.api.pool("convert")["slots"] == 2
    assert servers.api.dag("no such") is None
    with pytest.raises(ApiError) as refused:
        servers.api.trigger("no such")
    assert refused.value.status == 404
    with pytest.raises(ApiError) as refused:
        AirflowApi(servers.api.base_url, "admin", "wrong").dag("small")
    assert refused.value.status == 401


def test_the_auditor_looks_and_does_nothing(servers):
    auditor = AirflowApi(servers.api.base_url, "auditor", ensure(servers.home).passwords["auditor"])
    assert auditor.dag("small")["dag_id"] == "small"
    with pytest.raises(ApiError) as refused:
        auditor.trigger("small", {"file": "/dev/null"})
    assert refused.value.status == 403


def test_nothing_listens_beyond_the_loopback_address(servers):
    sessions = {leader.pid for leader in servers.run.components.values()}
    found = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [
        line.split()[3]
        for line in found
        for p in processes.everything()
        if p.session in sessions and f"pid={p.pid}," in line
    ]
    assert len(set(ours)) == len(servers.ports.as_dict())
    assert all(address.startswith(f"{HOST}:") for address in ours)


@pytest.mark.parametrize("name", ["secrets", "store", "logs", "airflow"])
def test_no_other_user_can_look_into(servers, name):
    assert (servers.home / name).stat().st_mode & 0o077 == 0


def test_a_second_start_on_the_same_home_is_refused_by_name(servers):
    with pytest.raises(Preflight, match=f"pid {servers.process.pid}"), Supervisor(servers.home, Ports.free()):
        pass


@pytest.mark.parametrize("name", ["triggerer", "seaweedfs"])
def test_a_component_that_dies_is_started_again_and_said_so(servers, name):
    before = runfile.read(servers.home).components[name]
    os.kill(before.pid, signal.SIGKILL)
    servers.wait(lambda: any(line.endswith(f"{name} restarted") for line in servers.lines))
    servers.run = runfile.read(servers.home)
    assert servers.run.components[name].pid != before.pid
    assert any(f"{name} ended unexpectedly (-9)" in line for line in servers.lines)
    assert processes.orphans_of(before) == []


def test_a_killed_supervisor_leaves_no_process_not_even_a_running_task(servers):
    assert set(servers.run.components) == COMPONENTS
    task = int((servers.home / "long-task").read_text())
    assert task in [p.pid for p in servers.left()]
    assert os.getpgid(task) not in [leader.pid for leader in servers.run.components.values()]
    servers.process.kill()
    servers.ended()
    deadline = time.monotonic() + 30
    while servers.left() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert servers.left() == []


def test_the_next_start_finds_everything_as_it_was_and_stops_in_order(servers):
    servers.start()
    assert {t.task_id for t in servers.api.task_instances("small", "night-1")} == {"parts", "one"}
    assert runfile.stop(servers.home) is True
    servers.ended()
    assert servers.process.returncode == 143
    assert servers.left() == []
    assert not runfile.path(servers.home).exists()
    assert runfile.stop(servers.home) is False


def test_a_start_that_fails_half_way_takes_everything_down_again(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.servers.airflow.COMPONENTS", {"scheduler": ["no-such-command"]})
    monkeypatch.setattr("ingest.servers.airflow.migrate", lambda *_: False)
    seen: list[str] = []
    supervisor = Supervisor(tmp_path / "home", Ports.free(), say=seen.append)
    with pytest.raises(Exception, match="scheduler: exit 2"), contextlib.ExitStack() as stack:
        stack.enter_context(supervisor)
    assert not runfile.path(tmp_path / "home").exists()
    Supervisor(tmp_path / "home", Ports.free(), airflow=False).stop()
