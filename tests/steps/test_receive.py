"""Receive: every byte once, hashed once; nothing leads out of the delivery; what is wrong is told, all at once."""

import hashlib
import json
import os
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import pytest

from ingest.model import Receipt
from ingest.settings import Limits
from ingest.sources import local_delivery
from ingest.sources.folder import LocalTree
from ingest.sources.trees import TreeSource
from ingest.steps.receive import Received, receive

TEXT = "归档".encode() * 1000


def entry(path: str, data: bytes = TEXT, **over: Any) -> dict[str, Any]:
    return {"path": path, "size": len(data), "digest": {"SHA-256": None, "MD5": hashlib.md5(data).hexdigest()}} | over


def deliver(root: Path, files: dict[str, bytes], declared: list[dict[str, Any]], level: str = "公开") -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    case = {"case": {"case_no": "C1", "version": 1}, "record": {"security_classification": level}, "files": declared}
    root.mkdir(exist_ok=True)
    (root / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")
    return root


def take(root: Path, tmp_path: Path, limits: Limits | None = None) -> Received:
    (into := tmp_path / "into").mkdir()
    return receive(local_delivery(root), into, limits or Limits())


def codes(got: Received) -> list[tuple[str, str | None]]:
    return [(f.code, f.path) for f in got.findings]


def test_a_good_delivery_is_copied_and_counted_in_one_pass(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {"申报文件/甲.txt": TEXT}, [entry("申报文件/甲.txt")])
    got = take(root, tmp_path)
    assert codes(got) == [] and not got.final
    (file,) = got.files
    assert (tmp_path / "into" / file.staged).read_bytes() == TEXT
    assert file.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert file.sm3 == hashlib.new("sm3", TEXT).hexdigest()
    assert (file.size, file.crc32) == (len(TEXT), zlib.crc32(TEXT))
    assert (got.case_no, got.version) == ("C1", 1)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    root = deliver(
        tmp_path / "d",
        {"a.txt": TEXT, "b.txt": TEXT, "c.txt": TEXT},
        [entry("a.txt", b"other"), entry("missing.txt"), entry("b.txt", size=7)],
    )
    assert sorted(codes(take(root, tmp_path))) == [
        ("RCV-DIGEST-MISMATCH", "a.txt"),
        ("RCV-FILE-EXTRA", "c.txt"),
        ("RCV-FILE-MISSING", "missing.txt"),
        ("RCV-SIZE-MISMATCH", "a.txt"),
        ("RCV-SIZE-MISMATCH", "b.txt"),
    ]


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "a/../b", "a//b", "./a", "C:\\x", "c:/x", "a\\b", "a\nb", "a\0b", "a/", ""],
)
def test_unsafe_paths_are_never_opened(tmp_path: Path, path: str) -> None:
    root = deliver(tmp_path / "d", {"good.txt": TEXT}, [entry("good.txt"), entry(path)])
    got = take(root, tmp_path)
    assert [f.path for f in got.files] in (["good.txt"], [])
    assert got.findings and got.findings[0].code in ("RCV-PATH-UNSAFE", "RCV-ENVELOPE")


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(TEXT)
    root = deliver(tmp_path / "d", {}, [entry("link.txt"), entry("folder/secret.txt")])
    (root / "link.txt").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    got = take(root, tmp_path)
    assert got.files == []
    assert ("RCV-PATH-UNSAFE", "link.txt") in codes(got)
    assert ("RCV-FILE-EXTRA", "folder") in codes(got)


def test_a_pipe_in_the_delivery_does_not_hang(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {}, [entry("pipe")])
    os.mkfifo(root / "pipe")
    assert codes(take(root, tmp_path)) == [("RCV-PATH-UNSAFE", "pipe")]


def test_classified_content_is_not_read(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {"a.txt": TEXT}, [entry("a.txt")], level="机密")
    got = take(root, tmp_path)
    assert (codes(got), got.final, got.files) == ([("RCV-CLASSIFIED", "case.json")], True, [])
    assert list((tmp_path / "into").iterdir()) == []


def test_nfd_names_are_found_and_normalised(tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", "申报文件/Ünterlage é.txt")
    root = deliver(tmp_path / "d", {nfd: TEXT}, [entry(nfd)])
    got = take(root, tmp_path)
    assert codes(got) == [("RCV-NAME-NOT-NFC", nfd)]
    assert got.files[0].path == unicodedata.normalize("NFC", nfd)


def test_names_that_are_twins_after_normalisation(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {"A.txt": TEXT, "a.txt": TEXT}, [entry("A.txt"), entry("a.txt")])
    assert ("RCV-NAME-TWIN", "a.txt") in codes(take(root, tmp_path))


def test_names_over_255_bytes(tmp_path: Path) -> None:
    long = "申报文件/" + "长" * 99 + ".pdf"
    root = deliver(tmp_path / "d", {"good.txt": TEXT}, [entry("good.txt"), entry(long)])
    got = take(root, tmp_path)
    assert codes(got) == [("RCV-NAME-TOO-LONG", long)]
    assert got.findings[0].params == {"bytes": "301"}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 100_000, b'{"a":NaN}'])
def test_broken_json_ends_in_its_own_code(tmp_path: Path, raw: bytes) -> None:
    root = deliver(tmp_path / "d", {}, [])
    (root / "case.json").write_bytes(raw)
    got = take(root, tmp_path)
    assert ([f.code for f in got.findings], got.final) == (["RCV-JSON-BROKEN"], True)


def test_metadata_over_the_limit(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {}, [])
    (root / "case.json").write_bytes(b" " * 2000)
    assert take(root, tmp_path, Limits(metadata_bytes=1000)).findings[0].code == "RCV-JSON-BROKEN"


def test_a_file_over_the_limit(tmp_path: Path) -> None:
    root = deliver(tmp_path / "d", {"a.txt": TEXT}, [entry("a.txt")])
    assert codes(take(root, tmp_path, Limits(file_bytes=100))) == [("RCV-FILE-TOO-LARGE", "a.txt")]


def test_no_files(tmp_path: Path) -> None:
    assert take(deliver(tmp_path / "d", {}, []), tmp_path).findings[0].code == "RCV-NO-FILES"


def test_a_vanished_delivery(tmp_path: Path) -> None:
    assert take(tmp_path / "gone", tmp_path).findings[0].code == "RCV-DELIVERY-VANISHED"


def test_the_same_content_has_the_same_digest_and_another_has_not(tmp_path: Path) -> None:
    one = deliver(tmp_path / "1", {"a.txt": TEXT}, [entry("a.txt")])
    two = deliver(tmp_path / "2", {"a.txt": TEXT}, [entry("a.txt")])
    other = deliver(tmp_path / "3", {"a.txt": TEXT + b"!"}, [entry("a.txt")])
    got = []
    for root in (one, two, other):
        (into := tmp_path / f"into-{root.name}").mkdir()
        got.append(receive(local_delivery(root), into, Limits()).content_digest)
    assert got[0] == got[1] != got[2]


def test_the_folder_lists_complete_deliveries_only(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for name in ("a/1", "a/2", "b/1"):
        (inbox / name).mkdir(parents=True)
        deliver(inbox / name, {}, [])
    (inbox / "a/2/case.json").unlink()
    (inbox / "a/link").symlink_to(inbox / "b/1")
    source = TreeSource(LocalTree(), "a", str(inbox / "a"), str(tmp_path / "outbox/a"))
    assert [(d.agency, d.name) for d in source.deliveries()] == [("a", "1")]
    nobody = TreeSource(LocalTree(), "c", str(inbox / "c"), str(tmp_path / "outbox/c"))
    assert list(nobody.deliveries()) == []


def test_receipts_are_whole_and_repeatable(tmp_path: Path) -> None:
    source = TreeSource(LocalTree(), "a", str(tmp_path / "a"), str(tmp_path / "outbox/a"))
    for body in (b"first", b"second"):
        source.tell([(name, kind, body) for name in ("1", "长" * 84) for kind in Receipt])
    written = sorted((tmp_path / "outbox/a").iterdir())
    assert [p.read_bytes() for p in written] == [b"second"] * 6
    assert {p.name for p in written} >= {"1.received.json", "1.examined.json", "1.receipt.json"}
