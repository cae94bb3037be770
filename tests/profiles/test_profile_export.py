"""A package goes out as EEP and as the deployed ZIP, and comes back as the record that it was."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import pytest
from case_samples import AGENCY
from form_reading import judged
from form_samples import CONTENTS, MOMENT, case, laid

from ingest.cli import main
from sip import canonical, premis, xml
from sip.archived import as_archived
from sip.package import PackagePlan, PayloadFile, write_package


def packaged(tmp_path: Path) -> tuple[Path, dict]:
    """A package of the good case, as the package stage makes it."""
    record = case()
    files = []
    for n, f in enumerate(record["files"]):
        data = CONTENTS[f["path"]]
        (tmp_path / f"{n}").write_bytes(data)
        sha256, sm3 = hashlib.sha256(data).hexdigest(), hashlib.new("sm3", data).hexdigest()
        f["archived"] = {"path": f["path"], "size": len(data), "digest": {"SHA-256": sha256, "SM3": sm3},
                         "format": {"pronom": "fmt/x", "name": f["format"], "version": None}}  # fmt: skip
        files.append(PayloadFile(f["path"], tmp_path / f"{n}", len(data), sha256, sm3, zlib.crc32(data)))
    agent = premis.Agent(AGENCY["uscc"], AGENCY["name"], "organization")
    plan = PackagePlan(
        record["record"]["electronic_record_code"], 1, MOMENT, files,
        {"record.json": canonical.dumps(record), "base_info.xml": xml.base_info(as_archived(record)),
         "process_info.xml": xml.process_info(record), "checks.json": b"{}", "signatures.json": b"{}", "filing.json": b"{}",
         "premis.xml": premis.build(as_archived(record), [], agent, agent)},
        [("Source-Organization", AGENCY["name"]), ("Bag-Group-Identifier", "x"), ("Internal-Sender-Identifier", "x")],
    )  # fmt: skip
    write_package(tmp_path / "package.zip", plan)
    return tmp_path / "package.zip", record


@pytest.mark.parametrize(("form", "name"), [("eep", "x.xml"), ("deployed", "x.zip")])
def test_out_and_back(tmp_path: Path, form: str, name: str) -> None:
    package, record = packaged(tmp_path)
    (tmp_path / "d").mkdir()
    assert main(["export", str(package), "--form", form, "-o", str(tmp_path / "d" / name)]) == 0
    codes, back, files = judged(tmp_path / "d", tmp_path)
    assert codes == set()
    assert files == CONTENTS
    for f, g in zip(back["files"], record["files"], strict=True):
        f["archived"] = g["archived"]  # measured anew on the way in
    assert back == record


@pytest.mark.parametrize("form", ["eep", "deployed"])
def test_the_same_package_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    package, _ = packaged(tmp_path)
    for out in ("a", "b"):
        assert main(["export", str(package), "--form", form, "-o", str(tmp_path / out)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_zip_is_read_by_any_tool(tmp_path: Path) -> None:
    package, _ = packaged(tmp_path)
    assert main(["export", str(package), "--form", "deployed", "-o", str(tmp_path / "out.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as z:
        assert z.testzip() is None
        assert z.namelist()[:3] == ["基本信息元数据.xml", "办理过程元数据.xml", "扩展元数据.json"]
        assert {n: z.read(n) for n in z.namelist()[3:]} == CONTENTS


def test_nothing_is_exported_from_a_package_that_is_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, _ = packaged(tmp_path)
    data = bytearray(package.read_bytes())
    at = data.index(CONTENTS["申报文件/02_营业执照.jpg"]) + 5
    data[at] ^= 1
    package.write_bytes(data)
    assert main(["export", str(package), "--form", "eep", "-o", str(tmp_path / "out")]) == 1
    assert "PKG-DIGEST" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["export", str(tmp_path / "none.zip"), "--form", "eep", "-o", str(tmp_path / "out")]) == 2


def test_records_out_and_the_check_command_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package, _ = packaged(tmp_path)
    laid(tmp_path / "home/config", {"agencies.json": json.dumps({"agencies": [dict(AGENCY)]}).encode()})
    (tmp_path / "inbox/nanyue-zwfw").mkdir(parents=True)
    for form, name in (("eep", "x.eep"), ("deployed", "x.zip")):
        main(["export", str(package), "--form", form, "-o", str(tmp_path / "inbox/nanyue-zwfw" / name)])
    places = [str(tmp_path / "inbox/nanyue-zwfw" / name) for name in ("x.eep", "x.zip")]
    args = ["check", *places, "--home", str(tmp_path / "home"), "--as-of", "2024-03-21T01:00:00+08:00", "--json"]
    assert main(args) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["path"], r["accepted"], r["findings"]) for r in rows] == [(p, True, []) for p in places]
