"""A record too large for memory gives the very bytes that it would have given from memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from ingest.settings import Home
from ingest.steps import package
from ingest.steps.package import local_package
from ingest.steps.receive import staged
from sip import canonical
from sip.verify import verify

AS_OF = dt.datetime.fromisoformat("2026-11-20T01:00:00+08:00")
GROUPS = ("结果文件", "申报文件", "附加文件")


def job(home: Home, count: int) -> dict[str, Any]:
    """A filed record of ``count`` small files, staged as the stages before leave it."""
    base = staged(home, "b", "r1")
    (base / "files").mkdir(parents=True)
    (base / "evidence").mkdir()
    (base / "evidence" / "a.cer").write_bytes(b"certificate")
    files, rows = [], []
    for n in range(count):
        body = f"第 {n} 份".encode()
        path = f"{GROUPS[n % 3]}/{n:04d}_材料%.txt"
        digests = {"SHA-256": hashlib.sha256(body).hexdigest(), "SM3": hashlib.new("sm3", body).hexdigest()}
        (base / "files" / f"{n:04d}").write_bytes(body)
        files.append({"path": path, "source_path": "原/" + path, "staged": f"files/{n:04d}", "size": len(body),
                      "sha256": digests["SHA-256"], "sm3": digests["SM3"], "crc32": zlib.crc32(body)})  # fmt: skip
        rows.append({"seq": n + 1, "group": GROUPS[n % 3], "path": "原/" + path, "material_name": "材料", "size": 1,
                     "archived": {"path": path, "size": len(body), "digest": digests,
                                  "format": {"pronom": "x-fmt/111", "name": "Plain Text"}}})  # fmt: skip
    record = {"case": {"case_no": "C1"}, "record": {"title": "很大的件", "total_files": count}, "files": rows,
              "agents": [], "events": [{"action": "受理", "at": "2026-11-01T09:00:00+08:00", "files": [1]}]}  # fmt: skip
    (base / "record.json").write_bytes(canonical.dumps(record))
    (base / "checks.json").write_text("{}\n")
    (base / "signatures.json").write_text("{}\n")
    filing = {"schedule_id": "s", "schedule_version": "1", "entry_no": "1", "fonds_no": "T001", "category": "ZY·XK",
              "year": 2026, "retention_code": "D30", "org_code": None, "matched_by": "category_default", "why": "…",
              "open_control": "open", "access_control": "", "electronic_record_code": "E1", "archival_code": "A1"}  # fmt: skip
    return {"id": "r1", "batch_id": "b", "agency": "a", "case_no": "C1", "version": 1, "as_of": AS_OF.isoformat(),
            "received_as_of": None, "decisions": None, "findings": [], "filing": filing, "files": files,
            "content_digest": "0" * 64}  # fmt: skip


@pytest.fixture
def at(home: Path) -> Home:
    (home / "config").mkdir()
    agency = {"id": "a", "name": "某局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001"}
    (home / "config" / "agencies.json").write_text(json.dumps({"agencies": [agency]}), "utf-8")
    return Home.of(home)


def test_by_way_of_the_disk_or_of_memory_the_bytes_are_the_same(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = job(at, 400)
    first = package.work(at, row | {"files": list(row["files"])})
    bytes_of = local_package(at, "b", "r1").read_bytes()
    assert verify(local_package(at, "b", "r1")).findings == ()
    monkeypatch.setattr(package, "_IN_MEMORY", 0)
    assert package.work(at, row | {"files": list(row["files"])}) == first
    assert local_package(at, "b", "r1").read_bytes() == bytes_of
    assert sorted(p.name for p in local_package(at, "b", "r1").parent.iterdir()) == ["r1.zip"]


def test_a_staged_record_that_rotted_is_received_again(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = job(at, 3)
    monkeypatch.setattr(package, "_IN_MEMORY", 0)
    path = staged(at, "b", "r1") / "record.json"
    path.write_bytes(path.read_bytes()[:-40])
    assert "staging_lost" in package.work(at, row)


def test_a_record_may_take_longer_the_larger_it_is(at: Home) -> None:
    limits = dataclasses.replace(at.limits, record_seconds=300, slowest_bytes=10_000_000)
    assert (limits.seconds(0), limits.seconds(20 * 10**9)) == (300, 2300)
