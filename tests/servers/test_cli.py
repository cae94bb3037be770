"""The commands as a person or `make` calls them."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.servers.ports import Ports, variable
from ingest.servers.preflight import lock
from ingest.servers.secrets import ensure

GUIDANG = [str(Path(sys.executable).with_name("guidang"))]


def environment(home: Path, ports: Ports) -> dict[str, str]:
    given = {variable(name): str(port) for name, port in ports.as_dict().items()}
    return dict(os.environ) | given | {"GUIDANG_HOME": str(home)}


def guidang(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GUIDANG, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_servers_alone_until_they_are_stopped(home):
    env = environment(home, Ports.free())
    with subprocess.Popen(
        [*GUIDANG, "servers", "--store-only"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as servers:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(servers.stdout.readline())
            assert lines[-1], lines
        refused = guidang("servers", env=env)
        assert refused.returncode == 2
        assert f"pid {servers.pid}" in refused.stderr
        stopped = guidang("stop", env=env)
        assert (stopped.returncode, stopped.stdout.strip()) == (0, "已停止 / stopped")
        assert servers.wait(10) == 143
        lines.append(servers.stdout.read())
    secrets = ensure(home)
    shown = "".join(lines)
    assert str(secrets.folder) in shown
    assert not [s for s in [*secrets.passwords.values(), *(k.secret_key for k in secrets.s3.values())] if s in shown]
    assert guidang("stop", env=env).stdout.strip() == "没有正在运行的服务 / nothing is running"
    lock(home).close()


def test_a_port_that_is_none_is_one_line(home):
    refused = guidang("run", "--once", env=dict(os.environ, GUIDANG_HOME=str(home), GUIDANG_PORT_API="eighty"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r".* / .*GUIDANG_PORT_API='eighty'\n", refused.stderr)
    assert list(home.iterdir()) == []


def test_a_taken_port_is_one_line_before_anything_is_started(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = guidang("run", "--once", env=dict(environment(home, Ports.free()), GUIDANG_PORT_S3=str(port)))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert f"{port}" in refused.stderr
    assert [p.name for p in home.iterdir()] == ["run.lock"]


@pytest.mark.slow
def test_airflows_own_command_reads_the_file_at_the_root(home):
    env = environment(home, Ports.free())
    shown = guidang("airflow", "config", "get-value", "scheduler", "scheduler_idle_sleep_time", env=env)
    assert shown.stdout.split()[-1] == "0.5", shown.stderr


@pytest.mark.slow
def test_airflow_knows_every_setting_at_the_root(home):
    linted = guidang("airflow", "config", "lint", env=environment(home, Ports.free()))
    assert "No issues found" in linted.stdout, linted.stdout
