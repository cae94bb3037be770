"""A line between us and a real server that can be disturbed: it stalls, drips, or is cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Line:
    """Listens on ``port`` and passes everything on to ``server`` (host and port, or the path of a unix socket).

    After ``disturb`` the server may say so many bytes more, on all connections together; then nothing comes any more ("stall"),
    a byte now and then ("drip"), or the connection breaks ("cut", once). ``mend`` makes the line whole for what is new.
    """

    def __init__(self, server: tuple[str, int] | str) -> None:
        self._server = server
        self._trouble = ""
        self._left = 0
        self._mended = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._refusal, self._refusals = b"", 0
        threading.Thread(target=self._accept, daemon=True).start()

    def disturb(self, trouble: str, after: int = 0) -> None:
        with self._lock:
            self._trouble, self._left = trouble, after
            self._mended = threading.Event()

    def refuse(self, answer: bytes, times: int) -> None:
        """The next so many connections get this answer to whatever they ask; those that stand are broken off."""
        self.mend()
        with self._lock:
            self._refusal, self._refusals = answer, times

    def mend(self) -> None:
        """New connections are whole; those that were disturbed are broken off."""
        with self._lock:
            self._trouble = ""
            sockets, self._sockets = self._sockets, []
            self._mended.set()
        for s in sockets:
            _hang_up(s)

    def close(self) -> None:
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._refusals -= (refused := self._refusals > 0)
            if refused:
                threading.Thread(target=_refuse, args=(client, self._refusal), daemon=True).start()
                continue
            kind = socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET
            server = socket.socket(kind, socket.SOCK_STREAM)
            try:
                server.connect(self._server)
            except OSError:
                client.close()
                server.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            for source, target, back in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(source, target, back), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        try:
            while data := source.recv(64 * 1024):
                if back:
                    self._back(data, source, target)
                else:
                    target.sendall(data)
        except OSError:
            pass
        _hang_up(source)
        _hang_up(target)

    def _back(self, data: bytes, source: socket.socket, target: socket.socket) -> None:
        with self._lock:
            trouble, mended = self._trouble, self._mended
            through = len(data) if not trouble else min(len(data), self._left)
            self._left -= through if trouble else 0
            if trouble == "cut" and through < len(data):
                self._trouble, self.cuts = "", self.cuts + 1
        target.sendall(data[:through])
        if through == len(data):
            return
        if trouble == "cut":
            raise ConnectionAbortedError
        if trouble == "stall":
            mended.wait()
        for byte in data[through:]:
            if mended.is_set():
                raise ConnectionAbortedError
            target.sendall(bytes([byte]))
            time.sleep(0.05)


def _refuse(client: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        client.recv(64 * 1024)
        client.sendall(answer)
    _hang_up(client)


def _hang_up(s: socket.socket) -> None:
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_RDWR)
    s.close()
