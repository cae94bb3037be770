"""Putting once and proving it, against the real store."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from store_places import Place

from ingest.settings import ConfigError, Home
from ingest.store import config
from ingest.store.config import StoreConfig
from ingest.store.multipart import WrongDigest
from ingest.store.objects import KeyTaken, NotProved, ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key() -> str:
    return f"T001/ZY-XK/2024/{os.urandom(8).hex()}/v1.zip"


def test_put_then_put_again_is_one_object(objects: ObjectStore) -> None:
    data, where = os.urandom(200_000), key()
    assert objects.put_once(where, io.BytesIO(data), sha(data), len(data)).new
    assert not objects.put_once(where, io.BytesIO(data), sha(data), len(data)).new
    assert objects.digest(where) == (sha(data), len(data))
    assert list(objects.listing(where)) == [(where, len(data))]


def test_other_bytes_under_the_key_are_never_overwritten(objects: ObjectStore) -> None:
    where = key()
    objects.put_once(where, b"first", sha(b"first"), 5)
    with pytest.raises(KeyTaken):
        objects.put_once(where, b"other", sha(b"other"), 5)
    assert objects.digest(where)[0] == sha(b"first")


def test_a_package_that_rotted_here_or_on_the_way_is_never_kept(objects: ObjectStore) -> None:
    where = key()
    with pytest.raises((ClientError, WrongDigest), match=r"BadDigest|checksum|InvalidDigest|≠"):
        objects.put_once(where, b"rotten", sha(b"sound!"), 6)
    assert list(objects.listing(where)) == []


class Liar:
    """A server that takes everything, names any checksum, and keeps something else."""

    def __init__(self, real: S3Client) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def put_object(self, **how: Any) -> Any:
        del how["ChecksumSHA256"], how["ContentMD5"]
        return self._real.put_object(**(how | {"Body": b"rotten", "ContentLength": 6}))


def test_a_server_that_keeps_silent_is_read_back(place: Place) -> None:
    objects = ObjectStore(place.config(), dataclasses.replace(place.able, checksum_verified=False))
    objects._s3 = Liar(objects._s3)  # type: ignore[assignment]
    with pytest.raises(NotProved):
        objects.put_once(key(), b"sound!", sha(b"sound!"), 6)


def test_a_sample_is_read_back_from_a_server_that_proves_and_everything_from_another(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = objects.digest
    monkeypatch.setattr(objects, "digest", lambda k, v=None: (read.append(k), real(k, v))[1])
    for _ in range(120):
        data = os.urandom(20)
        objects.put_once(key(), data, sha(data), len(data))
    if objects.able.proves:
        assert 1 <= len(read) <= 30
    else:
        assert len(read) == 120


def test_fetch_gives_the_bytes(objects: ObjectStore, tmp_path: Path) -> None:
    data, where = os.urandom(3_000_000), key()
    objects.put_once(where, data, sha(data), len(data))
    objects.fetch(where, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data


def test_an_object_is_read_by_ranges(objects: ObjectStore) -> None:
    data, where = os.urandom(300_000), key()
    objects.put_once(where, data, sha(data), len(data))
    file = objects.open(where)
    file.seek(100_000)
    assert file.read(50) == data[100_000:100_050]
    file.seek(-7, os.SEEK_END)
    assert file.read() == data[-7:]
    assert objects.size(key()) is None
    with pytest.raises(KeyError):
        objects.open(key())


def test_chinese_keys(objects: ObjectStore) -> None:
    where = f"档案/{os.urandom(4).hex()}·2024/办件 1.zip"
    objects.put_once(where, b"x", sha(b"x"), 1)
    assert objects.digest(where) == (sha(b"x"), 1)


def test_without_configuration_the_error_says_what_to_do(home: Path) -> None:
    with pytest.raises(ConfigError, match="guidang servers"):
        config.load(Home.of(home))


def test_credentials_are_private_and_never_shown(home: Path) -> None:
    config.save(Home.of(home), StoreConfig("http://127.0.0.1:1", "b", "key", "very-secret"))
    assert (home / "secrets/store.json").stat().st_mode & 0o777 == 0o600
    assert "very-secret" not in repr(config.load(Home.of(home)))
