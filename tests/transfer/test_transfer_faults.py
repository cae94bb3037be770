"""What is wrong with a transfer package is named, each by its code and place: every rule has a package that breaks it."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from transfer_samples import UNIT, bare, code_of, plan_of, remade, zipped

from sip.transfer import archived, texts
from sip.transfer import verify as verifying
from sip.transfer.texts import CatalogueLine
from sip.transfer.verify import verify
from sip.transfer.write import write_transfer

ONE, TWO, THREE = (f"T001/ZY/XK/{code_of(n)}" for n in (1, 2, 3))
CATALOGUE, NOTE = "目录文件.XML", "说明文件.TXT"


def swap(name: str, old: str, new: str) -> dict[str, bytes]:
    files = bare()
    text = files[name].decode()
    assert old in text
    return files | {name: text.replace(old, new, 1).encode()}


def as_bytes(change: Callable[[str], bytes]) -> dict[str, bytes]:
    return bare() | {CATALOGUE: change(bare()[CATALOGUE].decode())}


_DTD = '<!DOCTYPE x [<!ENTITY a "b">]>\n<文件目录>'
_XXE = b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"
BARE: dict[str, tuple[Callable[[], dict[str, bytes]], str, str]] = {
    "no_note": (lambda: bare(**{NOTE: None}), "TRF-NOTE-MISSING", NOTE),
    "no_catalogue": (lambda: bare(**{CATALOGUE: None}), "TRF-CATALOGUE-MISSING", CATALOGUE),
    "note_field": (lambda: swap(NOTE, "软硬件环境", "硬件"), "TRF-NOTE-FIELD", NOTE),
    "note_number": (lambda: swap(NOTE, "档案数量：2", "档案数量：两件"), "TRF-NOTE", NOTE),
    "note_count": (lambda: swap(NOTE, "档案数量：2", "档案数量：3"), "TRF-NOTE-COUNT", NOTE),
    "note_range": (lambda: swap(NOTE, code_of(2), code_of(9)), "TRF-NOTE-RANGE", NOTE),
    "note_line": (lambda: swap(NOTE, "内容描述：测试", "内容描述：测试\r\n无字段"), "TRF-NOTE", NOTE),
    "note_twice": (lambda: swap(NOTE, "内容描述：测试", "内容描述：测试\r\n内容描述：又"), "TRF-NOTE", NOTE),
    "note_encoding": (lambda: bare(**{NOTE: b"\xff\xfe\x00"}), "TRF-ENCODING", NOTE),
    "note_endless": (lambda: bare(**{NOTE: b"a:b\n" * 300_000}), "TRF-NOTE", NOTE),
    "catalogue_root": (lambda: swap(CATALOGUE, "<文件目录>", "<目录>"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "catalogue_cut": (lambda: swap(CATALOGUE, "</文件目录>", ""), "TRF-XML", CATALOGUE),
    "catalogue_dtd": (lambda: swap(CATALOGUE, "<文件目录>", _DTD), "TRF-XML-DTD", CATALOGUE),
    "catalogue_encoding": (lambda: swap(CATALOGUE, "UTF-8", "ISO-8859-1"), "TRF-ENCODING", CATALOGUE),
    "catalogue_undeclared": (lambda: as_bytes(lambda t: t.encode("gb18030")), "TRF-ENCODING", CATALOGUE),
    "catalogue_utf16": (lambda: as_bytes(lambda t: t.encode("utf-16")), "TRF-ENCODING", CATALOGUE),
    "cell_endless": (lambda: swap(CATALOGUE, "题名1", "长" * 70_000), "TRF-CATALOGUE-FORM", CATALOGUE),
    "column_missing": (lambda: swap(CATALOGUE, "<密级>公开</密级>", ""), "TRF-CATALOGUE-FORM", CATALOGUE),
    "column_empty": (lambda: swap(CATALOGUE, "<密级>公开</密级>", "<密级/>"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "column_unknown": (lambda: swap(CATALOGUE, "<备注/>", "<备注/><文号>1</文号>"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "column_twice": (lambda: swap(CATALOGUE, "<备注/>", "<备注/><备注/>"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "column_nested": (lambda: swap(CATALOGUE, "题名1", "<b>题名</b>"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "pages_negative": (lambda: swap(CATALOGUE, "<页数>2<", "<页数>-2<"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "numbers_jump": (lambda: swap(CATALOGUE, "<顺序号>2<", "<顺序号>3<"), "TRF-CATALOGUE-FORM", CATALOGUE),
    "date": (lambda: swap(CATALOGUE, "20260313", "三月"), "TRF-CATALOGUE-DATE", CATALOGUE),
    "code_twice": (lambda: swap(CATALOGUE, code_of(2), code_of(1)), "TRF-CATALOGUE-TWICE", code_of(1)),
    "code_climbs": (lambda: swap(CATALOGUE, code_of(2), "../../etc"), "TRF-CODE-UNSAFE", "../../etc"),
    "empty": (lambda: {CATALOGUE: "<文件目录></文件目录>".encode()}, "TRF-CATALOGUE-EMPTY", CATALOGUE),
    "folder_missing": (lambda: {k: v for k, v in bare().items() if TWO not in k}, "TRF-ITEM-MISSING", code_of(2)),
    "folder_unlisted": (lambda: bare() | {f"{THREE}/a.pdf": b"x"}, "TRF-UNLISTED", THREE),
    "folder_twice": (lambda: bare() | {f"T001/ZY/GF/{code_of(2)}/a.xml": b"<a/>"}, "TRF-ITEM-TWICE", code_of(2)),
    "folder_of_another_fonds": (
        lambda: {k.replace("T001/ZY", "T002/ZY"): v for k, v in bare().items()}, "TRF-ITEM-FONDS", "T002" + ONE[4:]),
    "no_metadata": (lambda: bare(**{f"{ONE}/元数据.xml": None}), "TRF-ITEM-METADATA", ONE),
    "no_content": (lambda: bare(**{f"{ONE}/正文.pdf": None}), "TRF-ITEM-CONTENT", ONE),
    "content_empty": (lambda: bare(**{f"{ONE}/正文.pdf": b""}), "TRF-FILE-EMPTY", f"{ONE}/正文.pdf"),
    "metadata_broken": (lambda: bare(**{f"{ONE}/元数据.xml": b"<a>"}), "TRF-XML", f"{ONE}/元数据.xml"),
    "metadata_dtd": (lambda: bare(**{f"{ONE}/元数据.xml": _XXE}), "TRF-XML-DTD", f"{ONE}/元数据.xml"),
    "stray": (lambda: bare() | {"目录.doc": b"x"}, "TRF-STRAY", "目录.doc"),
    "two_trees": (lambda: {f"{t}/{k}": v for t in "ab" for k, v in bare().items()}, "TRF-TOP-FOLDER", ""),
    "climbing_member": (lambda: bare() | {"../evil": b"x"}, "PKG-MEMBER-UNSAFE", "../evil"),
    "absolute_member": (lambda: bare() | {"/etc/evil": b"x"}, "PKG-MEMBER-UNSAFE", "/etc/evil"),
    "backslash_member": (lambda: bare() | {"T001\\evil": b"x"}, "PKG-MEMBER-UNSAFE", "T001\\evil"),
    "name_too_long": (
        lambda: bare() | {f"{ONE}/{'长' * 90}.pdf": b"x"}, "TRF-NAME-TOO-LONG", f"{ONE}/{'长' * 90}.pdf"),
    "file_and_folder": (lambda: bare() | {f"{ONE}/正文.pdf/a": b"x"}, "TRF-FILE-AND-FOLDER", f"{ONE}/正文.pdf"),
    "twins": (lambda: bare() | {f"{ONE}/正文.PDF": b"x"}, "PKG-NAME-TWIN", f"{ONE}/正文.PDF"),
}  # fmt: skip


@pytest.mark.parametrize("name", BARE)
def test_each_rule_of_the_standard(name: str, tmp_path: Path) -> None:
    make, code, place = BARE[name]
    result = verify(zipped(tmp_path / "t.zip", make()))
    said = [(f.code, f.path or "") for f in result.findings]
    assert (code, place) in said, said
    assert not result.valid or name in ("twins", "date")
    assert all(f.text("zh") and f.text("en") for f in result.findings)


def flagged(data: bytes) -> bytes:
    """Each header with the flag of encryption."""
    out = re.sub(rb"(PK\x03\x04..)..", lambda m: m[1] + b"\x01\x00", data, flags=re.DOTALL)
    return re.sub(rb"(PK\x01\x02....)..", lambda m: m[1] + b"\x01\x00", out, flags=re.DOTALL)


def method_99(data: bytes) -> bytes:
    out = re.sub(rb"(PK\x03\x04....)..", lambda m: m[1] + struct.pack("<H", 99), data, flags=re.DOTALL)
    return re.sub(rb"(PK\x01\x02......)..", lambda m: m[1] + struct.pack("<H", 99), out, flags=re.DOTALL)


@pytest.mark.parametrize("spoil", [flagged, method_99])
def test_wrappers_that_hide_their_content(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "t.zip", bare())
    path.write_bytes(spoil(path.read_bytes()))
    assert "PKG-ZIP-UNSUPPORTED" in {f.code for f in verify(path).findings}


def test_a_name_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as z:
        for name, data in bare().items():
            z.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            z.writestr(f"{ONE}/正文.pdf", b"other")
    assert ("PKG-MEMBER-DUPLICATE", f"{ONE}/正文.pdf") in [(f.code, f.path) for f in verify(path).findings]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A file of 1 MB that claims 1.2 GB: refused by what it claims, nothing of it is read."""
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for name, data in bare().items():
            z.writestr(name, data)
        z.writestr(f"{ONE}/附件.pdf", b"x")
    data = path.read_bytes()
    size = 0xF0000000
    data = data[:-22].replace(b"\x01\x00\x00\x00" + struct.pack("<H", len(f"{ONE}/附件.pdf".encode())), struct.pack("<I", size)
                              + struct.pack("<H", len(f"{ONE}/附件.pdf".encode()))) + data[-22:]  # fmt: skip
    path.write_bytes(data)
    started = time.process_time()
    assert "PKG-BOMB" in {f.code for f in verify(path).findings}
    assert time.process_time() - started < 5


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_what_was_cut_off_is_told(cut: float, tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan_of(tmp_path))
    data = out.read_bytes()
    out.write_bytes(data[: int(len(data) * cut)])
    assert "PKG-TRUNCATED" in {f.code for f in verify(out).findings}


def test_content_changed_together_with_the_bags_manifests_is_still_told(tmp_path: Path) -> None:
    """Who alters a file and makes the bag anew still has the manifests of archiving against him."""
    out = tmp_path / "t.zip"
    write_transfer(out, plan_of(tmp_path))
    place = f"T001/ZY/XK/{code_of(2)}/结果文件/01_决定书.pdf"

    def change(files: dict[str, bytes]) -> None:
        top = "T001-2026-001/"
        changed = {f"{top}data/{place}"}
        old = dict(files)
        files[f"{top}data/{place}"] = old[f"{top}data/{place}"][:-1] + b"?"
        for manifest in [f"{top}{kind}-{a}.txt" for kind in ("manifest", "tagmanifest") for a in ("sha256", "sm3")]:
            a = manifest.rpartition("-")[2].removesuffix(".txt")
            for name in changed:
                was, now = (hashlib.new(a, f[name]).hexdigest().encode() for f in (old, files))
                files[manifest] = files[manifest].replace(was, now)
            if "/manifest" in manifest:
                changed = changed | {manifest}

    errors = {(f.code, f.path) for f in verify(remade(out, change)).findings if f.severity == "error"}
    assert errors == {("TRF-ITEM-FIXITY", place)}, errors


def test_a_catalogue_that_differs_from_the_record(tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan_of(tmp_path))

    def change(files: dict[str, bytes]) -> None:
        name = f"T001-2026-001/data/{CATALOGUE}"
        files[name] = files[name].replace("定期30年".encode(), "定期10年".encode(), 1)

    codes = {f.code for f in verify(remade(out, change)).findings}
    assert {"PKG-DIGEST", "TRF-ITEM-RECORD"} <= codes


def test_what_transfer_json_claims_is_held_against_the_tree(tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan_of(tmp_path))

    def change(files: dict[str, bytes]) -> None:
        name = "T001-2026-001/metadata/transfer.json"
        claims = json.loads(files[name])
        claims["items"] = claims["items"][:-1]
        files[name] = json.dumps(claims, ensure_ascii=False).encode()

    found = verify(remade(out, change)).findings
    assert any(f.code == "TRF-CLAIMS" and code_of(3) in f.text("zh") for f in found)


def test_a_hundred_thousand_entries_are_judged(tmp_path: Path) -> None:
    lines = (
        CatalogueLine(n, f"T001-ZY·XK·2026·D30-{n:06}", UNIT, "题名", "20260101", "永久", "公开")
        for n in range(1, 100_001)
    )
    files = bare() | {CATALOGUE: "".join(texts.catalogue_pieces(lines)).encode()}
    result = verify(zipped(tmp_path / "t.zip", files))
    assert len(result.findings) == 5000  # told up to here
    assert {"TRF-NOTE-COUNT", "TRF-ITEM-MISSING"} <= {f.code for f in result.findings}


@pytest.mark.parametrize("junk", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"\x00" * 5000, b"%PDF-1.7"])
def test_what_is_no_package_is_said(junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    path.write_bytes(junk)
    assert not verify(path).valid
    assert not verify(tmp_path / "absent.zip").valid


def test_no_text_stands_in_the_table_for_nothing() -> None:
    table = json.loads((Path(verifying.__file__).parent / "faults.json").read_text("utf-8"))
    source = "".join(Path(m.__file__).read_text("utf-8") for m in (archived, verifying, texts))
    assert {c for c in table if f'"{c}"' not in source} == set()
