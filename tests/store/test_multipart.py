"""Large packages: put in parts, proved whole, gone on with after a crash, never over another's bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import random
from typing import IO, Any

import pytest
from botocore.exceptions import ClientError
from store_places import Place

from ingest.store import multipart
from ingest.store.multipart import WrongDigest, part_size
from ingest.store.objects import KeyTaken, NotProved, ObjectStore

MIB = 1 << 20
SIZE = 20 * MIB + 123


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts begin at 20 MiB here, so that three parts are enough to see everything."""
    monkeypatch.setattr(multipart, "FROM", 20 * MIB)


@pytest.fixture(scope="module")
def data() -> bytes:
    return random.Random(6).randbytes(SIZE)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key() -> str:
    return f"档案/大件 {os.urandom(6).hex()}/v1.zip"


class Counting:
    """The real client, with its part uploads counted, and broken where ``dies_at`` says."""

    def __init__(self, real: Any, dies_at: int | None = None) -> None:
        self._real, self.parts, self._dies_at = real, [], dies_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def upload_part(self, **how: Any) -> Any:
        if how["PartNumber"] == self._dies_at:
            raise ConnectionError("cut off")
        self.parts.append(how["PartNumber"])
        return self._real.upload_part(**how)


def open_uploads(place: Place, where: str) -> int:
    return len(place.s3().list_multipart_uploads(Bucket=place.bucket, Prefix=where).get("Uploads", []))


def test_a_large_package_is_put_once_and_proved(objects: ObjectStore, place: Place, data: bytes) -> None:
    where = key()
    assert objects.put_once(where, io.BytesIO(data), sha(data), SIZE).new
    assert objects.digest(where) == (sha(data), SIZE)
    assert not objects.put_once(where, io.BytesIO(data), sha(data), SIZE).new
    head = objects.head(where)
    assert head is not None
    assert head["Metadata"]["sha256"] == sha(data)
    assert open_uploads(place, where) == 0
    if place.able.proves_parts:
        assert head["ChecksumSHA256"] == multipart.composite(io.BytesIO(data), SIZE)


def test_other_bytes_under_the_key_are_never_overwritten(objects: ObjectStore, place: Place, data: bytes) -> None:
    where = key()
    objects.put_once(where, b"first", sha(b"first"), 5)
    with pytest.raises(KeyTaken):
        objects.put_once(where, io.BytesIO(data), sha(data), SIZE)
    assert objects.digest(where)[0] == sha(b"first")
    assert open_uploads(place, where) == 0


def test_after_a_crash_only_what_is_missing_is_sent_again(objects: ObjectStore, place: Place, data: bytes) -> None:
    where = key()
    real = objects._s3
    objects._s3 = Counting(real, dies_at=3)  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        objects.put_once(where, io.BytesIO(data), sha(data), SIZE)
    assert (objects.head(where), open_uploads(place, where)) == (None, 1)
    again = Counting(real)
    objects._s3 = again  # type: ignore[assignment]
    assert objects.put_once(where, io.BytesIO(data), sha(data), SIZE).new
    assert again.parts == [3]
    assert objects.digest(where) == (sha(data), SIZE)


def test_parts_of_other_bytes_are_not_taken_over_and_old_uploads_are_ended(
    objects: ObjectStore, place: Place, data: bytes
) -> None:
    where, s3 = key(), place.s3()
    for _ in range(2):
        upload = s3.create_multipart_upload(Bucket=place.bucket, Key=where)["UploadId"]
        s3.upload_part(Bucket=place.bucket, Key=where, UploadId=upload, PartNumber=1, Body=bytes(part_size(SIZE)))
    assert open_uploads(place, where) == 2
    assert objects.put_once(where, io.BytesIO(data), sha(data), SIZE).new
    assert objects.digest(where) == (sha(data), SIZE)
    assert open_uploads(place, where) == 0


def test_a_file_that_rotted_here_is_not_completed(objects: ObjectStore, place: Place, data: bytes) -> None:
    where = key()
    rotten = bytearray(data)
    rotten[9 * MIB] ^= 1
    with pytest.raises(WrongDigest):
        objects.put_once(where, io.BytesIO(bytes(rotten)), sha(data), SIZE)
    assert (objects.head(where), open_uploads(place, where)) == (None, 0)


def test_a_server_that_says_nothing_of_parts_is_read_back(place: Place, data: bytes) -> None:
    class Rots(Counting):
        def upload_part(self, **how: Any) -> Any:
            how.pop("ChecksumSHA256")
            return self._real.upload_part(**(how | {"Body": bytes(len(how["Body"]))}))

    blind = dataclasses.replace(place.able, part_checksum_verified=False)
    store = ObjectStore(place.config(), blind)
    store._s3 = Rots(store._s3)  # type: ignore[assignment]
    with pytest.raises((NotProved, ClientError)):
        store.put_once(key(), io.BytesIO(data), sha(data), SIZE)


def test_a_server_that_would_overwrite_at_the_end_is_asked_first(place: Place, data: bytes) -> None:
    where = key()
    store = ObjectStore(place.config(), dataclasses.replace(place.able, conditional_complete=False))
    store.put_once(where, b"first", sha(b"first"), 5)
    with pytest.raises(KeyTaken):
        store.put_once(where, io.BytesIO(data), sha(data), SIZE)
    assert store.put_once(key(), io.BytesIO(data), sha(data), SIZE).new


@pytest.mark.parametrize(("size", "parts"), [(64 * MIB, 8), (20 * 10**9, 2385), (5 * 1024**4, 8993)])
def test_any_size_fits_into_the_parts_that_servers_take(size: int, parts: int) -> None:
    assert -(-size // part_size(size)) == parts <= 10_000


def test_the_body_is_read_in_parts(objects: ObjectStore, data: bytes) -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            self.largest = max(self.largest, size)
            return super().read(size)

    body: IO[bytes] = Watched(data)
    objects.put_once(key(), body, sha(data), SIZE)
    assert body.largest == part_size(SIZE)  # type: ignore[attr-defined]
