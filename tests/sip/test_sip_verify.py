"""Verifying our own packages: a good one is good, and whatever is done to it is found, named and located."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sip_samples import CODE, MakePlan

from sip.judge import bagit_valid, names_beyond_bagit
from sip.package import write_package
from sip.verify import VerifyResult, main, verify
from sip.zipread import Zip


def codes(result: VerifyResult) -> set[str]:
    return {f.code for f in result.findings}


def about(result: VerifyResult, code: str) -> set[str | None]:
    return {f.path for f in result.findings if f.code == code}


@pytest.fixture
def package(make_plan: MakePlan, tmp_path: Path) -> Path:
    path = tmp_path / f"{CODE}.zip"
    write_package(path, make_plan())
    return path


def test_a_package_is_valid_without_a_remark_and_bagit_agrees(package: Path, tmp_path: Path) -> None:
    result = verify(package)
    assert result.findings == ()
    assert result.valid
    assert (result.form, result.version, result.algorithms, result.files) == ("zip", "1.0", ("sha256", "sm3"), 3)
    assert bagit_valid(package, tmp_path) == []


def test_unpacked_it_is_valid_too(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as z:
        z.extractall(tmp_path / "out")
    assert verify(tmp_path / "out" / CODE).findings == ()


def test_the_bagit_judge_reads_sm3_manifests(package: Path, tmp_path: Path) -> None:
    """Only the SM3 value is wrong here, and everything that covers the manifest is right."""

    def forge(files: dict[str, bytes]) -> None:
        manifest = files["manifest-sm3.txt"]
        files["manifest-sm3.txt"] = (b"0" if manifest[:1] != b"0" else b"1") + manifest[1:]
        for algorithm in ("sha256", "sm3"):
            path = f"tagmanifest-{algorithm}.txt"
            fresh = hashlib.new(algorithm, files["manifest-sm3.txt"]).hexdigest()
            files[path] = re.sub(rb"[0-9a-f]+(?=  manifest-sm3)", fresh.encode(), files[path])

    bad = rebuilt(package, tmp_path / "bad.zip", forge)
    complaints = bagit_valid(bad, tmp_path)
    assert len(complaints) == 1
    assert "sm3 validation failed" in complaints[0]
    assert about(verify(bad), "PKG-DIGEST") == {"data/申报文件/01_食品经营许可申请书.ofd"}


def rebuilt(package: Path, to: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The package unpacked, changed and zipped again by another tool (the standard library)."""
    with zipfile.ZipFile(package) as z:
        files = {n.removeprefix(CODE + "/"): z.read(n) for n in z.namelist()}
    change(files)
    with zipfile.ZipFile(to, "w") as z:
        for path, data in files.items():
            z.writestr(f"{CODE}/{path}", data)
    return to


@dataclasses.dataclass(frozen=True)
class Region:
    """A stretch of a package and how a finding may point at it: by the member's path, or by the offset of the broken structure."""

    start: int
    end: int
    path: str | None
    offsets: frozenset[int] = frozenset()


def regions(data: bytes) -> list[Region]:
    package = Zip(io.BytesIO(data))
    out = []
    for e in package.entries:
        path = e.name.removeprefix(CODE + "/")
        line = e.line[0]
        out.append(Region(e.offset, e.start, path, frozenset({e.offset})))
        out.append(Region(e.start, e.start + e.size, path))
        out.append(Region(line, sum(e.line), path, frozenset({e.offset, line})))
    end = package.length - len(package.tail)
    # the end record is told by its own place, by the file's end (it was not found), or by what it points at
    out.append(Region(end, package.length, None, frozenset({end, package.length, package.directory_start})))
    return sorted(out, key=lambda r: r.start)


@pytest.mark.parametrize(
    "contents", [None, {"材料.bin": bytes(range(256)) * 40, "100%.txt": b"x"}], ids=["sample", "binary"]
)
def test_every_changed_byte_is_found_and_located(make_plan: MakePlan, contents: dict[str, bytes] | None) -> None:
    """A thousand over each whole package: three of four anywhere, the rest in headers, directory and end record."""
    out = io.BytesIO()
    write_package(out, make_plan(contents))
    data = bytearray(out.getvalue())
    parts = regions(bytes(data))
    assert sum(r.end - r.start for r in parts) == len(data)
    structure = [at for r in parts if r.path is None or r.offsets for at in range(r.start, r.end)]
    rng = random.Random(20240320)
    for n in range(1000):
        at = rng.choice(structure) if n % 4 == 0 else rng.randrange(len(data))
        old = data[at]
        data[at] ^= rng.randrange(1, 256)
        result = verify(io.BytesIO(bytes(data)), "flipped")
        (here,) = (r for r in parts if r.start <= at < r.end)
        told = [f for f in result.findings if (here.path is not None and f.path == here.path)
                or f.params.get("offset") in here.offsets]  # fmt: skip
        assert not result.valid, f"byte {at} {old:02x}→{data[at]:02x} was not found"
        assert told, f"byte {at} {old:02x}→{data[at]:02x} of {here} was not located: {result.findings}"
        data[at] = old


def test_a_changed_payload_byte_names_its_file(make_plan: MakePlan) -> None:
    out = io.BytesIO()
    for member in write_package(out, make_plan()).members:
        for place in (member.offset, member.offset + member.size - 1):
            data = bytearray(out.getvalue())
            data[place] ^= 1
            path = member.name.removeprefix(CODE + "/")
            assert path in about(verify(io.BytesIO(bytes(data)), "x"), "PKG-CRC")


def test_truncation_is_named_and_the_rest_still_judged(package: Path) -> None:
    data = package.read_bytes()
    with zipfile.ZipFile(package) as z:
        last = z.infolist()[-1]
    half = io.BytesIO(data[: last.header_offset + 200])
    result = verify(half, "half")
    assert "PKG-TRUNCATED" in codes(result)
    assert about(result, "PKG-CONTENT-CUT") == {"data/" + last.filename.split("/data/")[1]}
    for cut in range(0, len(data), 97):
        expected = {"PKG-TRUNCATED"} if cut >= 4 else {"PKG-NOT-A-PACKAGE"}
        assert expected <= codes(verify(io.BytesIO(data[:cut]), "cut"))


def test_swapped_members_are_named_for_what_they_are(package: Path, tmp_path: Path) -> None:
    one, other = "metadata/base_info.xml", "metadata/premis.xml"

    def swap(files: dict[str, bytes]) -> None:
        files[one], files[other] = files[other], files[one]

    result = verify(rebuilt(package, tmp_path / "swapped.zip", swap))
    assert about(result, "PKG-SWAPPED") == {one, other}


def test_the_same_bag_zipped_again_is_valid_but_said_to_be_another_container(package: Path, tmp_path: Path) -> None:
    def turn(files: dict[str, bytes]) -> None:
        for path in sorted(files, reverse=True):
            files[path] = files.pop(path)

    result = verify(rebuilt(package, tmp_path / "turned.zip", turn))
    assert result.valid
    assert codes(result) == {"PKG-REPACKED"}
    assert "another order" in result.findings[0].text("en")
    result = verify(rebuilt(package, tmp_path / "same.zip", lambda files: None))
    assert result.valid
    assert codes(result) == {"PKG-REPACKED"}


def test_all_faults_are_named_not_only_the_first(package: Path, tmp_path: Path) -> None:
    def harm(files: dict[str, bytes]) -> None:
        files["data/申报文件/01_食品经营许可申请书.ofd"] += b"x"
        del files["data/过程文件/01_受理通知书.ofd"]
        files["data/结果文件/多余.txt"] = b"extra"
        del files["metadata/premis.xml"]
        files["notes.txt"] = b"tag file outside metadata/"

    result = verify(rebuilt(package, tmp_path / "harmed.zip", harm))
    assert about(result, "PKG-DIGEST") == {"data/申报文件/01_食品经营许可申请书.ofd"}
    assert about(result, "PKG-FILE-MISSING") == {"data/过程文件/01_受理通知书.ofd", "metadata/premis.xml"}
    assert about(result, "PKG-NOT-LISTED") == {"data/结果文件/多余.txt", "notes.txt"}
    assert about(result, "PKG-PROFILE") == {"metadata/premis.xml", "notes.txt"}
    assert "PKG-OXUM" in codes(result)


def test_a_name_with_percent_is_right_by_rfc_8493_and_missing_to_bagit(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan({"100%.pdf": b"a", "50%0A.pdf": b"b", "line\nend.txt": b"c"})
    path = tmp_path / "percent.zip"
    write_package(path, plan)
    assert verify(path).findings == ()
    complaints = "\n".join(bagit_valid(path, tmp_path))
    for name in ("100%.pdf", "50%0A.pdf"):
        assert name in complaints
    assert "line" not in complaints
    assert names_beyond_bagit(f.path for f in plan.payload) == ["100%.pdf", "50%0A.pdf"]


def test_the_command_prints_one_object_a_line_and_exits_by_the_worst(package: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(package.read_bytes()[:-1])
    env = os.environ | {"PYTHONWARNINGS": "error"}
    run = subprocess.run(
        [sys.executable, "-m", "sip.verify", "--json", str(package), str(bad), str(tmp_path / "absent")],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(x["valid"], x["judged"]) for x in lines] == [(True, True), (False, True), (False, False)]
    assert lines[1]["findings"][0]["code"] == "PKG-TRUNCATED"
    assert run.returncode == 2
    assert main([str(package)]) == 0
    assert main([str(bad), "--lang", "en"]) == 1


def test_what_is_no_package_is_said_so(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"PK", os.urandom(5000)):
        path = tmp_path / "x"
        path.write_bytes(data)
        assert codes(verify(path)) == {"PKG-NOT-A-PACKAGE"}


def test_two_names_for_the_same_bytes_are_refused(package: Path) -> None:
    """The way a ZIP of a few kilobytes claims to unpack to gigabytes."""
    data = package.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start : data.index(b"PK\x01\x02", start + 4)]
    directory = data[start:end] + entry
    *_, count, size, offset, comment = struct.unpack("<4s4H2IH", data[end:])
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count + 1, count + 1, size + len(entry), offset, comment)
    result = verify(io.BytesIO(data[:start] + directory + tail), "overlap")
    assert any("overlaps" in f.text("en") for f in result.findings)
    assert not result.valid
