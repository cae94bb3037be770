"""Bags in folders, ZIPs and TARs, well made and hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_bags import as_tar, as_zip, bag, codes, tagged

from sip import opening, zipformat
from sip.verify import main, verify


@pytest.mark.parametrize("version", ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"])
@pytest.mark.parametrize("form", ["zip", "tar", "folder"])
def test_every_version_in_every_form(version: str, form: str, tmp_path: Path) -> None:
    good = tagged(bag(("md5", "sha256"), version), "md5")
    bad = good | {"data/a.txt": b"alphA"}
    for files, valid in ((good, True), (bad, False)):
        folder = tmp_path / f"bag-{valid}"
        for path, data in files.items() if form == "folder" else ():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        result = verify({"zip": as_zip, "tar": as_tar}[form](files) if form != "folder" else folder)
        assert (result.valid, result.form, result.version) == (valid, form, version)
        if not valid:
            assert {f.path for f in result.findings} == {"data/a.txt"}


def test_a_serialised_bag_has_one_top_folder() -> None:
    for make in (as_zip, as_tar):
        assert codes(verify(make(bag(), top=""))) == {"PKG-TOP-FOLDER"}
        two = {f"one/{p}": d for p, d in bag().items()} | {f"two/{p}": d for p, d in bag().items()}
        assert codes(verify(make(two, top=""))) == {"PKG-TOP-FOLDER"}
        assert codes(verify(make(bag(), top="deep/bag/"))) >= {"PKG-BAGIT-MISSING", "PKG-MANIFEST-MISSING"}


@pytest.mark.parametrize(
    "name", ["../evil", "bag/../../evil", "/abs", "bag\\data\\x", "C:/x", "bag/data/a\x07b", "bag//x"]
)
def test_unsafe_member_names_are_said_and_never_read(name: str) -> None:
    for result in (verify(as_zip({f"bag/{p}": d for p, d in bag().items()} | {name: b"x"}, top="")),
                   verify(as_tar({f"bag/{p}": d for p, d in bag().items()} | {name: b"x"}, top=""))):  # fmt: skip
        assert not result.valid
        assert codes(result) <= {"PKG-MEMBER-UNSAFE", "PKG-TOP-FOLDER"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_given_twice_is_said() -> None:
    out = as_zip(bag())
    with zipfile.ZipFile(out, "a") as z:
        z.writestr("bag/data/a.txt", b"other")
    assert codes(verify(out)) == {"PKG-MEMBER-DUPLICATE"}
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        for path, data in [*bag().items(), ("data/a.txt", b"other")]:
            info = tarfile.TarInfo("bag/" + path)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    assert codes(verify(tar)) == {"PKG-MEMBER-DUPLICATE"}


def test_a_name_on_disk_that_is_no_text_is_said_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "\udcff"
    for path, data in bag().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "data/\udcfe.txt").write_bytes(b"x")
    assert codes(verify(root)) == {"PKG-MEMBER-UNSAFE"}
    assert main([str(root), "--json"]) == 1
    assert main([str(root)]) == 1
    assert "\\udcfe.txt" in capsys.readouterr().out


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for path, data in bag().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    (tmp_path / "data/link").symlink_to("/etc/passwd")
    (tmp_path / "data/folder").symlink_to("/etc")
    result = verify(tmp_path)
    assert {f.path for f in result.findings if f.code == "PKG-MEMBER-KIND"} == {"data/link", "data/folder"}
    out = as_tar(bag())
    out.seek(0)
    with tarfile.open(fileobj=out, mode="a") as t:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"bag/data/{kind!r}")
            info.type, info.linkname = kind, "../../etc/passwd"
            t.addfile(info)
    assert len([f for f in verify(out).findings if f.code == "PKG-MEMBER-KIND"]) == 4
    out = as_zip(bag())
    with zipfile.ZipFile(out, "a") as z:
        entry = zipfile.ZipInfo("bag/data/link")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        z.writestr(entry, "/etc/passwd")
    assert codes(verify(out)) == {"PKG-MEMBER-KIND"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tars_are_judged_like_plain_ones(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    good, bad = as_tar(tagged(bag())).getvalue(), as_tar(tagged(bag()) | {"data/a.txt": b"alphA"}).getvalue()
    path = tmp_path / "bag.tar.x"
    path.write_bytes(pack(good))
    assert verify(path).findings == ()
    assert codes(verify(io.BytesIO(pack(bad)))) == {"PKG-DIGEST"}
    assert "PKG-TAR-DAMAGED" in codes(verify(io.BytesIO(pack(good)[:-20])))
    assert codes(verify(io.BytesIO(pack(b"no tar")))) == {"PKG-NOT-A-PACKAGE"}


def test_a_tar_that_unpacks_to_endless_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_RATIO_FROM", 1 << 20)
    assert codes(verify(io.BytesIO(gzip.compress(bytes(4 << 20))))) == {"PKG-BOMB"}


def test_what_is_packed_in_a_way_not_known_here_is_not_judged() -> None:
    result = verify(io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(600)))
    assert (result.valid, result.judged) == (False, False)


def test_a_truncated_tar_is_said() -> None:
    data = as_tar(bag()).getvalue()
    for cut in range(512, data.index(b"\0" * 1024) - 100, 300):
        assert not verify(io.BytesIO(data[:cut])).valid


def test_names_without_the_utf8_flag_are_read_as_chinese_tools_write_them() -> None:
    """GB18030 and no mark, as old Windows tools zip."""
    out, directory = bytearray(), bytearray()
    files = bag(payload={"申请书.txt": b"alpha"})
    for path, content in files.items():
        about = (f"bag/{path}".encode("gb18030"), len(content), zlib.crc32(content), (0, 33))
        local, central = (
            bytearray(zipformat.local_header(*about)),
            bytearray(zipformat.central_header(*about, len(out))),
        )
        local[6:8] = central[8:10] = b"\0\0"  # the flags
        directory += central
        out += local + content
    end = zipformat.end_records(len(files), len(directory), len(out))
    result = verify(io.BytesIO(out + directory + end))
    assert result.valid
    assert codes(result, "warning") == {"PKG-NAME-ENCODING"}


class _Pipe(io.RawIOBase):
    """A file that can only be written forward, so that zipfile writes sizes after the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def test_zips_made_in_a_stream_and_with_a_comment_are_read() -> None:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as z:  # type: ignore[arg-type]
        for path, data in bag().items():
            z.writestr("bag/" + path, data)
        z.comment = b"PK\x05\x06 is not the end"
    assert verify(io.BytesIO(pipe.data)).findings == ()


def test_folders_as_members_and_an_empty_payload_are_right() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for folder in ("bag/", "bag/data/", "bag/data/empty/"):
            z.writestr(folder, b"")
        z.writestr("bag/bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        z.writestr("bag/bag-info.txt", b"Payload-Oxum: 0.0\n")
        z.writestr("bag/manifest-sha256.txt", b"")
    assert verify(out).findings == ()


def crafted(
    size: int | None = None, flags: int = zipformat.UTF8_FLAG, method: int = 0, content: bytes = b"x" * 50
) -> io.BytesIO:
    """A good bag in a ZIP with one more member, whose headers claim what is asked."""
    out, directory, members = bytearray(), bytearray(), [*bag().items(), ("notes.bin", content)]
    for path, data in members:
        last = path == "notes.bin"
        about = (f"bag/{path}".encode(), size if last and size else len(data), zlib.crc32(data), (0, 33))
        local, central = (
            bytearray(zipformat.local_header(*about)),
            bytearray(zipformat.central_header(*about, len(out))),
        )
        if last:
            local[6:10] = central[8:12] = struct.pack("<HH", flags, method)
            if method == 8 and size:  # the packed size is what stands there
                local[18:22] = central[20:24] = struct.pack("<I", len(data))
        directory += central
        out += local + data
    return io.BytesIO(out + directory + zipformat.end_records(len(members), len(directory), len(out)))


def test_claims_that_no_honest_container_makes_are_refused_unread() -> None:
    assert codes(verify(crafted())) == set()
    assert "PKG-BOMB" in codes(verify(crafted(size=5 << 30)))
    assert codes(verify(crafted(flags=zipformat.UTF8_FLAG | 1))) == {"PKG-ZIP-UNSUPPORTED"}
    assert codes(verify(crafted(method=12))) == {"PKG-ZIP-UNSUPPORTED"}
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(b"0" * 10_000_000) + deflate.flush()
    assert codes(verify(crafted(method=8, size=1000, content=packed))) == {"PKG-CONTENT-CUT"}
    assert codes(verify(crafted(method=8, size=1000, content=b"\xff" * 30))) == {"PKG-CONTENT-CUT"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_bring_the_reader_down(data: st.DataObject) -> None:
    """Whatever is cut out, put in or overwritten: a verdict, never an exception."""
    raw = bytearray(data.draw(st.sampled_from([GOOD_ZIP, GOOD_TAR])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        length = data.draw(st.integers(0, 40))
        raw[at : at + length] = data.draw(st.binary(max_size=40))
    assert isinstance(verify(io.BytesIO(raw)).as_json(), dict)


GOOD_ZIP, GOOD_TAR = as_zip(tagged(bag())).getvalue(), as_tar(bag()).getvalue()[:5000]
