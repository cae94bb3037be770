"""Whether the store's side doors are really shut.

SeaweedFS goes on without protection where it cannot read its certificate (measured: an unreadable key gives a warning about a
health check, and no more). So nothing is believed of its configuration: every door is tried at each start.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time

from ingest.servers.ports import HOST, Ports

_PATIENCE = 10.0  # seconds for a door to be there at all; the maintenance server comes up after S3
GRPC = ("master_grpc", "volume_grpc", "filer_grpc", "s3_grpc", "admin_grpc")
_HTTP = {"filer": "/buckets/", "master": "/dir/status", "volume": "/1,01", "admin": "/api/config"}


def open_doors(ports: Ports) -> list[str]:
    """The names of the listeners that serve somebody without a certificate or token; empty is as it must be."""
    found = [name for name in GRPC if not _wants_certificate(getattr(ports, name))]
    return found + [name for name, path in _HTTP.items() if _serves(getattr(ports, name), path)]


def _wants_certificate(port: int) -> bool:
    """A TLS 1.3 server tells only after the handshake that a certificate is missing, so one byte must be asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who it is does not matter here
    context.set_alpn_protocols(["h2"])
    with _connect(port) as plain:
        try:
            with context.wrap_socket(plain) as tls:
                tls.recv(1)
        except ssl.SSLError as e:
            return "CERTIFICATE_REQUIRED" in str(e.reason)
        except OSError:
            pass  # cut off or silent: not what a server that wants a certificate does
    return False


def _serves(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    connection.sock = _connect(port)
    try:
        connection.request("GET", path)
        return connection.getresponse().status not in (401, 403, 404)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connect(port: int) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return socket.create_connection((HOST, port), 5)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
