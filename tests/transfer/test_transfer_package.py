"""The transfer package: the tree of DA/T 93 in a bag, the same bytes every time, each archived byte read once and proved."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from transfer_samples import OPENING, archived, bare, claims_of, code_of, item_of, opener, plan_of, zipped

from sip.faults import Fault
from sip.judge import bagit_valid
from sip.transfer import texts, tree
from sip.transfer.plan import Item, TransferPlan
from sip.transfer.source import SourceAltered, look
from sip.transfer.verify import verify
from sip.transfer.write import write_transfer
from sip.verify import verify as verify_bag


@pytest.fixture
def plan(tmp_path: Path) -> TransferPlan:
    return plan_of(tmp_path)


def test_the_payload_is_the_tree_of_the_standard(plan: TransferPlan, tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan)
    names = [n.partition("/")[2] for n in zipfile.ZipFile(out).namelist()]
    below = [n.removeprefix("data/") for n in names if n.startswith("data/")]
    assert {n.partition("/")[0] for n in below} == {"T001", "其他", "说明文件.TXT", "目录文件.XML"}
    folder = f"T001/ZY/XK/{code_of(1)}"
    assert {n.removeprefix(folder + "/").partition("/")[0] for n in below if n.startswith(folder)} == {
        "基本信息元数据.xml", "办理过程元数据.xml", "归档信息", "申报文件", "结果文件",
    }  # fmt: skip
    assert f"其他/历次版本/{code_of(1)}/v1/data/申报文件/01_申请书.pdf" in below
    assert {"其他/交接单据.XML", "其他/开放审核意见.XML"} <= set(below)


def test_it_is_judged_whole_by_all_judges(plan: TransferPlan, tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan)
    result = verify(out)
    assert result.findings == ()
    assert (result.identifier, result.proved, len(result.items)) == ("T001-2026-001", True, 3)
    assert verify_bag(out).valid
    assert bagit_valid(out, tmp_path) == []


def test_the_same_plan_gives_the_same_bytes_in_whatever_order_and_pieces(plan: TransferPlan, tmp_path: Path) -> None:
    write_transfer(tmp_path / "a.zip", plan)
    items = [dataclasses.replace(i, open=opener(tmp_path / i.source.name, 77)) for i in reversed(plan.items)]
    write_transfer(tmp_path / "b.zip", dataclasses.replace(plan, items=items))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_each_archived_package_is_read_once(plan: TransferPlan, tmp_path: Path) -> None:
    opened: Counter[str] = Counter()
    read: Counter[str] = Counter()

    def counted(item: Item) -> Item:
        def open_() -> Iterator[bytes]:
            opened[item.source.name] += 1
            for piece in item.open():
                read[item.source.name] += len(piece)
                yield piece

        return dataclasses.replace(item, open=open_)

    write_transfer(tmp_path / "t.zip", dataclasses.replace(plan, items=[counted(i) for i in plan.items]))
    assert set(opened.values()) == {1}
    assert read == {i.source.name: i.size for i in plan.items}


def test_an_archived_package_that_is_no_longer_the_one_of_the_ledger_stops_the_transfer(tmp_path: Path) -> None:
    package, result = archived(tmp_path, 7)
    data = bytearray(package.read_bytes())
    data[data.index(b"PK\x01\x02") + 12] ^= 1  # a time in the directory: no manifest and no CRC covers it
    package.write_bytes(data)
    with package.open("rb") as file:
        item = Item(look(file, "p"), opener(package), result.size, result.sha256, 1, OPENING)
    with pytest.raises(SourceAltered, match="p: "):
        write_transfer(tmp_path / "t.zip", dataclasses.replace(plan_of(tmp_path), items=[item]))


def test_two_records_of_one_code_are_no_plan(tmp_path: Path) -> None:
    one, two = item_of(*archived(tmp_path, 1)), item_of(*archived(tmp_path, 1, version=2), version=2)
    with pytest.raises(ValueError, match="twice"):
        write_transfer(tmp_path / "t.zip", dataclasses.replace(plan_of(tmp_path), items=[one, two]))


def test_the_package_names_what_each_item_was_archived_as(plan: TransferPlan, tmp_path: Path) -> None:
    out = tmp_path / "t.zip"
    write_transfer(out, plan)
    claims = claims_of(out)
    for item in claims["items"]:
        package = tmp_path / f"{int(item['archival_code'][-5:])}-v{item['version']}.zip"
        assert item["package_sha256"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert [i["earlier"] for i in claims["items"]] == [True, False, False, False]
    assert {i["opening"]["opinion"] for i in claims["items"]} == {"同意延期"}


def test_paths_go_there_and_back() -> None:
    for path in ("data/申报文件/a.pdf", "metadata/base_info.xml", "metadata/evidence/x.cer", "bagit.txt"):
        assert tree.in_package(tree.in_item(path)) == path


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "gb2312"])
def test_a_tree_of_another_maker_is_judged_too(tmp_path: Path, encoding: str) -> None:
    files = bare()
    catalogue = files["目录文件.XML"].decode().replace('encoding="UTF-8"', f'encoding="{encoding}"')
    files["目录文件.XML"] = catalogue.encode("gb18030" if encoding == "gb2312" else encoding)
    files["说明文件.TXT"] = files["说明文件.TXT"].decode().replace("：", "=").encode("gb18030")
    for top in ("", "移交2026/"):
        result = verify(zipped(tmp_path / f"{len(top)}.zip", files, top))
        assert [f.code for f in result.findings] == ["TRF-PLAIN"], [f.as_json() for f in result.findings]
        assert result.valid and not result.proved and len(result.items) == 2


def test_the_note_reads_as_written() -> None:
    values = {
        "移交单位": "甲：乙=丙",
        "内容描述": "x\ny",
        "起止档号": "a～b",
        "档案数量": "2",
        "软硬件环境": "任意",
        "载体编号": "",
    }
    faults: list[Fault] = []
    read = texts.read_note(texts.note(values), faults)
    assert (read["移交单位"], read["内容描述"], faults) == ("甲：乙=丙", "x y", [])
    assert "载体编号" not in read


def test_an_auditor_needs_sip_alone(plan: TransferPlan, tmp_path: Path) -> None:
    write_transfer(tmp_path / "good.zip", plan)
    zipped(tmp_path / "bad.zip", bare(**{"目录文件.XML": None}))
    command = [sys.executable, "-m", "sip.transfer", str(tmp_path / "good.zip"), str(tmp_path / "bad.zip"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.returncode, good["valid"], bad["valid"]) == (1, True, False)
    assert "TRF-CATALOGUE-MISSING" in {f["code"] for f in bad["findings"]}
