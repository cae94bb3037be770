"""Scanning, against a small server that speaks clamd's protocol on a unix socket or a loopback port."""

from __future__ import annotations

import base64
import os
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
from file_samples import GOOD, stage, zipped

from ingest.checks import CheckContext, CheckReport, run
from ingest.checks.virus import Clamd, Scan, ScannerAway, State, scan_file
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


@pytest.mark.parametrize(
    "address", ["", "unix:", "localhost", ":3310", "127.0.0.1:port", "scanner.example:3310", "tcp:x"]
)
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
    assert [f.code for f in report.findings] == ["VIR-SCANNED", *([code] if code else [])]
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


@pytest.mark.parametrize(
    "address", ["/run/clamd.ctl", "unix:/run/clamd.ctl", "127.0.0.1:3310", "tcp:scanner.example:3310"]
)
def test_what_is_an_address_is_taken(address) -> None:
    Clamd(address)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda packed: b'<?xml version="1.0"?><a><b>' + packed + b"</b></a>",
        lambda packed: b'{"content": "' + packed + b'"}',
        lambda packed: b"<a>\n" + b"\n".join(packed[i : i + 76] for i in range(0, len(packed), 76)) + b"\n</a>",
    ],
    ids=["xml", "json", "lines"],
)
def test_what_is_carried_as_base64_is_scanned_too(engine, tmp_path, wrap) -> None:
    packed = base64.b64encode(b"x" * 100 + b"EVIL" + b"y" * 100)
    (tmp_path / "file").write_bytes(wrap(packed))
    assert Clamd(engine).scan(tmp_path / "file").state is State.CLEAN  # the engine alone does not see it
    found = scan_file(Clamd(engine), tmp_path / "file", 1 << 20)
    assert (found.state, found.detail) == (State.INFECTED, "Test.Evil.UNOFFICIAL (base64)")


def test_more_than_can_be_looked_into_is_not_clean(engine, tmp_path) -> None:
    packed = base64.b64encode(b"x" * 60)
    (tmp_path / "file").write_bytes(b"<a>" + b"<b>".join([packed] * 1001))
    assert scan_file(Clamd(engine), tmp_path / "file", 1 << 20).state is State.NOT_SCANNED
    assert scan_file(Clamd(engine), tmp_path / "file", 1 << 10).state is State.NOT_SCANNED


# ------------------------------------------------------------------------------------------------ the real engine

# Put together here, so that no scanner finds this file itself.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS" + "-TEST-FILE!$H+H*"


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real clamd with one signature of our own: no network is needed, and nothing but that is found."""
    if shutil.which("clamd") is None:
        pytest.skip("clamd: apt-get install clamav-daemon")
    folder = tmp_path_factory.mktemp("c")
    (folder / "db").mkdir()
    (folder / "db/own.ndb").write_text(f"Test.Eicar:0:*:{EICAR.encode().hex()}\n")
    control = folder / "c.ctl"
    (folder / "clamd.conf").write_text(
        f"DatabaseDirectory {folder}/db\nLocalSocket {control}\nForeground yes\nSelfCheck 0\nAlertExceedsMax yes\n"
        "AlertEncryptedArchive yes\nMaxFileSize 2M\nMaxScanSize 4M\nStreamMaxLength 8M\n"
    )
    daemon = subprocess.Popen(["clamd", "-c", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            if control.exists():
                break
            time.sleep(0.05)
        yield str(control)
    finally:
        daemon.terminate()
        daemon.wait(10)


def _zip_under_a_password() -> bytes:
    """The flag is enough: the engine does not try to decrypt."""
    data = bytearray(zipped({"a.txt": EICAR.encode()}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "state"),
    [
        ("归档\n".encode(), State.CLEAN),
        (EICAR.encode(), State.INFECTED),
        (zipped({"深/病毒.txt": EICAR.encode()}), State.INFECTED),
        (b'<?xml version="1.0"?><a>' + base64.b64encode(EICAR.encode() + b" " * 60) + b"</a>", State.INFECTED),
        (_zip_under_a_password(), State.NOT_SCANNED),
        (os.urandom(3 << 20), State.NOT_SCANNED),
        (os.urandom(9 << 20), State.NOT_SCANNED),
    ],
    ids=[
        "clean",
        "plain",
        "in_a_zip",
        "in_base64",
        "under_a_password",
        "beyond_max_file_size",
        "beyond_the_stream_limit",
    ],
)
def test_the_real_engine(clamd, tmp_path, data, state) -> None:
    (tmp_path / "file").write_bytes(data)
    assert scan_file(Clamd(clamd), tmp_path / "file", 64 << 20).state is state


@pytest.mark.slow
def test_a_record_checked_with_the_real_engine_says_which(clamd, tmp_path) -> None:
    report, items = _check(tmp_path, clamd, EICAR.encode() + b"\n")
    assert [(f.code, f.path) for f in report.findings] == [("VIR-SCANNED", None), ("VIR-FOUND", "过程文件/附.txt")]
    assert items["GD-4-1"]["result"] == "pass"
    assert items["GD-4-2"]["result"] == "fail"
    assert (report.circumstances.engine or "").startswith("ClamAV ")
