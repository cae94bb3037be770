"""Agencies' systems on the loopback address: an SFTP server, an HTTPS interface, a bucket, a folder; each can be made to fail."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import getpass
import http.server
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.servers.ports import Ports
from ingest.servers.seaweed import StoreEndpoint

LOGIN, PASSWORD, TOKEN = "agency", "fake-password-for-tests", "fake-token-for-tests"


@dataclasses.dataclass(frozen=True)
class Place:
    """One agency's system: how agencies.json names it, the connection, and how the producer writes and the tests look."""

    source: dict[str, Any]
    connection: dict[str, Any]
    put: Callable[[str, bytes], None]  # path below the drop
    remove: Callable[[str], None]  # a whole delivery
    receipts: Callable[[], dict[str, bytes]]
    close: Callable[[], None] = lambda: None


# ------------------------------------------------------------------------------------------------ SFTP


class SftpServer:
    """Serves ``root`` to LOGIN; ``cut_after`` bytes read it breaks the connection, once for each in ``cuts``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cuts: list[int] = []
        self.logins = 0
        self.more_names: Iterable[bytes] = ()  # told at the end of every folder, whatever stands there
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._acceptor = self._call(self._listen(0))
        self.port: int = self._acceptor.get_port()

    @property
    def host_key(self) -> str:
        return self._key.export_public_key().decode().strip()

    def stop(self) -> None:
        self._call(self._end())

    async def _end(self) -> None:
        self._acceptor.close()
        for connection in self._connections:
            connection.abort()
            await connection.wait_closed()
        self._connections.clear()
        await self._acceptor.wait_closed()

    def start(self) -> None:
        self._acceptor = self._call(self._listen(self.port))

    def close(self) -> None:
        self.stop()
        self._call(asyncio.sleep(0.05))  # what was aborted says good-bye
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self, port: int) -> asyncssh.SSHAcceptor:
        outer = self

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                outer._connections.append(conn)

            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                outer.logins += 1
                return (username, password) == (LOGIN, PASSWORD)

        class Files(asyncssh.SFTPServer):
            def __init__(self, chan: Any) -> None:
                super().__init__(chan, chroot=str(outer.root).encode())
                self._given = 0

            async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
                async for name in super().scandir(path):
                    yield name
                for more in outer.more_names:
                    yield asyncssh.SFTPName(more, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=0))

            def read(self, file_obj: object, offset: int, size: int) -> Any:
                self._given += size
                if outer.cuts and self._given > outer.cuts[0]:
                    outer.cuts.pop(0)
                    self.channel.get_connection().abort()
                return super().read(file_obj, offset, size)

        return await asyncssh.create_server(
            Server, "127.0.0.1", port, server_host_keys=[self._key], sftp_factory=Files, reuse_address=True
        )


SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)


class Sshd:
    """Debian's own sshd, private to the tests; who runs them logs in with a key made for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        etc = root / "etc"
        etc.mkdir()
        host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        host.write_private_key(etc / "host")
        (etc / "host").chmod(0o600)
        (etc / "users").write_bytes(user.export_public_key())
        self.host_key = host.export_public_key().decode().strip()
        self.private_key = user.export_private_key().decode()
        self.port = Ports.free().api
        (etc / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {etc}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"PasswordAuthentication no\nAuthorizedKeysFile {etc}/users\nSubsystem sftp internal-sftp\n"
            "ForceCommand internal-sftp\n"
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        assert SSHD is not None
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(etc / "sshd_config")], stderr=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("sshd does not start")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


# ------------------------------------------------------------------------------------------------ HTTPS


class Interface:
    """The HTTPS interface of https.py over ``drop`` (deliveries) and ``receipts``; ``answer`` may take over any request."""

    def __init__(self, folder: Path, page: int = 2) -> None:
        self.drop: dict[str, dict[str, bytes]] = {}
        self.receipts: dict[str, bytes] = {}
        self.taken: list[tuple[str, bytes]] = []  # every receipt that was put, in order
        self.arrived: dict[str, dt.datetime] = {}
        self.asked: list[str] = []
        self.answer: Callable[[http.server.BaseHTTPRequestHandler, str], bool] = lambda handler, path: False
        self.certificate = folder / "interface.pem"
        _certificate(self.certificate)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._get(self, page)

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(f"PUT {self.path}")
                if outer.answer(self, self.path):
                    return
                name = unquote(self.path.rsplit("/", 1)[1])
                outer.receipts[name] = body
                outer.taken.append((name, body))
                reply(self, 204)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that goes away is wanted here
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _get(self, handler: http.server.BaseHTTPRequestHandler, page: int) -> None:
        self.asked.append(f"GET {handler.path}")
        if self.answer(handler, handler.path):
            return
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            reply(handler, 401)
            return
        url = urlsplit(handler.path)
        parts = url.path.strip("/").split("/")
        if parts == ["api", "deliveries"]:
            query = parse_qs(url.query)
            since = dt.date.fromisoformat(query.get("since", ["0001-01-01"])[0])
            names = [n for n in sorted(self.drop) if "case.json" in self.drop[n] and self.arrived[n].date() >= since]
            start = int(query.get("cursor", ["0"])[0])
            some = [{"name": n, "modified": self.arrived[n].isoformat()} for n in names[start : start + page]]
            more = str(start + page) if start + page < len(names) else None
            reply(handler, 200, json.dumps({"deliveries": some, "next": more}).encode())
            return
        files = self.drop.get(unquote(parts[2]), {})
        name = unquote("/".join(parts[4:]))
        if not files or (name and name not in files):
            reply(handler, 404)
        else:
            reply(handler, 200, files[name] if name else json.dumps({"files": sorted(files)}).encode())


def reply(
    handler: http.server.BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | dict(headers or {})).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _certificate(path: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + private)


# ------------------------------------------------------------------------------------------------ as agencies see them


def folder_place(root: Path, agency: str = "a") -> Place:
    drop, outbox = root / "drop", root / "回执"
    return Place(
        {"kind": "folder", "path": str(drop), "receipts": str(outbox)},
        {},
        lambda path, data: _write(drop / agency / path, data),
        lambda name: _remove(drop / agency / name),
        lambda: _files(outbox / agency),
    )


def sftp_place(server: SftpServer) -> Place:
    return Place(
        {"kind": "sftp", "connection": "agency_sftp", "path": "/待归档", "receipts": "/回执/本年"},
        {"host": "127.0.0.1", "port": server.port, "login": LOGIN, "password": PASSWORD,
         "extra": json.dumps({"host_key": server.host_key})},
        lambda path, data: _write(server.root / "待归档" / path, data),
        lambda name: _remove(server.root / "待归档" / name),
        lambda: _files(server.root / "回执/本年"),
    )  # fmt: skip


def sshd_place(server: Sshd) -> Place:
    drop, outbox = server.root / "待归档", server.root / "回执"
    return Place(
        {"kind": "sftp", "connection": "agency_sftp", "path": str(drop), "receipts": str(outbox)},
        {"host": "127.0.0.1", "port": server.port, "login": getpass.getuser(),
         "extra": json.dumps({"host_key": server.host_key, "private_key": server.private_key})},
        lambda path, data: _write(drop / path, data),
        lambda name: _remove(drop / name),
        lambda: _files(outbox),
    )  # fmt: skip


def bucket_place(store: StoreEndpoint, bucket: str) -> Place:
    keys = store.users["admin"]
    s3 = store.client("admin")
    s3.create_bucket(Bucket=bucket)

    def keys_below(prefix: str) -> list[str]:
        return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]

    def remove(name: str) -> None:
        for key in keys_below(f"待归档/{name}/"):
            s3.delete_object(Bucket=bucket, Key=key)

    def receipts() -> dict[str, bytes]:
        return {
            k.rpartition("/")[2]: s3.get_object(Bucket=bucket, Key=k)["Body"].read() for k in keys_below("receipts/")
        }

    return Place(
        {"kind": "s3", "connection": "agency_s3", "bucket": bucket, "path": "待归档", "receipts": "receipts"},
        {"host": store.url, "login": keys.access_key, "password": keys.secret_key, "extra": "{}"},
        lambda path, data: void(s3.put_object(Bucket=bucket, Key=f"待归档/{path}", Body=data)),
        remove,
        receipts,
        s3.close,
    )


def https_place(server: Interface) -> Place:
    def put(path: str, data: bytes) -> None:
        name, _, file = path.partition("/")
        server.drop.setdefault(name, {})[file] = data
        server.arrived[name] = dt.datetime.now(dt.UTC)

    return Place(
        {"kind": "https", "connection": "agency_https"},
        {"host": "127.0.0.1", "port": server.port, "password": TOKEN, "schema": "api",
         "extra": json.dumps({"ca_file": str(server.certificate)})},
        put,
        lambda name: void(server.drop.pop(name)),
        lambda: dict(server.receipts),
    )  # fmt: skip


def void(_: object) -> None:
    """For lambdas that are called for what they do."""


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.is_dir() else {}


def drip(handler: http.server.BaseHTTPRequestHandler, seconds: float) -> None:
    """An answer that comes byte by byte and never ends within ``seconds``."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**9))
    handler.end_headers()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)
