"""Putting packages into object storage so that they are there once, whole, and provably so.

Every object is sent with its SHA-256 and on the condition that the key is free; large ones in parts. Then the store is asked
what it holds. A server that was seen to refuse a wrong SHA-256 is believed when it names the right one, but for a sample that
is read back all the same; of any other server (many take a checksum and keep silent) every object is read back and hashed.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import io
import itertools
import operator
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ingest.store import abilities, multipart
from ingest.store.abilities import TAKEN, Abilities
from ingest.store.config import StoreConfig
from ingest.store.locks import Lock
from sip.remote import RangeFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20
_UNVERSIONED = "null"  # S3's own name for what was put while the bucket kept no versions
_SAMPLE = 16  # one object in so many, chosen by its digest, is read back even from a server that proves


class KeyTaken(Exception):
    """The key holds other bytes. Nothing was overwritten."""


class NotProved(Exception):
    """What was read back is not what was sent. Trying again may help."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What stands in the store now: ``new`` when it was put just now, False when the same bytes stood there already."""

    new: bool
    version_id: str | None = None


class ObjectStore:
    """One bucket of one S3 server. ``able`` is what the server was found to be able to do; probed where it is not given."""

    def __init__(self, config: StoreConfig, able: Abilities | None = None) -> None:
        self.name = config.name
        self._bucket = config.bucket
        self._s3 = client(config)
        self._config = config
        self._able = able

    @property
    def able(self) -> Abilities:
        if self._able is None:
            self._able = abilities.probe(self._s3, self._config)
        return self._able

    def reach(self) -> None:
        """Ask for the bucket. Raises ClientError or BotoCoreError where the store is away or the bucket is not ours."""
        self._s3.head_bucket(Bucket=self._bucket)

    def put_once(
        self, key: str, body: IO[bytes] | bytes, sha256: str, size: int, *, prove: bool = True,
        lock: Lock | None = None, hold: bool = False,
    ) -> Stored:  # fmt: skip
        """Put ``body`` (seekable, ``size`` bytes with that SHA-256, hex) under a free key and prove that it is there.

        ``lock`` and ``hold`` protect it from its first moment. Without ``prove`` a new object is believed to be what the
        server's checksum said; one that stood there already is always compared, and locked where it was not.
        Raises KeyTaken for other bytes, WrongDigest where ``body`` is not what ``sha256`` says, NotProved when the store
        gives back something else, ClientError and BotoCoreError for trouble.
        """
        source: IO[bytes] = io.BytesIO(body) if isinstance(body, bytes) else body
        large = size >= multipart.FROM
        how = {"Metadata": {"sha256": sha256}, **_protection(lock, hold)}
        version, named, put = None, None, True
        try:
            if not self._refuses_to_overwrite(large) and self.head(key) is not None:
                put = False  # this server would put it over what is there: ask before
            elif large:
                version, named = multipart.upload(
                    self._s3, self._bucket, key, source, sha256, size, self.able.conditional_complete, **how
                )
            else:
                version, named = self._put(key, source, sha256, size, how | {"IfNoneMatch": "*"})
        except ClientError as e:
            if e.response.get("Error", {}).get("Code") not in TAKEN:
                raise
            put = False
        if put and not prove:
            return Stored(True, version)
        if not put:
            named = multipart.composite(source, size) if large else base64.b64encode(bytes.fromhex(sha256)).decode()
            version = (self.head(key) or {}).get("VersionId")
        if not self._holds(key, version, named, sha256, size, large):
            if put:
                raise NotProved(f"{key}: sent {sha256} ({size} bytes), {self.name} gives back something else")
            raise KeyTaken(key)
        if not put or large:  # an upload gone on with after a crash was begun with the lock of that time
            self._protect(key, version, lock, hold)
        return Stored(put, version)

    def put_again(
        self, key: str, body: IO[bytes], sha256: str, size: int, *, lock: Lock | None = None, hold: bool = False
    ) -> Stored:
        """Put ``body`` over whatever stands under the key, and prove it by reading it back: the repair of a damaged copy, which a
        person has decided. Where the store keeps versions, the damaged one stays below. Raises as `put_once`.
        """
        how = {"Metadata": {"sha256": sha256}, **_protection(lock, hold)}
        if size >= multipart.FROM:
            version, _ = multipart.upload(self._s3, self._bucket, key, body, sha256, size, False, **how)
        else:
            version, _ = self._put(key, body, sha256, size, how)
        if self.digest(key, version) != (sha256, size):
            raise NotProved(f"{key}: sent {sha256} ({size} bytes), {self.name} gives back something else")
        return Stored(True, version)

    def _refuses_to_overwrite(self, large: bool) -> bool:
        return self.able.conditional_complete if large else self.able.conditional_put

    def _put(self, key: str, source: IO[bytes], sha256: str, size: int, how: dict[str, Any]) -> tuple[str | None, str]:
        """Put in one piece; returns the version's id and the checksum that the store should name."""
        named = base64.b64encode(bytes.fromhex(sha256)).decode()
        if not self.able.checksum_verified:
            # This server would keep what rotted here under the record's key, for good: look before. MD5 guards the way there.
            how = how | {"ContentMD5": _md5_of(source, sha256, key)}
        answer = self._s3.put_object(
            Bucket=self._bucket, Key=key, Body=source, ContentLength=size, ChecksumSHA256=named, **how
        )
        return answer.get("VersionId"), named

    def _holds(self, key: str, version: str | None, named: str | None, sha256: str, size: int, large: bool) -> bool:
        """Whether the object is the bytes with this SHA-256 and size: as a proving server says, else as read back."""
        proves = self.able.proves_parts if large else self.able.proves
        if proves and int(sha256[:8], 16) % _SAMPLE:
            head = self.head(key, version)
            if head is not None and head.get("ChecksumSHA256") == named:
                return bool(head["ContentLength"] == size)
        return self.digest(key, version) == (sha256, size)

    def _protect(self, key: str, version: str | None, lock: Lock | None, hold: bool) -> None:
        """Lock what stands there already, unless it is locked as long or longer."""
        if lock is not None:
            mode, until = self.retention(key, version)
            if until is None or until < lock.until or (lock.mode == "COMPLIANCE" and mode != lock.mode):
                later = lock.until if until is None else max(until, lock.until)
                retention: Any = {"Mode": lock.mode, "RetainUntilDate": later}
                self._s3.put_object_retention(Bucket=self._bucket, Key=key, Retention=retention, **_version(version))
        if hold:
            self.hold(key, version, True)

    def retention(self, key: str, version: str | None = None) -> tuple[str | None, dt.datetime | None]:
        """(mode, until) of an object's lock; (None, None) where it has none."""
        try:
            found = self._s3.get_object_retention(Bucket=self._bucket, Key=key, **_version(version))["Retention"]
        except ClientError as e:
            if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (400, 404):
                return None, None
            raise
        return found.get("Mode"), found.get("RetainUntilDate")

    def hold(self, key: str, version: str | None, on: bool) -> None:
        """Set or lift the legal hold of an object; safe to repeat. Raises ClientError."""
        self._s3.put_object_legal_hold(
            Bucket=self._bucket, Key=key, LegalHold={"Status": "ON" if on else "OFF"}, **_version(version)
        )

    def held(self, key: str, version: str | None = None) -> bool:
        """Whether the store itself says that the object is under a legal hold."""
        try:
            found = self._s3.get_object_legal_hold(Bucket=self._bucket, Key=key, **_version(version))
        except ClientError as e:
            if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (400, 404):
                return False
            raise
        return found.get("LegalHold", {}).get("Status") == "ON"

    def head(self, key: str, version: str | None = None) -> dict[str, Any] | None:
        """What the store says of an object (ContentLength, ChecksumSHA256, VersionId, Metadata); None where it is not."""
        try:
            return dict(self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED", **_version(version)))
        except ClientError as e:
            if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise

    def digest(self, key: str, version: str | None = None) -> tuple[str, int]:
        """SHA-256 (hex) and length of what the store really holds, read as a stream."""
        sha256, size = hashlib.sha256(), 0
        for chunk in self.stream(key, version):
            sha256.update(chunk)
            size += len(chunk)
        return sha256.hexdigest(), size

    def stream(self, key: str, version: str | None = None) -> Iterator[bytes]:
        """An object's bytes in pieces, the newest version where none is named."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key, **_version(version))["Body"]
        try:
            while chunk := body.read(_CHUNK):
                yield chunk
        finally:
            body.close()

    def size(self, key: str, version: str | None = None) -> int | None:
        """The object's length in bytes, None where there is no such object."""
        head = self.head(key, version)
        return None if head is None else int(head["ContentLength"])

    def read(self, key: str, offset: int, size: int, version: str | None = None) -> bytes:
        """``size`` bytes of an object from ``offset``; fewer where it ends before."""
        reach = f"bytes={offset}-{offset + size - 1}"
        answer = self._s3.get_object(Bucket=self._bucket, Key=key, Range=reach, **_version(version))
        with contextlib.closing(answer["Body"]) as body:
            return body.read()

    def open(self, key: str, version: str | None = None) -> RangeFile:
        """An object as a file read by range requests. KeyError where there is none."""
        length = self.size(key, version)
        if length is None:
            raise KeyError(key)
        return RangeFile(lambda offset, size: self.read(key, offset, size, version), length)

    def fetch(self, key: str, target: Path, version: str | None = None) -> None:
        """Read an object into a file."""
        with target.open("wb") as f:
            for chunk in self.stream(key, version):
                f.write(chunk)

    def versions(self, key: str) -> tuple[str | None, ...]:
        """The ids of all that the store keeps under ``key``, oldest first; (None,) where it keeps one thing a key."""
        return next((ids for found, ids in self.kept(key) if found == key), ())

    def kept(self, prefix: str = "") -> Iterator[tuple[str, tuple[str | None, ...]]]:
        """All keys below ``prefix``, in order, each with its versions as `versions` gives them.

        What stands hidden behind a newer version or a deletion is there too: nothing that was deposited can be talked away.
        """
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        found = ((v["Key"], v["VersionId"]) for page in pages for v in page.get("Versions", []))
        try:
            for key, some in itertools.groupby(found, key=operator.itemgetter(0)):
                yield key, tuple(None if v == _UNVERSIONED else v for _, v in reversed(list(some)))
        except ClientError as e:
            if e.response.get("ResponseMetadata", {}).get("HTTPStatusCode") not in (405, 501):
                raise
            yield from ((key, (None,)) for key, _ in self.listing(prefix))  # a server that knows no versions

    def listing(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """All keys with their sizes, in order."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                yield item["Key"], item["Size"]


def _md5_of(source: IO[bytes], sha256: str, key: str) -> str:
    """Content-MD5 of ``source``, which is rewound. Raises WrongDigest where its SHA-256 is another."""
    md5, found = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    while chunk := source.read(_CHUNK):
        md5.update(chunk)
        found.update(chunk)
    source.seek(0)
    if found.hexdigest() != sha256:
        raise multipart.WrongDigest(f"{key}: {found.hexdigest()} ≠ {sha256}")
    return base64.b64encode(md5.digest()).decode()


def _version(version: str | None) -> dict[str, Any]:
    return {} if version is None else {"VersionId": version}


def _protection(lock: Lock | None, hold: bool) -> dict[str, Any]:
    how: dict[str, Any] = {"ObjectLockLegalHoldStatus": "ON"} if hold else {}
    if lock is not None:
        how |= {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": lock.until}
    return how


@cache
def client(config: StoreConfig) -> S3Client:
    """The client of one replica, one a process; threads may share it."""
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
            max_pool_connections=8,
            connect_timeout=10,
            read_timeout=120,
        ),
        **options,
    )
