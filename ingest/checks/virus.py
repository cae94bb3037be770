"""Virus scanning by a running clamd, over its socket. Not scanned is never clean.

The protocol is clamd's own: ``zINSTREAM`` with length-prefixed chunks, so that the daemon needs no access to staging.
What it stops at (too large, encrypted) it reports as a heuristic finding; that is "not scanned", not malware.
"""

from __future__ import annotations

import dataclasses
import enum
import socket
import struct
from pathlib import Path
from typing import Protocol

_CHUNK = 1 << 20
_ANSWER_BYTES = 4096
_GAVE_UP = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")


class State(enum.StrEnum):
    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """What the engine said of one file; ``detail`` names the malware, or why it was not scanned."""

    state: State
    detail: str = ""


class ScannerAway(Exception):
    """No engine answers at the address."""


class Scanner(Protocol):
    def version(self) -> str:
        """Engine and signature date, for the report. Raises ScannerAway."""
        ...

    def scan(self, path: Path) -> Scan:
        """One file. Raises OSError only if the file itself cannot be read."""
        ...


class Clamd:
    """A clamd at ``unix:/run/clamav/clamd.ctl`` or ``host:port``. Raises ValueError for another address."""

    def __init__(self, address: str, timeout: float = 120.0) -> None:
        self._timeout = timeout
        kind, _, rest = address.partition(":")
        if kind == "unix" and rest:
            self._unix: str | None = rest
            return
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"clamd 地址应为 unix:路径 或 主机:端口 / not an address of clamd: {address}")
        self._unix = None
        self._host, self._port = host, int(port)

    def version(self) -> str:
        """For example ``ClamAV 1.4.6/27412/Mon Sep  9 08:31:01 2026``: engine, signature version, signature date."""
        try:
            with self._connect() as link:
                link.sendall(b"zVERSION\0")
                answer = _answer(link)
        except OSError as exc:
            raise ScannerAway(str(exc)) from exc
        if not answer:
            raise ScannerAway("empty answer")
        return answer

    def scan(self, path: Path) -> Scan:
        """Send one file to the engine."""
        with path.open("rb") as file:
            try:
                with self._connect() as link:
                    link.sendall(b"zINSTREAM\0")
                    while chunk := file.read(_CHUNK):
                        link.sendall(struct.pack(">I", len(chunk)) + chunk)
                    link.sendall(struct.pack(">I", 0))
                    return _judge(_answer(link))
            except (BrokenPipeError, ConnectionResetError):  # so clamd ends a stream beyond its StreamMaxLength
                return Scan(State.NOT_SCANNED, "文件过大 / too large for the engine")
            except OSError as exc:
                return Scan(State.NOT_SCANNED, f"杀毒引擎无应答 / the engine does not answer: {exc}")

    def _connect(self) -> socket.socket:
        if self._unix is None:
            return socket.create_connection((self._host, self._port), self._timeout)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self._timeout)
        try:
            link.connect(self._unix)
        except OSError:
            link.close()
            raise
        return link


def _answer(link: socket.socket) -> str:
    data = b""
    while b"\0" not in data and len(data) < _ANSWER_BYTES and (more := link.recv(_ANSWER_BYTES)):
        data += more
    return data.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _judge(answer: str) -> Scan:
    said = answer.removeprefix("stream: ")
    if said == "OK":
        return Scan(State.CLEAN)
    name = said.removesuffix(" FOUND")
    if name == said:
        return Scan(State.NOT_SCANNED, said[:200] or "无结论 / no answer")
    return Scan(State.NOT_SCANNED if name.startswith(_GAVE_UP) else State.INFECTED, name[:200])
