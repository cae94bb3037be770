"""Hostile inputs at full size, each in a process of its own: its own code, within 10 s of CPU and 512 MiB."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from case_samples import good_case
from file_faults import FAULTS
from file_samples import GOOD, OFD_NS, ofd_members, zipped

ROOT = Path(__file__).parents[2]
CHECK = """
import argparse, json, sys
from ingest.checks.cli import add_parser
parser = argparse.ArgumentParser()
add_parser(parser.add_subparsers())
args = parser.parse_args(["check", "--json", "--home", sys.argv[2], sys.argv[1]])
code = args.func(args)
memory = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"exit": code, "kib": int(memory.split()[1])}))
"""


CPU_SECONDS, MEMORY = 10, 512 * 1024**2


def _limited() -> None:
    """Ten seconds of CPU, enforced; memory is measured, since pygfried's runtime reserves address space it never uses."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (4 * 1024**3, 4 * 1024**3))


def _check(path: Path) -> set[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'packaging'}"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(path), str(path.parent)],
        capture_output=True, text=True, env=environment, timeout=120, check=True, preexec_fn=_limited,
    )  # fmt: skip
    row, end = (json.loads(line) for line in done.stdout.splitlines())
    assert end["exit"] == 1
    assert end["kib"] * 1024 < MEMORY
    return {f["code"] for f in row["findings"] if f["severity"] != "info"}


def _million_entries(path: Path) -> None:
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0) + b"OFD.xml"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0) + b"OFD.xml"
    size, count = len(entry) * 1_000_000, 1_000_000
    zip64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, len(local))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(local) + size, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(local + entry * count + zip64 + locator + end)


def _gigabyte_of_zeros(path: Path) -> None:
    with path.open("wb") as out:
        out.truncate(1 << 30)


def _gigabyte_in_a_member(path: Path) -> None:
    """A real deflated gigabyte whose directory tells the truth."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block, crc, parts = b"\0" * (1 << 24), 0, []
    for _ in range(16):
        parts.append(squeeze.compress(block))
        crc = zlib.crc32(block, crc)
    packed = b"".join(parts) + squeeze.flush()
    name, size = b"OFD.xml", 16 << 24
    local = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0) + name + packed
    )
    entry = (
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0, 0, 0, 0, 0, 0
        )
        + name
    )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local), 0)
    path.write_bytes(local + entry + end)


def _lying_directory(path: Path) -> None:
    """A member that unpacks to far more than its directory entry says."""
    data = zipped(ofd_members() | {"Doc_0/Document.xml": b"<a>" + b" " * 50_000_000 + b"</a>"})
    size = struct.pack("<I", 50_000_007)
    assert data.count(size) >= 1
    path.write_bytes(data.replace(size, struct.pack("<I", 1000)))


def _wide_page(path: Path) -> None:
    """A page of a million elements and no end."""
    page = f"<ofd:Page {OFD_NS}>{'<a/>' * 1_000_000}".encode()
    path.write_bytes(zipped(ofd_members() | {"Doc_0/Pages/Page_0/Content.xml": page}, zipfile.ZIP_STORED))


def _pdf_object_bomb(path: Path) -> None:
    """The catalog stands in an object stream that unpacks to 100 MB."""
    stream = zlib.compress(b"1 0 << /Type /Catalog >> " + b" " * 100_000_000, 9)
    body = (
        b"%PDF-1.5\n2 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length " + str(len(stream)).encode()
    )
    body += b" >>\nstream\n" + stream + b"\nendstream\nendobj\n"
    rows = zlib.compress(
        b"\0\0\0\0\xff" + b"\2\0\0\2\0" + b"\1\0\0\x09\0" + b"\1" + struct.pack(">I", len(body))[1:] + b"\0"
    )
    xref = (
        b"3 0 obj\n<< /Type /XRef /Size 4 /W [1 3 1] /Root 1 0 R /Filter /FlateDecode /Length "
        + str(len(rows)).encode()
    )
    end = b" >>\nstream\n" + rows + b"\nendstream\nendobj\nstartxref\n" + str(len(body)).encode() + b"\n%%EOF\n"
    path.write_bytes(body + xref + end)


def _pdf_page_loop(path: Path) -> None:
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>\n%%EOF\n"
    )


def _deep_pdf(path: Path) -> None:
    path.write_bytes(b"%PDF-1.4\n1 0 obj" + b"[" * 2_000_000 + b"endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")


def _deep_json(path: Path) -> None:
    path.write_bytes(b'{"a":' * 5_000_000)


FILES: list[tuple[str, Callable[[Path], None], set[str]]] = [
    ("million.ofd", _million_entries, {"FMT-ZIP-BOMB"}),
    ("zeros.txt", _gigabyte_of_zeros, {"FMT-UNKNOWN"}),
    ("member.ofd", _gigabyte_in_a_member, {"FMT-ZIP-BOMB"}),
    ("lying.ofd", _lying_directory, {"FMT-UNREADABLE"}),
    ("wide.ofd", _wide_page, {"FMT-UNREADABLE"}),
    ("objects.pdf", _pdf_object_bomb, {"FMT-ZIP-BOMB"}),
    ("loop.pdf", _pdf_page_loop, {"FMT-UNREADABLE"}),
    ("deep.pdf", _deep_pdf, {"FMT-UNREADABLE"}),
    ("deep.json", _deep_json, {"FMT-UNREADABLE"}),
]


# The smaller ones of the catalogue, each in a process of its own too.
_ALSO = (
    "xml_external_entity", "xml_billion_laughs", "ofd_page_with_laughs", "ofd_bomb_by_ratio", "ofd_bomb_by_overlap", "ofd_path_up",
    "ofd_path_nul", "ofd_path_link", "ofd_name_twice", "xml_too_deep",
)  # fmt: skip


@pytest.mark.parametrize("fault", [f for f in FAULTS if f[0] in _ALSO], ids=lambda f: f[0])
def test_a_hostile_file_of_the_catalogue_ends_with_its_code(tmp_path, fault) -> None:
    _, path, make, codes = fault
    (tmp_path / Path(path).name).write_bytes(make())
    found = _check(tmp_path / Path(path).name)
    assert {code for code in found if not code.startswith("SIG-")} - {"FMT-DECLARED-MISMATCH"} == codes


@pytest.mark.parametrize(("name", "make", "codes"), FILES, ids=[f[0] for f in FILES])
def test_a_hostile_file_ends_with_its_code(tmp_path, name, make, codes) -> None:
    make(tmp_path / name)
    found = _check(tmp_path / name)
    assert codes <= found
    assert all(code in codes or code.startswith("SIG-") for code in found)


def _delivery(folder: Path, metadata: bytes) -> Path:
    (folder / "case").mkdir()
    (folder / "case/case.json").write_bytes(metadata)
    return folder / "case"


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        (b'{"a":' * 1_000_000, "RCV-JSON-BROKEN"),
        (b'["' * 3_000_000, "RCV-JSON-BROKEN"),
        (b"[" + b"9" * 7_000_000 + b"]", "RCV-JSON-BROKEN"),
        (b'{"a": "' + b"\\u0041" * 1_200_000 + b'", "a": 1}', "RCV-JSON-BROKEN"),
        (b" " * 9_000_000, "RCV-JSON-BROKEN"),
    ],
    ids=["deep", "deep_strings", "one_number", "escapes", "too_long"],
)
def test_hostile_metadata_ends_with_its_code(tmp_path, metadata, code) -> None:
    assert _check(_delivery(tmp_path, metadata)) == {code}


def test_a_flood_of_rows_ends(tmp_path) -> None:
    case = good_case(GOOD)
    row = {"agent_id": "AG", "type": "?", "name": ""}
    case["agents"] = [row] * 60_000
    case["events"] = [{"event_id": 1, "action": "x", "at": "?", "files": [9]}] * 60_000
    codes = _check(_delivery(tmp_path, json.dumps(case, ensure_ascii=False).encode()))
    assert {"MET-SCHEMA", "MET-TOO-MANY", "RCV-FILE-MISSING"} <= codes


def test_links_in_a_delivery_are_not_followed(tmp_path) -> None:
    folder = _delivery(tmp_path, json.dumps(good_case(GOOD), ensure_ascii=False).encode())
    for path, (data, _) in GOOD.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    first = next(iter(GOOD))
    (folder / first).unlink()
    (folder / first).symlink_to("/etc/hostname")
    assert "RCV-PATH-UNSAFE" in _check(folder)
