"""Virus scanning by a running clamd, over its socket. Not scanned is never clean.

The protocol is clamd's own: ``zINSTREAM`` with length-prefixed chunks, so that the daemon needs no access to staging.
What it stops at (too large, encrypted) it reports as a heuristic finding; that is "not scanned", not malware.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import socket
import struct
from pathlib import Path
from typing import Protocol

from ingest.checks.embedded import MOST, carries_text, decoded

_CHUNK = 1 << 20
_ANSWER_BYTES = 4096
_HEAD = 64
_LOOPBACK = ("localhost", "::1", "[::1]")
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

    def scan(self, source: Path | bytes) -> Scan:
        """One file, or bytes. Raises OSError only if the file itself cannot be read."""
        ...


def scan_file(scanner: Scanner, path: Path, limit: int) -> Scan:
    """One file and what it carries as base64 text; the first that is not clean decides.

    A file of text longer than ``limit`` bytes is scanned as it is, but what it may carry is not, and that is said.
    """
    whole = scanner.scan(path)
    if whole.state is not State.CLEAN:
        return whole
    with path.open("rb") as file:
        if not carries_text(file.read(_HEAD)):
            return whole
    if path.stat().st_size > limit:
        return Scan(State.NOT_SCANNED, f"文本大于 {limit} 字节，内嵌内容未检测 / embedded content not scanned")
    for part in decoded(path.read_bytes()):
        if not part:
            return Scan(State.NOT_SCANNED, f"内嵌内容超过 {MOST} 处 / more than {MOST} embedded parts")
        found = scanner.scan(part)
        if found.state is not State.CLEAN:
            return dataclasses.replace(found, detail=f"{found.detail} (base64)")
    return whole


class Clamd:
    """A clamd at a unix socket (``unix:/run/clamav/clamd.ctl`` or just the path) or at ``host:port`` on this machine.

    The protocol sends contents in the clear, so another machine must be asked for by name: ``tcp:host:port``. Raises
    ValueError for another address.
    """

    def __init__(self, address: str, timeout: float = 120.0) -> None:
        self._timeout = timeout
        kind, _, rest = address.partition(":")
        path = address if address.startswith("/") else rest if kind == "unix" else ""
        if path:
            self._unix: str | None = path
            return
        host, _, port = (rest if kind == "tcp" else address).rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"clamd 地址应为 unix:路径 或 主机:端口 / not an address of clamd: {address}")
        if kind != "tcp" and not (host in _LOOPBACK or host.startswith("127.")):
            raise ValueError(
                f"clamd 在另一台主机上时内容会明文传输，确需如此请写 tcp:{address}"
                f" / contents would go to another machine in the clear: write tcp:{address} if that is meant"
            )
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

    def scan(self, source: Path | bytes) -> Scan:
        """Send one file, or bytes, to the engine."""
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
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
