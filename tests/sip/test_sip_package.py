"""The writer: what it writes is a bag, the same every time, and it refuses what makes none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from sip_samples import AS_OF, CODE, CONTENTS, MakePlan

from sip import baginfo, zipformat
from sip.judge import bagit_valid
from sip.package import FixityError, PayloadFile, publish, write_package
from sip.verify import verify


def test_same_plan_gives_same_bytes_whatever_the_order_of_its_parts(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    turned = dataclasses.replace(plan, payload=plan.payload[::-1], tags=dict(reversed(plan.tags.items())))
    one, two = io.BytesIO(), io.BytesIO()
    first, second = write_package(one, plan), write_package(two, turned)
    assert one.getvalue() == two.getvalue()
    assert first == second
    assert write_package(tmp_path / "a.zip", plan) == first
    assert (tmp_path / "a.zip").read_bytes() == one.getvalue()
    assert first.sha256 == hashlib.sha256(one.getvalue()).hexdigest()
    assert first.size == len(one.getvalue())
    assert (first.files, first.payload_bytes) == (3, sum(map(len, CONTENTS.values())))


def test_members_stand_where_the_result_says_and_in_the_fixed_order(make_plan: MakePlan) -> None:
    out = io.BytesIO()
    result = write_package(out, make_plan())
    with zipfile.ZipFile(out) as z:
        assert z.testzip() is None
        assert z.namelist() == [m.name for m in result.members]
        for info, member in zip(z.infolist(), result.members, strict=True):
            assert out.getvalue()[member.offset : member.offset + member.size] == z.read(info)
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.date_time == (2024, 3, 20, 2, 0, 0)  # China time, even second
            assert info.flag_bits == 0x800
    tops = [m.name.removeprefix(CODE + "/").split("/")[0] for m in result.members]
    assert tops == [
        "bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sm3.txt", "tagmanifest-sha256.txt", "tagmanifest-sm3.txt",
        "metadata", "metadata", "metadata", "metadata", "data", "data", "data",
    ]  # fmt: skip


def test_the_zone_of_as_of_does_not_matter(make_plan: MakePlan) -> None:
    one, two = io.BytesIO(), io.BytesIO()
    plan = make_plan()
    write_package(one, plan)
    write_package(two, dataclasses.replace(plan, as_of=AS_OF.astimezone(dt.UTC)))
    assert one.getvalue() == two.getvalue()


def test_every_manifest_line_is_the_digest_of_its_member(make_plan: MakePlan) -> None:
    out = io.BytesIO()
    write_package(out, make_plan())
    with zipfile.ZipFile(out) as z:
        for algorithm in ("sha256", "sm3"):
            for kind, count in (("manifest", 3), ("tagmanifest", 8)):
                lines = z.read(f"{CODE}/{kind}-{algorithm}.txt").decode().splitlines()
                assert len(lines) == count
                for line in lines:
                    digest, path = line.split("  ", 1)
                    assert hashlib.new(algorithm, z.read(f"{CODE}/{path}")).hexdigest() == digest


def test_hostile_values_cannot_forge_a_line_of_bag_info() -> None:
    fields = [("Source-Organization", "甲\r\nPayload-Oxum: 0.0\u2028x\x00"), ("Contact-Name", "\n")]
    lines = baginfo.render(fields, "id", 1, AS_OF, 7, 1).decode().split("\n")
    assert lines[0] == "Source-Organization: 甲 Payload-Oxum: 0.0 x"
    assert lines.count("Payload-Oxum: 7.1") == 1
    assert not any(line.startswith("Contact-Name") for line in lines)


@pytest.mark.parametrize("label", ["Payload-Oxum", "bagging-date", "A:B", "A\nB", " A", ""])
def test_a_label_that_is_not_the_callers_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="may not be set"):
        baginfo.render([(label, "x")], "id", 1, AS_OF, 0, 0)


@pytest.mark.parametrize(
    ("octets", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (1_499_999, "1.5 MB"), (10**16, "10000.0 TB")]
)
def test_bag_size_is_said_for_people(octets: int, said: str) -> None:
    assert baginfo.human_size(octets) == said


UNSAFE = [
    "", "/etc/passwd", "../x", "a/../x", "a/./b", "a//b", "a/", "a\\b", "C:x", "a\x00b", "a\u2028b", "a\x85b", "\ud800",
    "e\u0301.pdf",
]  # fmt: skip


@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_and_not_nfc_paths_are_refused(make_plan: MakePlan, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        write_package(io.BytesIO(), make_plan({path: b"x"}, tags={}))
    with pytest.raises(ValueError, match="path"):
        write_package(io.BytesIO(), make_plan(tags={path: b"x"}))


@pytest.mark.parametrize("names", [("a.pdf", "A.PDF"), ("ß", "SS"), ("a", "a/b"), ("x/B", "X/b")])
def test_twins_are_refused(make_plan: MakePlan, names: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"twin|folder"):
        write_package(io.BytesIO(), make_plan(dict.fromkeys(names, b"x"), tags={}))


def test_a_plan_that_is_no_package_is_refused(make_plan: MakePlan) -> None:
    for changes, why in (
        ({"payload": []}, "without files"),
        ({"identifier": "a/b"}, "folder name"),
        ({"version": 0}, "from 1"),
        ({"as_of": dt.datetime(2024, 1, 1)}, "time zone"),
        ({"as_of": dt.datetime(1979, 12, 31, tzinfo=dt.UTC)}, "1979"),
    ):
        with pytest.raises(ValueError, match=why):
            write_package(io.BytesIO(), make_plan(**changes))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("harm", ["shorter", "longer", "changed", "gone"])
def test_a_rotten_staging_file_is_machine_trouble_and_named(make_plan: MakePlan, harm: str, large: bool) -> None:
    plan = make_plan({"申报文件/a.pdf": b"abc" * (200_000 if large else 100), "b": b"x"}, tags={})
    victim: PayloadFile = plan.payload[0]
    data = victim.source.read_bytes()
    if harm == "gone":
        victim.source.unlink()
        with pytest.raises(FileNotFoundError):
            write_package(io.BytesIO(), plan)
        return
    victim.source.write_bytes({"shorter": data[:-1], "longer": data + b"x", "changed": data[:-1] + b"x"}[harm])
    with pytest.raises(FixityError) as caught:
        write_package(io.BytesIO(), plan)
    assert caught.value.path == "申报文件/a.pdf"


def test_an_empty_file_is_a_file(make_plan: MakePlan) -> None:
    out = io.BytesIO()
    assert write_package(out, make_plan({"空.txt": b""}, tags={})).payload_bytes == 0


def test_publish_replaces_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "attempt").mkdir()
    tmp, final = tmp_path / "attempt" / "p.zip", tmp_path / "p.zip"
    tmp.write_bytes(b"new")
    final.write_bytes(b"old")
    publish(tmp, final)
    assert final.read_bytes() == b"new"
    assert not tmp.exists()


def test_zip64_is_read_by_others_and_by_us(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ZIP64 structures, made to appear in a small file: a member too large, an offset too far, members too many."""
    monkeypatch.setattr(zipformat, "FITS32", 2400)
    monkeypatch.setattr(zipformat, "FITS16", 5)
    path = tmp_path / "wide.zip"
    result = write_package(path, make_plan())
    data = path.read_bytes()
    assert data.count(zipformat.END64_MARK) == data.count(zipformat.LOCATOR64_MARK) == 1
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert len(z.namelist()) == len(result.members) == 13
        assert max(i.file_size for i in z.infolist()) > 2400
        assert any(i.extract_version == 45 for i in z.infolist())
    assert verify(path).findings == ()
    assert bagit_valid(path, tmp_path) == []


def test_metadata_may_come_from_a_file(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    large = tmp_path / "premis.xml"
    large.write_bytes(plan.tags["premis.xml"])  # type: ignore[arg-type]
    one, two = io.BytesIO(), io.BytesIO()
    write_package(one, plan)
    write_package(two, dataclasses.replace(plan, tags={**plan.tags, "premis.xml": large}))
    assert one.getvalue() == two.getvalue()


def test_sha512_by_option(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    strong = [dataclasses.replace(f, sha512=hashlib.sha512(f.source.read_bytes()).hexdigest()) for f in plan.payload]
    path = tmp_path / "strong.zip"
    write_package(path, dataclasses.replace(plan, payload=strong))
    result = verify(path)
    assert result.findings == ()
    assert result.algorithms == ("sha256", "sha512", "sm3")
    with pytest.raises(ValueError, match="some files only"):
        write_package(io.BytesIO(), dataclasses.replace(plan, payload=[strong[0], *plan.payload[1:]]))


def test_the_written_form_is_pinned(make_plan: MakePlan) -> None:
    """The same record must give the same bytes after an upgrade. Who changes the form on purpose also changes baginfo.WRITER."""
    plan = make_plan(tags={"record.json": b"{}\n"}, bag_info=[("Source-Organization", "FAKE")])
    written = write_package(io.BytesIO(), plan)
    assert written.sha256 == "3f8cdf3db64dd0037db7c63781fdfaa2b38c2b631683a7a1b3866859be5f4a56"
