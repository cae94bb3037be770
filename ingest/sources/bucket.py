"""An S3 bucket as source: a delivery is a key prefix. What an agency's keys say is a name, never a path of ours."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ingest.sources.base import DeliveryGone, SourceAway, SourceRefuses
from ingest.sources.connections import Connection
from ingest.sources.trees import Marked, SteadyFile, safe

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SECONDS = 30
_PAGES = 20_000  # of a thousand keys each
_AT_ONCE = 4  # small objects on their way at the same time


class BucketTree:
    """One bucket; ``folder`` and ``name`` together are a key."""

    remote = True

    def __init__(self, connection: Connection, bucket: str) -> None:
        self._bucket = bucket
        self._s3: S3Client = boto3.client(
            "s3",
            endpoint_url=connection.option("endpoint_url") or connection.host or None,
            region_name=connection.option("region_name", "us-east-1"),
            aws_access_key_id=connection.login,
            aws_secret_access_key=connection.password,
            verify=connection.option("ca_file") or None,
            config=Config(
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 4},
                s3={"addressing_style": "path"},
            ),
        )

    def marked(self, folder: str, markers: Collection[str], since: dt.date | None) -> Iterator[Marked]:
        files: dict[
            str, str
        ] = {}  # what stands directly in the folder, with its tag: keys come in order, X before X_DONE
        for key, found in self._list(folder):
            name, _, rest = key.partition("/")
            tag = found["ETag"].strip('"')
            mtime_ns = int(found["LastModified"].timestamp()) * 10**9
            if rest in markers and name:
                yield Marked(name, rest, found["Size"], mtime_ns, tag)
            elif name == key:
                for marker in markers:
                    if (own := files.get(key.removesuffix(marker))) is not None and key.endswith(marker):
                        yield Marked(key.removesuffix(marker), marker, found["Size"], mtime_ns, f"{tag}-{own}")
                files[key] = tag

    def at(self, folder: str) -> BucketTree:
        return self

    def walk(self, folder: str) -> list[str]:
        names = [key for key, _ in self._list(folder) if not key.endswith("/")]
        if not names and not self._is_file(folder):
            raise DeliveryGone(folder)
        return names or [posixpath.basename(folder)]

    def _is_file(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as e:
            if e.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise _trouble(key, e) from e
        except BotoCoreError as e:
            raise _trouble(key, e) from e
        return True

    def open(self, folder: str, name: str) -> SteadyFile:
        key = self.join(folder, safe(name))
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey as e:
            above, _, last = folder.rpartition("/")
            if name == last and self._is_file(folder):  # a delivery that is a single file
                return self.open(above, name)
            raise FileNotFoundError(key) from e
        except (ClientError, BotoCoreError) as e:
            raise _trouble(key, e) from e
        # one GET is one version of the object: it cannot change while it is read
        return SteadyFile(answer["Body"], key, lambda: None, lambda e: SourceAway(key, e))

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda item: self._write(self.join(folder, item[0]), item[1]), files.items()))

    def _write(self, key: str, data: bytes) -> None:
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType="application/json")
        except (ClientError, BotoCoreError) as e:
            raise _trouble(key, e) from e

    def close(self) -> None:
        self._s3.close()

    def join(self, folder: str, name: str) -> str:
        return f"{folder.strip('/')}/{name}".lstrip("/")

    def _list(self, folder: str) -> Iterator[tuple[str, Any]]:
        """Keys below ``folder``, relative to it, with what the listing tells of them."""
        prefix = self.join(folder, "")
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for number, page in enumerate(pages):
                if number == _PAGES:
                    raise SourceAway(f"{self._bucket}/{prefix}", "续页没有尽头 / its pages have no end")
                for found in page.get("Contents", []):
                    yield found["Key"][len(prefix) :], found
        except (ClientError, BotoCoreError) as e:
            raise _trouble(f"{self._bucket}/{prefix}", e) from e


def _trouble(key: str, error: ClientError | BotoCoreError) -> SourceAway:
    """A request that failed: for ever, because of who we are or what we may, or for now."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(error, ClientError) else 0
    return (SourceRefuses if status in (401, 403) else SourceAway)(key, error)
