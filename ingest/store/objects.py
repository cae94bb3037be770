"""Putting packages into object storage so that they are there once, whole, and provably so.

Every object is sent with its SHA-256 and on the condition that the key is free. Then the store is asked what it holds. A
server that was seen to refuse a wrong SHA-256 is believed when it names the right one, but for a sample that is read back
all the same; of any other server (many take a checksum and keep silent) every object is read back and hashed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ingest.store.config import StoreConfig
from sip.remote import RangeFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20
_SAMPLE = 16  # one object in so many, chosen by its digest, is read back even from a server that proves
_PROBE = ".guidang/probe"  # exists only on servers that do not check
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class KeyTaken(Exception):
    """The key holds other bytes. Nothing was overwritten."""


class NotProved(Exception):
    """What was read back is not what was sent. Trying again may help."""


class ObjectStore:
    """One bucket of one S3 server."""

    def __init__(self, config: StoreConfig) -> None:
        self._bucket = config.bucket
        self._s3 = _client(config)

    def put_once(self, key: str, body: IO[bytes] | bytes, sha256: str, size: int, *, prove: bool = True) -> bool:
        """Put ``body`` (``size`` bytes with that SHA-256, hex) under a free key and prove that it is there.

        True when it was put now, False when the same bytes stood there already. Without ``prove`` a new object is believed
        to be what the server's checksum said; one that stood there already is always compared.
        Raises KeyTaken for other bytes, NotProved when the store gives back something else, ClientError for trouble.
        """
        put = True
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentLength=size,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                IfNoneMatch="*",
                Metadata={"sha256": sha256},
            )
        except ClientError as e:
            if e.response.get("Error", {}).get("Code") not in _TAKEN:
                raise
            put = False
        if put and not prove:
            return True
        found, length = self._held(key, sha256)
        if (found, length) != (sha256, size):
            if put:
                raise NotProved(f"{key}: sent {sha256} ({size} bytes), read back {found} ({length} bytes)")
            raise KeyTaken(key)
        return put

    def _held(self, key: str, expected: str) -> tuple[str, int]:
        """SHA-256 (hex) and length of the object, as a proving server names them, else as read back."""
        if int(expected[:8], 16) % _SAMPLE and self.proves():
            head = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            if named := head.get("ChecksumSHA256"):
                return base64.b64decode(named).hex(), head["ContentLength"]
        return self.digest(key)

    def proves(self) -> bool:
        """Whether this server refuses a body that does not fit its SHA-256; tried once a process."""
        return _refuses_wrong_checksum(self._s3, self._bucket)

    def digest(self, key: str) -> tuple[str, int]:
        """SHA-256 (hex) and length of what the store really holds, read as a stream."""
        sha256, size = hashlib.sha256(), 0
        for chunk in self.stream(key):
            sha256.update(chunk)
            size += len(chunk)
        return sha256.hexdigest(), size

    def stream(self, key: str) -> Iterator[bytes]:
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            while chunk := body.read(_CHUNK):
                yield chunk
        finally:
            body.close()

    def size(self, key: str) -> int | None:
        """The object's length in bytes, None where there is no such object."""
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as e:
            if e.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def read(self, key: str, offset: int, size: int) -> bytes:
        """``size`` bytes of an object from ``offset``; fewer where it ends before."""
        answer = self._s3.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={offset}-{offset + size - 1}")
        with contextlib.closing(answer["Body"]) as body:
            return body.read()

    def open(self, key: str) -> RangeFile:
        """An object as a file read by range requests. KeyError where there is none."""
        length = self.size(key)
        if length is None:
            raise KeyError(key)
        return RangeFile(lambda offset, size: self.read(key, offset, size), length)

    def fetch(self, key: str, target: Path) -> None:
        """Read an object into a file."""
        with target.open("wb") as f:
            for chunk in self.stream(key):
                f.write(chunk)

    def listing(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """All keys with their sizes, in order."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                yield item["Key"], item["Size"]


@cache
def _refuses_wrong_checksum(s3: S3Client, bucket: str) -> bool:
    wrong = base64.b64encode(hashlib.sha256(b"not this").digest()).decode()
    try:
        s3.put_object(Bucket=bucket, Key=_PROBE, Body=b"probe", ChecksumSHA256=wrong)
    except ClientError as e:
        if e.response.get("Error", {}).get("Code") in ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"):
            return True
        raise
    return False


@cache
def _client(config: StoreConfig) -> S3Client:
    options: dict[str, Any] = {
        "endpoint_url": config.endpoint,
        "aws_access_key_id": config.access_key,
        "aws_secret_access_key": config.secret_key,
        "region_name": config.region,
    }
    return boto3.client(
        "s3",
        config=Config(
            # the signed checksum header binds the body already; signing the body too would hash it once more
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            retries={"mode": "standard", "max_attempts": 5},
            # we name our own SHA-256; another default checksum beside it would be paid for nothing
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=4,
            connect_timeout=10,
            read_timeout=120,
        ),
        **options,
    )
