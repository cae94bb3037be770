"""Scanning, against a small server that speaks clamd's protocol on a unix socket or a loopback port."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from case_samples import AGENCY, AS_OF, good_case
from file_samples import GOOD, stage

from ingest.checks import CheckContext, CheckReport, run
from ingest.checks.virus import Clamd, Scan, ScannerAway, State
from ingest.signatures import TrustStore

VERSION = "ClamAV 1.4.6/27412/Mon Sep  9 08:31:01 2026"
Answer = Callable[[bytes], bytes | None]


class _Engine:
    """Answers each stream by ``answer``; None drops the connection, as clamd does beyond StreamMaxLength."""

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        self._listener, self._answer = listener, answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                self._one(link)

    def _one(self, link: socket.socket) -> None:
        command = _until(link, b"\0")
        if command == b"zVERSION":
            link.sendall(VERSION.encode() + b"\0")
            return
        data = b""
        while size := struct.unpack(">I", _exactly(link, 4))[0]:
            data += _exactly(link, size)
        said = self._answer(data)
        if said is not None:
            link.sendall(b"stream: " + said + b"\0")

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _until(link: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += link.recv(1)
    return data[:-1]


def _exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := link.recv(size - len(data))):
        data += more
    return data


def _answers(data: bytes) -> bytes | None:
    if b"EVIL" in data:
        return b"Test.Evil.UNOFFICIAL FOUND"
    if b"LOCKED" in data:
        return b"Heuristics.Encrypted.Zip FOUND"
    if b"HUGE" in data:
        return b"Heuristics.Limits.Exceeded.MaxFileSize FOUND"
    if b"ODD" in data:
        return b"Can't allocate memory ERROR"
    return None if b"DROP" in data else b"OK"


@pytest.fixture
def engine(tmp_path) -> Iterator[str]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "clamd.ctl"))
    listener.listen()
    running = _Engine(listener, _answers)
    yield f"unix:{tmp_path / 'clamd.ctl'}"
    running.stop()


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b"", State.CLEAN),
        (b"x" * 3_000_000, State.CLEAN),
        (b"x" * 3_000_000 + b"EVIL", State.INFECTED),
        (b"LOCKED", State.NOT_SCANNED),
        (b"HUGE", State.NOT_SCANNED),
        (b"ODD", State.NOT_SCANNED),
        (b"DROP", State.NOT_SCANNED),
    ],
)
def test_what_the_engine_says_is_understood(engine, tmp_path, data, state) -> None:
    (tmp_path / "file").write_bytes(data)
    assert Clamd(engine).scan(tmp_path / "file").state is state


def test_the_engine_over_a_port(tmp_path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    running = _Engine(listener, _answers)
    client = Clamd(f"127.0.0.1:{listener.getsockname()[1]}")
    (tmp_path / "file").write_bytes(b"EVIL")
    assert client.version() == VERSION
    assert client.scan(tmp_path / "file") == Scan(State.INFECTED, "Test.Evil.UNOFFICIAL")
    running.stop()


def test_an_engine_that_is_away_is_never_clean(tmp_path) -> None:
    client = Clamd(f"unix:{tmp_path / 'nobody'}")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ScannerAway):
        client.version()
    assert client.scan(tmp_path / "file").state is State.NOT_SCANNED


@pytest.mark.parametrize("address", ["", "unix:", "localhost", ":3310", "host:port"])
def test_what_is_no_address_is_refused(address) -> None:
    with pytest.raises(ValueError, match="clamd"):
        Clamd(address)


def _check(tmp_path: Path, address: str | None, last: bytes = b"") -> tuple[CheckReport, dict[str, dict]]:
    contents = {path: data for path, (data, _) in GOOD.items()} | ({"过程文件/附.txt": last} if last else {})
    case = good_case({path: (data, GOOD.get(path, (b"", 0))[1]) for path, data in contents.items()})
    files = stage(tmp_path / "staging", contents)
    scanner = Clamd(address) if address else None
    report = run(case, files, tmp_path / "staging", CheckContext(AS_OF, AGENCY, TrustStore(), (), scanner))
    return report, {item["code"]: item for item in report.items}


@pytest.mark.parametrize(
    ("last", "code", "item", "result"),
    [
        (b"", None, "GD-4-2", "pass"),
        (b"EVIL\n", "VIR-FOUND", "GD-4-2", "fail"),
        (b"LOCKED\n", "VIR-NOT-SCANNED", "GD-4-2", "manual"),
    ],
)
def test_the_record_is_judged_by_what_the_engine_found(engine, tmp_path, last, code, item, result) -> None:
    report, items = _check(tmp_path, engine, last)
    assert [f.code for f in report.findings] == ([code] if code else [])
    assert items[item]["result"] == result
    if result != "fail":
        assert VERSION in items[item]["note"]["zh"]  # the date of the signatures belongs in the report


def test_without_an_engine_nothing_is_said_to_be_clean(tmp_path) -> None:
    report, items = _check(tmp_path, None)
    assert report.findings == []
    assert "未检测" in items["GD-4-2"]["note"]["zh"]
    assert items["GD-4-1"]["result"] == items["GD-4-2"]["result"] == "manual"


def test_an_engine_away_is_said_once(tmp_path) -> None:
    report, items = _check(tmp_path, f"unix:{tmp_path / 'nobody'}")
    assert [(f.code, f.path) for f in report.findings] == [("VIR-NOT-SCANNED", None)]
    assert items["GD-4-2"]["result"] == "manual"


@pytest.mark.skipif(shutil.which("clamd") is None, reason="clamd is not installed")
def test_a_real_clamd_finds_what_its_database_names(tmp_path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/own.ndb").write_text(f"Test.Evil:0:*:{b'EVIL-BYTES'.hex()}\n")
    control = tmp_path / "c.ctl"
    (tmp_path / "clamd.conf").write_text(
        f"DatabaseDirectory {tmp_path}/db\nLocalSocket {control}\nForeground yes\nSelfCheck 0\nAlertExceedsMax yes\n"
    )
    daemon = subprocess.Popen(["clamd", "-c", str(tmp_path / "clamd.conf")], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if control.exists():
                break
            time.sleep(0.05)
        (tmp_path / "file").write_bytes(b"..EVIL-BYTES..")
        assert Clamd(f"unix:{control}").scan(tmp_path / "file").state is State.INFECTED
    finally:
        daemon.terminate()
        daemon.wait(10)
