import os
import socket
import subprocess
import sys

import pytest

from ingest.servers import preflight
from ingest.servers.ports import HOST, Ports
from ingest.servers.preflight import Preflight


@pytest.fixture
def taken_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        s.listen()
        yield s.getsockname()[1]


def refusal(action, *arguments) -> str:
    with pytest.raises(Preflight) as caught:
        action(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert " / " in text, "Chinese first, English beside it"
    return text


def test_everything_in_order_leaves_only_the_lock_file(home):
    preflight.check(home, Ports.free())
    assert [p.name for p in home.iterdir()] == ["run.lock"]


@pytest.mark.parametrize("version", [(3, 10), (3, 13), (2, 7)])
def test_python_not_fit(version):
    assert f"{version[0]}.{version[1]}" in refusal(preflight.check_python, version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_python_fit(version):
    preflight.check_python(version)


def test_taken_port_is_named_with_its_holder_and_the_way_out(home, taken_port):
    text = refusal(preflight.check, home, {"s3": taken_port})
    assert str(taken_port) in text
    assert f"pid {os.getpid()}" in text
    assert "GUIDANG_PORT_S3" in text


def test_one_port_given_twice(home):
    port = Ports.free().api
    assert "GUIDANG_PORT_S3" in refusal(preflight.check, home, {"api": port, "s3": port})


def test_missing_tool(home, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert str(tmp_path / "weed") in refusal(preflight.check, home, {})


def test_missing_airflow_matters_only_where_it_is_wanted(home, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "weed").touch()
    assert "Airflow" in refusal(preflight.check, home, {})
    preflight.check(home, {}, airflow=False)


def test_too_little_disk(home):
    assert "GiB" in refusal(preflight.check, home, {}, 1 << 60)


def test_home_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file" / "home") in refusal(preflight.check, tmp_path / "file" / "home", {})


def test_home_in_use_by_another_process(home):
    code = "import sys, pathlib; from ingest.servers.preflight import lock; f = lock(pathlib.Path(sys.argv[1])); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        assert f"pid {other.pid}" in refusal(preflight.check, home, {})
        other.communicate(b"\n")
    preflight.check(home, {})


@pytest.mark.parametrize("text", ["0", "65536", "-1", "八", "80 ", ""])
def test_port_from_the_environment_that_is_none(text):
    with pytest.raises(ValueError, match="GUIDANG_PORT_API"):
        Ports.from_environment({"GUIDANG_PORT_API": text})


def test_port_from_the_environment():
    assert Ports.from_environment({"GUIDANG_PORT_API": "8081"}) == Ports(api=8081)
