"""The metadata files of a package: their form, and that hostile content neither breaks nor forges them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from sip_samples import ARCHIVE, AS_OF, CODE, CONTENTS, EVENTS, SOFTWARE, record_of, staged

from sip import canonical, premis, xml
from sip.baginfo import clean
from sip.names import decode, encode, stray_percent

SCHEMA = etree.XMLSchema(etree.parse("schemas/premis/premis-v3-subset.xsd"))
P = {"p": premis.NS}


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    return record_of(staged(tmp_path, CONTENTS))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_manifest_escaping_round_trips_and_stays_on_one_line(path: str) -> None:
    written = encode(path)
    assert decode(written) == path
    assert not set(written) & {"\r", "\n"}
    assert not stray_percent(written)
    assert len(written) == len(path) + 2 * sum(path.count(c) for c in "%\r\n")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cleaned_value_is_one_line_for_every_reader(value: str) -> None:
    assert len(clean(value).splitlines()) <= 1
    assert clean(clean(value)) == clean(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(JSON)
def test_canonical_json_says_the_same_and_only_one_way(value: Any) -> None:
    data = canonical.dumps(value)
    assert json.loads(data) == value
    assert canonical.dumps(json.loads(data)) == data
    assert data.endswith(b"\n")


def test_canonical_json_by_example() -> None:
    assert canonical.dumps({"b": [1, "汉\n"], "a": None}) == '{"a":null,"b":[1,"汉\\n"]}\n'.encode()


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": -math.inf}, "\ud800", {"a": "\udfff"}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        canonical.dumps(value)


@pytest.mark.parametrize("value", [{1: "a", "1": "b"}, [{"a": {None: 1}}], {True: 1}])
def test_keys_that_are_not_strings_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="not a string"):
        canonical.dumps(value)


def test_base_info_has_the_deployed_elements_in_their_order(record: dict[str, Any]) -> None:
    root = etree.fromstring(xml.base_info(record))
    assert root.tag == "base_info"
    names = [e.tag for e in root]
    assert names[:3] == ["electronic_record_code", "region_code", "task_code"]
    assert "information_system_dcscription" in names
    assert names[-2:] == ["remarks", "fileset"]
    assert len(names) == 40
    said = {e.tag: e.text for e in root}
    assert said["electronic_record_code"] == CODE
    assert said["archive_time"] == "2024-03-20 02:00:01"
    assert said["receive_time"] == "2024-03-06 15:40:02"  # the source said 07:40:02 UTC
    assert said["retention_period"] == "D30"
    assert said["information_system_dcscription"] == "SP10 一体化政务服务平台（测试） 3.2"
    assert said["total_number"] == "3"
    assert said["is_project"] == "否"
    assert said["address"] is None
    assert [f.get("title") for f in root.iterfind("fileset/folder")] == ["申报文件", "过程文件", "结果文件"]
    first = root.find("fileset/folder[1]/file[1]")
    assert first is not None
    assert first.get("id") == "1"
    assert first.findtext("computer_file_name") == "01_食品经营许可申请书.ofd"
    assert first.findtext("computer_file_size") == "2500"


def test_an_empty_record_still_makes_the_whole_form() -> None:
    bare = {"case": {}, "record": {}, "files": [{"seq": 1, "group": "别的", "path": "别的/a", "size": 0}]}
    root = etree.fromstring(xml.base_info(bare))
    assert len(root) == 40
    assert [f.get("title") for f in root.iterfind("fileset/folder")] == ["申报文件", "过程文件", "结果文件", "别的"]


def test_process_info_tells_who_did_what(record: dict[str, Any]) -> None:
    done = {
        "action": "file",
        "action_text": "归档",
        "at": AS_OF.isoformat(),
        "agent": {"type": "单位", "name": "档案馆"},
    }
    root = etree.fromstring(xml.process_info(record, [done]))
    accept = root.find("handling/business[@id='E2']")
    assert accept is not None
    assert accept.findtext("agent_name") == "南粤市（测试）"
    assert accept.findtext("action_time") == "2024-03-06 15:40:02"
    assert accept.findtext("file_ref") == "2"
    assert root.findtext("management/business[@id='M1']/agent_name") == "档案馆"


def test_premis_is_valid_and_tells_the_fixity_of_every_file(record: dict[str, Any]) -> None:
    root = etree.fromstring(premis.build(record, EVENTS, ARCHIVE, SOFTWARE))
    SCHEMA.assertValid(root)
    assert root.tag == f"{{{premis.NS}}}premis"
    files = root.xpath("p:object[p:objectCharacteristics]", namespaces=P)
    assert len(files) == 3
    for entry, f in zip(files, record["files"], strict=True):
        assert (
            entry.xpath("string(p:objectIdentifier/p:objectIdentifierValue)", namespaces=P)
            == f"{CODE}/data/{f['path']}"
        )
        assert entry.xpath(".//p:messageDigest/text()", namespaces=P) == [f["sha256"], f["sm3"]]
        assert entry.xpath("string(.//p:size)", namespaces=P) == str(f["size"])
    assert files[2].xpath("string(.//p:formatRegistryKey)", namespaces=P) == "fmt/95"
    assert files[0].xpath("count(.//p:formatRegistry)", namespaces=P) == 0  # PRONOM knows no OFD
    kinds = root.xpath("p:event/p:eventType/text()", namespaces=P)
    assert kinds == ["ingestion start", "validation", "accession", "information package creation"]
    assert set(root.xpath("p:event/p:eventDateTime/text()", namespaces=P)) == {"2024-03-20T02:00:01+08:00"}
    check = root.xpath("p:event[2]", namespaces=P)[0]
    assert check.xpath("string(.//p:eventOutcome)", namespaces=P) == "warning"
    assert check.xpath("p:linkingObjectIdentifier/p:linkingObjectIdentifierValue/text()", namespaces=P) == [
        f"{CODE}/data/结果文件/01_准予行政许可决定书.pdf"
    ]
    assert root.xpath(".//p:restriction/text()", namespaces=P) == ["内部限制", "delayed"]


def test_the_subset_schema_refuses_what_premis_refuses(record: dict[str, Any]) -> None:
    good = premis.build(record, EVENTS, ARCHIVE, SOFTWARE).decode()
    for old, new in (
        ('version="3.0"', 'version="2.0"'),
        ("<eventType>validation</eventType>", ""),
        ("+08:00</eventDateTime>", "?</eventDateTime>"),
        ("<size>2500</size>", "<size>-1</size>"),
        ("premis/v3", "premis/v2"),
    ):
        assert old in good
        assert not SCHEMA.validate(etree.fromstring(good.replace(old, new).encode()))


@given(st.text(min_size=1).filter(str.strip))
def test_no_text_breaks_or_forges_the_documents(hostile: str) -> None:
    record = {
        "case": {"case_title": hostile, "applicant": {"name": hostile}},
        "record": {"electronic_record_code": CODE, "title": hostile, "access_control": hostile},
        "files": [
            {
                "seq": 1,
                "group": hostile,
                "path": hostile,
                "size": 1,
                "sha256": "00",
                "sm3": "00",
                "format": {"name": hostile},
            }
        ],
        "events": [{"action": hostile, "at": hostile, "opinion": hostile}],
    }
    clean_text = "".join(c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
                         else "\ufffd" for c in hostile)  # fmt: skip
    root = etree.fromstring(xml.base_info(record))
    assert root.findtext("project_name") == clean_text
    assert root.find("fileset/folder[4]").get("title") == clean_text
    assert etree.fromstring(xml.process_info(record)).findtext(".//action_description") == clean_text
    document = etree.fromstring(premis.build(record, EVENTS, ARCHIVE, SOFTWARE))
    SCHEMA.assertValid(document)
    assert document.xpath("string(p:object[1]/p:originalName)", namespaces=P) == clean_text
