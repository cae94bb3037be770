"""What must be right before anything is started. Each trouble is one line, Chinese first, and says what to do."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ingest.servers import processes
from ingest.servers.ports import HOST, Ports, variable
from ingest.servers.seaweed import StoreError, weed

MINIMUM_FREE = 2 * 1024**3  # bytes: a sample night, its packages, the store's volumes and the logs
_CLEANING = 25.0  # seconds that the warden of a killed supervisor may need to end what it left


class Preflight(Exception):
    """Something outside this program must be put right first. The text is one line for a person."""


def check(home: Path, ports: Mapping[str, int] | Ports, free_bytes: int = MINIMUM_FREE, airflow: bool = True) -> None:
    """Raise Preflight at the first thing that would make a start fail half way. Starts nothing and leaves nothing behind.

    ``ports`` are the ports to be taken, by name. The home's lock is tried and given back; ``lock`` takes it for good.
    """
    check_python(sys.version_info[:2])
    _check_tools(airflow)
    _check_home(home, free_bytes)
    lock(home).close()
    check_ports(ports.as_dict() if isinstance(ports, Ports) else ports)


def check_python(version: tuple[int, int]) -> None:
    """Python 3.11 or 3.12, as the locked environment wants."""
    if not (3, 11) <= version < (3, 13):
        have = ".".join(map(str, version))
        raise Preflight(f"需要 Python 3.11 或 3.12，现为 {have} / Python 3.11 or 3.12 is needed, this is {have}")


def check_ports(ports: Mapping[str, int]) -> None:
    """Every port free on the loopback address, none given twice."""
    given: dict[int, str] = {}
    for name, port in ports.items():
        if port in given:
            raise Preflight(
                f"端口 {port} 同时指定给 {given[port]} 和 {name}，请改 {variable(name)} / "
                f"port {port} is given to both {given[port]} and {name}; change {variable(name)}"
            )
        given[port] = name
        if _taken(port):
            holder = processes.listener(port)
            who = f"pid {holder.pid}: {processes.command(holder.pid)[:80]}" if holder else ""
            raise Preflight(
                f"端口 {port}（{name}）已被占用{f'（{who}）' if who else ''}，请停掉占用者或设置 {variable(name)} / "
                f"port {port} ({name}) is taken{f' by {who}' if who else ''}; stop it or set {variable(name)}"
            )


def lock(home: Path) -> IO[str]:
    """Take the home's lock, so that one supervisor at a time works on it; close the file to give it back.

    The lock goes with the open file, not with the pid written in it, so a crash leaves no stale lock. Raises Preflight
    naming the holder.
    """
    file = (home / "run.lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + _CLEANING
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            file.seek(0)
            text = file.read().strip()
            pid = int(text) if text.isdigit() else 0
            # A dead holder's warden still has the lock while it ends what was left behind: wait for it.
            if (pid and processes.look(pid)) or time.monotonic() > deadline:
                file.close()
                raise Preflight(
                    f"另一个 guidang（pid {pid}）正在使用 {home}，可用 make stop 停止 / "
                    f"another guidang (pid {pid}) runs on {home}; make stop ends it"
                ) from None
            time.sleep(0.2)
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _check_tools(airflow: bool) -> None:
    try:
        weed()
    except StoreError as e:
        raise Preflight(str(e)) from None
    program = Path(sys.executable).parent / "airflow"
    if airflow and not program.exists():
        raise Preflight(f"没有 Airflow，请运行 make run 或安装附加组 run / no Airflow, install extra 'run': {program}")


def _check_home(home: Path, free_bytes: int) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as e:
        raise Preflight(f"目录 {home} 不可写（{e.strerror}） / folder {home} cannot be written: {e.strerror}") from None
    free = shutil.disk_usage(home).free
    if free < free_bytes:
        have, want = f"{free / 1024**3:.1f} GiB", f"{free_bytes / 1024**3:.1f} GiB"
        raise Preflight(
            f"{home} 所在磁盘只剩 {have}，至少需要 {want} / the disk of {home} has {have} left, {want} are needed"
        )


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no hindrance
        try:
            s.bind((HOST, port))
        except OSError:
            return True
    return False
