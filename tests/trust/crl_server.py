"""A real HTTP server of CRLs on the loopback address, good and bad; some of it for those who know the password."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Mapping
from typing import Any

LOGIN, PASSWORD = "archive", "fake-password-for-tests"


class CrlServer:
    """Serves ``files`` by path; paths below ``/secret/`` want the login; ``/moved/<path>`` leads to ``/<path>``, ``/away`` to
    another host. Notes what was asked with which authorization."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                wanted = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
                if self.path.startswith("/moved/"):
                    self._answer(302, b"", ("Location", self.path.removeprefix("/moved")))
                elif self.path == "/away":
                    self._answer(302, b"", ("Location", "http://localhost:1/x.crl"))
                elif self.path.startswith("/secret/") and self.headers.get("Authorization") != wanted:
                    self._answer(401, b"")
                elif self.path in outer.files:
                    self._answer(200, outer.files[self.path])
                else:
                    self._answer(404, b"")

            def _answer(self, code: int, body: bytes, *headers: tuple[str, str]) -> None:
                self.send_response(code)
                for name, value in (*headers, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def sources(*crls: Mapping[str, str]) -> str:
    return json.dumps({"schema": "guidang.trust-sources/1.0", "crls": list(crls)})
