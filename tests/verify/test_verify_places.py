"""`guidang verify` and `guidang package`: on disk and in the store, with the least that must be read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.cli import main
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Home
from ingest.store.config import StoreConfig, save
from ingest.store.objects import ObjectStore
from sip import canonical
from sip.commit import commit_key
from sip.package import PackagePlan, PayloadFile, write_package

AS_OF = dt.datetime(2026, 11, 20, 1, 0, tzinfo=dt.UTC)


def make(path: Path, content: dict[str, bytes], identifier: str = "bag") -> Path:
    """A package with that payload; its metadata is not a record's, which the profile says."""
    payload = []
    for n, (name, data) in enumerate(content.items()):
        source = path.with_suffix(f".{n}")
        source.write_bytes(data)
        sha256, sm3 = (hashlib.new(a, data).hexdigest() for a in ("sha256", "sm3"))
        payload.append(PayloadFile(name, source, len(data), sha256, sm3, zlib.crc32(data)))
    tags = {"record.json": b"{}\n"}
    write_package(path, PackagePlan(identifier, 1, AS_OF, payload, tags, [("Source-Organization", "FAKE")]))
    return path


def plain_bag(root: Path, content: bytes = b"alpha") -> Path:
    (root / "data").mkdir(parents=True)
    (root / "data/a.txt").write_bytes(content)
    (root / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (root / "bag-info.txt").write_text("Payload-Oxum: 5.1\n")
    (root / "manifest-sha256.txt").write_text(f"{hashlib.sha256(b'alpha').hexdigest()}  data/a.txt\n")
    return root


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def codes(result: dict[str, object]) -> set[str]:
    findings = result["findings"]
    assert isinstance(findings, list)
    assert all({"code", "severity", "path"} <= set(f) for f in findings)
    return {f["code"] for f in findings}


def test_a_folder_is_judged_by_the_bagit_library_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = plain_bag(tmp_path / "good"), plain_bag(tmp_path / "bad", b"alphA")
    before = sorted(p.relative_to(good) for p in good.rglob("*"))
    assert main(["verify", "--bagit", "--json", str(good)]) == 0
    assert main(["verify", "--bagit", "--json", str(bad)]) == 1
    first, second = lines(capsys)
    assert codes(first) == set()
    assert codes(second) == {"PKG-DIGEST", "PKG-BAGIT"}
    assert sorted(p.relative_to(good) for p in good.rglob("*")) == before


def test_the_library_is_not_led_out_of_a_folder_by_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = plain_bag(tmp_path / "bag")
    (root / "data/link").symlink_to("/etc/passwd")
    assert main(["verify", "--bagit", "--json", str(root)]) == 1
    (result,) = lines(capsys)
    assert codes(result) == {"PKG-MEMBER-KIND", "PKG-BAGIT"}
    assert "passwd" not in json.dumps(result)


def test_what_the_library_cannot_read_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = plain_bag(tmp_path / "bag")
    (root / "data/a.txt").rename(root / "data/100%.txt")
    (root / "manifest-sha256.txt").write_text(f"{hashlib.sha256(b'alpha').hexdigest()}  data/100%25.txt\n")
    assert main(["verify", "--bagit", "--json", str(root)]) == 0
    (result,) = lines(capsys)
    assert codes(result) == {"PKG-BAGIT-BEYOND"}
    assert result["valid"] is True


def test_the_exit_code_is_the_worst_and_each_place_has_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = plain_bag(tmp_path / "good"), plain_bag(tmp_path / "bad", b"alphA")
    assert main(["verify", "--json", str(good), str(bad), str(tmp_path / "absent")]) == 2
    results = lines(capsys)
    assert [r["valid"] for r in results] == [True, False, False]
    assert main(["verify", str(good)]) == 0
    assert "valid" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ in the store


class Store:
    """The real store with a home that is configured for it; counts the bytes that it serves."""

    def __init__(self, endpoint: StoreEndpoint, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = StoreConfig(endpoint.url, endpoint.bucket, endpoint.access_key, endpoint.secret_key, endpoint.region)
        save(Home.of(root), config)
        self.objects = ObjectStore(config)
        self.prefix = f"verify-{os.urandom(6).hex()}/"
        self.url = f"s3://{config.bucket}/{self.prefix}"
        self.served = 0
        real = ObjectStore.read

        def counted(objects: ObjectStore, key: str, offset: int, size: int, version: str | None = None) -> bytes:
            data = real(objects, key, offset, size, version)
            self.served += len(data)
            return data

        monkeypatch.setattr(ObjectStore, "read", counted)

    def put(self, name: str, data: bytes, mark: bool = True) -> str:
        key, sha256 = self.prefix + name, hashlib.sha256(data).hexdigest()
        self.objects.put_once(key, data, sha256, len(data))
        if mark:
            self.mark(key, sha256, len(data))
        return self.url + name

    def mark(self, key: str, sha256: str, size: int) -> None:
        text = canonical.dumps({"schema": "guidang.commit/1.0", "key": key, "sha256": sha256, "size": size})
        self.objects.put_once(commit_key(key), text, hashlib.sha256(text).hexdigest(), len(text))


@pytest.fixture
def far(store: StoreEndpoint, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    yield Store(store, home, monkeypatch)


PAYLOAD = {"申报文件/甲.txt": b"first" * 100, "过程文件/大.bin": bytes(range(256)) * 20_000}


def test_looking_into_a_far_package_takes_few_bytes(
    far: Store, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    package = make(tmp_path / "p.zip", PAYLOAD)
    url = far.put("v1.zip", package.read_bytes())
    size = package.stat().st_size
    assert size > 5_000_000

    assert main(["package", "ls", url]) == 0
    with zipfile.ZipFile(package) as z:
        assert [line.split()[1] for line in capfdbinary.readouterr().out.decode().splitlines()] == z.namelist()
    assert far.served <= 66_000

    far.served = 0
    assert main(["package", "manifest", url]) == 0
    assert capfdbinary.readouterr().out.decode().count("\n") == 2
    assert far.served <= 2 * 66_000

    far.served = 0
    assert main(["package", "cat", url, "data/申报文件/甲.txt"]) == 0
    assert capfdbinary.readouterr().out == PAYLOAD["申报文件/甲.txt"]
    assert far.served <= 2 * 66_000
    assert main(["package", "cat", url, "data/none"]) == 2
    assert main(["package", "ls", far.url + "absent.zip"]) == 2


def test_a_prefix_is_every_package_below_it_each_held_against_its_mark(
    far: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make(tmp_path / "p.zip", {"a.txt": b"alpha"}).read_bytes()
    other = make(tmp_path / "q.zip", {"a.txt": b"Alpha"}).read_bytes()
    far.put("a/v1.zip", good)
    far.put("b/v1.zip", good, mark=False)
    key = far.prefix + "c/v1.zip"
    far.objects.put_once(key, other, hashlib.sha256(other).hexdigest(), len(other))
    far.mark(key, hashlib.sha256(good).hexdigest(), len(good))
    far.put("d/v1.zip", good[:-30])
    assert main(["verify", "--json", far.url]) == 1
    a, b, c, d = lines(capsys)
    base = codes(a)  # a record.json that is none
    assert base == {"PKG-PROFILE", "PKG-RECORD", "EVI-ABSENT"}
    assert codes(b) - base == {"PKG-MARK-MISSING"}
    assert codes(c) - base == {"PKG-MARK-DIFFERS"}
    assert codes(d) >= {"PKG-TRUNCATED"}
    assert [str(r["path"]).removeprefix(far.url)[0] for r in (a, b, c, d)] == ["a", "b", "c", "d"]


def test_the_first_readable_mark_counts_whatever_lies_under_or_over_it(
    far: Store, store: StoreEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mark that rotted and was repaired is good again; one that an intruder puts over a good one proves nothing."""
    good = make(tmp_path / "p.zip", {"a.txt": b"alpha"}).read_bytes()
    true, forged = (
        canonical.dumps({"schema": "guidang.commit/1.0", "key": far.prefix + name, "sha256": of, "size": len(good)})
        for name, of in (("a/v1.zip", hashlib.sha256(good).hexdigest()), ("b/v1.zip", "0" * 64))
    )
    admin = store.client("admin")
    far.put("a/v1.zip", good, mark=False)
    for mark in (b"{rotten", true):
        admin.put_object(Bucket=store.bucket, Key=commit_key(far.prefix + "a/v1.zip"), Body=mark)
    far.put("b/v1.zip", good)
    admin.put_object(Bucket=store.bucket, Key=commit_key(far.prefix + "b/v1.zip"), Body=forged)
    main(["verify", "--json", far.url])
    assert [codes(told) for told in lines(capsys)] == [{"PKG-PROFILE", "PKG-RECORD", "EVI-ABSENT"}] * 2


def test_a_large_object_is_read_by_ranges_with_the_same_verdict(
    far: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ingest.verify import places

    package = make(tmp_path / "p.zip", PAYLOAD).read_bytes()
    url = far.put("v1.zip", package)
    main(["verify", "--bagit", "--json", url])
    assert far.served == 0
    monkeypatch.setattr(places, "_WHOLE", 1000)
    main(["verify", "--bagit", "--json", url])
    assert far.served >= 2 * len(package)  # once for the members, once as a whole, never kept
    whole, ranged = lines(capsys)
    assert whole == ranged


def test_what_is_not_there_cannot_be_judged(far: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", far.url + "absent.zip"]) == 2
    (result,) = lines(capsys)
    assert (result["valid"], result["judged"]) == (False, False)
    assert main(["verify", far.url]) == 2
    assert main(["verify", "s3://"]) == 2


def test_without_a_store_the_error_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "s3://b/k"]) == 2
    assert "guidang servers" in capsys.readouterr().err
