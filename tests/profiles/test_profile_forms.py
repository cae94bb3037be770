"""Each form is read into the one record model, and nothing it says is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from form_reading import judged, received, records
from form_samples import (
    ARCHIVAL,
    CASES,
    CODE,
    CONTENTS,
    Files,
    base_info,
    batch_files,
    case,
    dat93_files,
    deployed_files,
    encoded,
    exported_eep,
    exported_zip,
    foreign_eep,
    gdbs_files,
    laid,
    zipped,
)  # fmt: skip

from ingest.metadata.canonical import normalised
from sip.deployed import BASE_INFO

# What a form cannot carry is said once; files without digests of their own are a remark each.
DEPLOYED = {"MET-NO-DIGEST", "PRF-NOT-CARRIED"}


@pytest.mark.parametrize("names", [None, "gbk"])
def test_a_deployed_zip(tmp_path: Path, names: str | None) -> None:
    laid(tmp_path / "d", {"package.zip": zipped(deployed_files(), names)})
    codes, record, files = judged(tmp_path / "d", tmp_path)
    assert codes == DEPLOYED | ({"PRF-NAME-ENCODING"} if names else set())
    assert files == CONTENTS
    assert record["case"]["case_no"] == CASES[0]
    assert record["case"]["service_kind"] == {"scheme": "gd", "code": "2", "text": "承诺件"}
    assert record["record"]["retention_code"] == "D30"
    assert [e["action"] for e in record["events"]] == [e["action"] for e in case()["events"]]


def test_a_deployed_package_in_a_folder_with_a_folder_of_its_own(tmp_path: Path) -> None:
    laid(tmp_path / "d", {f"{CODE}/{name}": data for name, data in deployed_files().items()})
    assert judged(tmp_path / "d", tmp_path)[0] == DEPLOYED


@pytest.mark.parametrize("encoding", ["UTF-8-sig", "GB18030", "GB2312", "UTF-16"])
def test_metadata_in_the_encodings_met(tmp_path: Path, encoding: str) -> None:
    declared = "UTF-8" if encoding == "UTF-8-sig" else encoding
    data = base_info().replace('encoding="UTF-8"', f'encoding="{declared}"').encode(encoding)
    laid(tmp_path / "d", deployed_files() | {BASE_INFO: data})
    codes, record, _ = judged(tmp_path / "d", tmp_path)
    assert codes == DEPLOYED
    assert record["record"]["title"] == case()["case"]["case_title"]


def test_without_its_history_the_acts_are_those_whose_times_the_form_gives(tmp_path: Path) -> None:
    files = deployed_files()
    del files["办理过程元数据.xml"]
    laid(tmp_path / "d", files)
    codes, record, _ = judged(tmp_path / "d", tmp_path)
    assert codes == DEPLOYED
    assert [(e["action"], e["derived_from"]) for e in record["events"]] == [
        ("accept", "/case/accepted_at"), ("close", "/case/closed_at"),
    ]  # fmt: skip


def test_what_the_model_has_no_place_for_is_kept_as_given(tmp_path: Path) -> None:
    text = base_info().replace("</base_info>", "<own_element>甲<b>乙</b></own_element></base_info>")
    laid(tmp_path / "d", deployed_files() | {BASE_INFO: text.encode(), "管理过程元数据.xml": b"<m/>"})
    _, into = received(tmp_path / "d", tmp_path)
    case_json = json.loads((into / "case.json").read_bytes())
    assert case_json["kept"]["base_info"] == {"own_element": "<own_element>甲<b>乙</b></own_element>"}
    assert (into / "given" / BASE_INFO).read_bytes() == text.encode()
    assert (into / "given/管理过程元数据.xml").read_bytes() == b"<m/>"
    assert json.loads((into / "form.json").read_bytes())["profile"] == "deployed-fz"


def test_an_eep_of_ours_gives_the_record_back(tmp_path: Path) -> None:
    laid(tmp_path / "d", {"x.xml": exported_eep()})
    codes, record, files = judged(tmp_path / "d", tmp_path)
    assert codes == set()
    assert files == CONTENTS
    for f in record["files"]:
        del f["archived"]
    assert record == normalised(case())


def test_an_eep_in_gb18030(tmp_path: Path) -> None:
    laid(tmp_path / "d", {"x.eep": encoded(exported_eep().decode(), "GB18030")})
    assert judged(tmp_path / "d", tmp_path)[0] == set()


def test_an_eep_of_another_maker_with_base_info_among_its_documents(tmp_path: Path) -> None:
    laid(tmp_path / "d", {"x.xml": foreign_eep()})
    _, into = received(tmp_path / "d", tmp_path)
    codes, _, files = judged(tmp_path / "d", tmp_path)
    assert codes == DEPLOYED
    assert files == CONTENTS
    kept = json.loads((into / "case.json").read_bytes())["kept"]
    assert kept["eep"]["内容描述/题名"] == case()["record"]["title"]
    assert b"<\xe7\xbc\x96\xe7\xa0\x81\xe6\x95\xb0\xe6\x8d\xae" in (into / "given/EEP元数据.xml").read_bytes()


def test_an_export_as_deployed_zip_gives_the_record_back(tmp_path: Path) -> None:
    laid(tmp_path / "d", {"x.zip": exported_zip()})
    codes, record, files = judged(tmp_path / "d", tmp_path)
    assert codes == set()
    assert files == CONTENTS
    for f in record["files"]:
        del f["archived"]
    assert record == normalised(case())


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_transfer_package_of_two_records(tmp_path: Path, as_zip: bool) -> None:
    files = dat93_files()
    laid(tmp_path / "d", {"移交.zip": zipped(files, "gb18030")} if as_zip else files)
    parts = records(tmp_path / "d", tmp_path)
    assert parts == [f"{ARCHIVAL}1", f"{ARCHIVAL}2"]
    for n, part in enumerate(parts, 1):
        codes, record, got = judged(tmp_path / "d", tmp_path, part)
        assert codes == DEPLOYED | ({"PRF-NAME-ENCODING"} if as_zip else set())
        assert got == CONTENTS
        assert record["case"]["case_no"] == CASES[n - 1]
        assert record["record"]["archival_code"] == part
        assert record["record"]["date"] == "2024-03-13"
        assert record["kept"]["note"]["软硬件环境"] == "Linux"


def test_what_lies_beside_the_records_of_a_transfer_package_is_told(tmp_path: Path) -> None:
    laid(tmp_path / "d", dat93_files() | {"其他/说明.txt": b"x"})
    codes, _, _ = judged(tmp_path / "d", tmp_path, f"{ARCHIVAL}1")
    assert codes == DEPLOYED | {"PRF-OTHER-NOT-TAKEN"}


@pytest.mark.parametrize(
    ("kind", "encoding"), [("json", "utf-8"), ("csv", "utf-8-sig"), ("csv", "gb18030"), ("xml", "gb2312")]
)
def test_exchange_rows_are_put_together_into_cases(tmp_path: Path, kind: str, encoding: str) -> None:
    laid(tmp_path / "d", gdbs_files(kind, encoding))
    assert records(tmp_path / "d", tmp_path) == list(CASES)
    codes, record, files = judged(tmp_path / "d", tmp_path, CASES[1])
    assert codes == {"PRF-NOT-CARRIED"}
    assert sorted(files.values()) == sorted(CONTENTS.values())
    assert record["case"]["case_no"] == CASES[1]
    assert [e["action"] for e in record["events"]] == ["apply", "accept", "review", "approve", "close", "deliver"]
    assert [len(record["kept"]["rows"][t]) for t in ("EX_GDBS_SB", "EX_GDBS_SBCL")] == [1, 4]
    assert record["case"]["contact"]["name"] == "测试乙"


def test_a_batch_by_transfer_info(tmp_path: Path) -> None:
    laid(tmp_path / "d", batch_files())
    assert records(tmp_path / "d", tmp_path) == [f"{CODE[:-1]}{n}" for n in (1, 2)]
    codes, record, files = judged(tmp_path / "d", tmp_path, f"{CODE[:-1]}2")
    assert codes == DEPLOYED | {"PRF-NAME-ENCODING"}
    assert files == CONTENTS
    assert record["case"]["case_no"] == CASES[1]
    assert record["kept"]["transfer_info"]["batch_name"] == "T001-20240320"


DIALECT = {
    "schema": "guidang.profile/1.0", "id": "nanhai-zwfw", "version": "2024", "extends": "deployed-fz", "zh": "南海区方言（测试）",
    "elements": {
        "record": [
            {"element": "task_name", "aliases": ["item_title"]},
            {"element": "counter_no", "at": "/case/counter_no", "obligation": "M", "pattern": "[A-Z][0-9]{3}", "zh": "窗口号"},
        ]
    },
    "values": {"/record/retention_code": {"长期": "D30"}},
}  # fmt: skip


def _dialect(text: str) -> Files:
    return deployed_files() | {BASE_INFO: text.encode()}


def test_an_agencys_dialect_is_one_more_file(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/nanhai.json").write_text(json.dumps(DIALECT, ensure_ascii=False), "utf-8")
    text = (
        base_info()
        .replace("task_name>", "item_title>")
        .replace("</base_info>", "<counter_no>A012</counter_no></base_info>")
    )
    laid(tmp_path / "d", _dialect(text))
    codes, record, _ = judged(tmp_path / "d", tmp_path, profile="nanhai-zwfw")
    assert codes == DEPLOYED
    assert record["case"]["matter"]["name"] == case()["case"]["matter"]["name"]
    assert record["case"]["counter_no"] == "A012"
    # what the dialect asks for is asked for, and the house's own profile knows nothing of it
    laid(tmp_path / "e", _dialect(text.replace("A012", "12")))
    assert judged(tmp_path / "e", tmp_path, profile="nanhai-zwfw")[0] == DEPLOYED | {"MET-FORMAT"}
    assert "MET-REQUIRED" in judged(tmp_path / "d", tmp_path)[0]
