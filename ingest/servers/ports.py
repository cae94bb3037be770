"""Which loopback port each server listens on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
from collections.abc import Mapping
from typing import Self

HOST = "127.0.0.1"  # the servers hold records and their keys: nothing listens beyond this machine
_ADMIN_DISTANCE = 10000


@dataclasses.dataclass(frozen=True, slots=True)
class Ports:
    """One TCP port for each listener; ``GUIDANG_PORT_<NAME>`` in the environment overrides a default.

    SeaweedFS wants a gRPC port beside each HTTP port and silently moves elsewhere when one is taken, so all are explicit.
    """

    api: int = 8080  # Airflow: page and REST API
    s3: int = 8333
    s3_grpc: int = 18333
    master: int = 9333
    master_grpc: int = 19333
    volume: int = 9340
    volume_grpc: int = 19340
    filer: int = 8888
    filer_grpc: int = 18888
    admin: int = 23646  # SeaweedFS starts its maintenance server even with its pages turned off
    admin_grpc: int = 33646

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The default ports with the overrides of ``environ``. Raises ValueError for what is no port number."""
        given = {}
        for field in dataclasses.fields(cls):
            text = environ.get(variable(field.name))
            if text is None:
                continue
            if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
                raise ValueError(f"{variable(field.name)}={text!r}")
            given[field.name] = int(text)
        return cls(**given)

    @classmethod
    def free(cls) -> Self:
        """Ports that the system says are free just now, all different; for tests and second instances."""
        with contextlib.ExitStack() as held:

            def bind(port: int = 0) -> int:
                s = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                s.bind((HOST, port))
                return int(s.getsockname()[1])

            given = {field.name: bind() for field in dataclasses.fields(cls)}
            while (
                True
            ):  # SeaweedFS's own worker finds its maintenance server only at this distance, whatever the flags say
                given["admin_grpc"] = bind()
                with contextlib.suppress(OSError):
                    given["admin"] = bind(given["admin_grpc"] - _ADMIN_DISTANCE)
                    return cls(**given)

    def as_dict(self) -> dict[str, int]:
        return dataclasses.asdict(self)

    @property
    def store(self) -> dict[str, int]:
        """The ports of the object store alone."""
        return {name: port for name, port in self.as_dict().items() if name != "api"}


def variable(name: str) -> str:
    """The environment variable that overrides the port ``name``."""
    return f"GUIDANG_PORT_{name.upper()}"
