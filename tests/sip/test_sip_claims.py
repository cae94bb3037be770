"""A package whose digests are all right but whose metadata lies: the manifests cannot find that, the claims do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sip_samples import ARCHIVE, CODE, EVENTS, SOFTWARE, MakePlan, record_of, tags_of

from sip import canonical, claims, premis
from sip.package import write_package
from sip.verify import VerifyResult, verify

FIRST = "data/申报文件/01_食品经营许可申请书.ofd"
Verify = Callable[..., VerifyResult]


@pytest.fixture(params=[claims._IN_MEMORY, 0], ids=["as a whole", "object by object"], autouse=True)
def in_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long PREMIS document is judged object by object, and comes to the same."""
    monkeypatch.setattr(claims, "_IN_MEMORY", request.param)


@pytest.fixture
def verify_with(make_plan: MakePlan) -> Verify:
    """Verify a package written with these metadata files in place of the right ones."""

    def run(**changes: bytes) -> VerifyResult:
        plan = make_plan()
        tags = {**plan.tags, **{name.replace("_", "."): data for name, data in changes.items()}}
        out = io.BytesIO()
        write_package(out, make_plan(tags=tags))
        return verify(out, "x")

    return run


@pytest.fixture
def record(make_plan: MakePlan) -> dict[str, Any]:
    return record_of(list(make_plan().payload))


def found(result: VerifyResult) -> set[tuple[str, str | None]]:
    return {(f.code, f.path) for f in result.findings}


def test_the_right_claims_hold(verify_with: Verify) -> None:
    assert verify_with().findings == ()


def test_record_json_is_held_to_sizes_digests_counts_and_number(verify_with: Verify, record: dict[str, Any]) -> None:
    record["files"][0] |= {"size": 1, "sha256": "0" * 64}
    record["record"] |= {"total_files": 9, "electronic_record_code": "X"}
    result = verify_with(record_json=canonical.dumps(record))
    assert found(result) == {
        ("PKG-CLAIM", FIRST), ("PKG-CLAIM", "metadata/record.json"), ("PKG-RECORD", "metadata/record.json"),
        ("PKG-PREMIS", "metadata/premis.xml"),
    }  # fmt: skip
    assert {f.params["what"] for f in result.findings if f.path == FIRST} == {"size", "sha256"}


def test_what_the_producer_said_is_no_claim_of_the_archive(verify_with: Verify, record: dict[str, Any]) -> None:
    """The record as the pipeline keeps it: the producer's words as they came, the archive's beside them."""
    for f in record["files"]:
        f["archived"] = {
            "path": f["path"], "size": f["size"], "digest": {"SHA-256": f.pop("sha256"), "SM3": f.pop("sm3")},
        }  # fmt: skip
        f |= {"path": "原名/" + f["path"], "size": f["size"] + 1, "digest": {"MD5": "0" * 32}}
    assert verify_with(record_json=canonical.dumps(record)).findings == ()
    record["files"][0]["archived"]["digest"]["SM3"] = "0" * 64
    assert found(verify_with(record_json=canonical.dumps(record))) == {("PKG-CLAIM", FIRST)}
    record["files"][0]["archived"] = {"path": 1}
    assert found(verify_with(record_json=canonical.dumps(record))) == {("PKG-RECORD", "metadata/record.json")}


def test_a_file_that_the_record_does_not_know_and_one_it_invents(verify_with: Verify, record: dict[str, Any]) -> None:
    record["files"][0]["path"] = "申报文件/invented.pdf"
    record["files"][2] = record["files"][1]
    result = verify_with(record_json=canonical.dumps(record))
    assert found(result) == {
        ("PKG-RECORD", "metadata/record.json"), ("PKG-CLAIM", FIRST), ("PKG-CLAIM", "data/结果文件/01_准予行政许可决定书.pdf"),
    }  # fmt: skip
    said = " ".join(f.text("en") for f in result.findings)
    assert "invented.pdf is described but not in the package" in said
    assert "described twice" in said


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b'{"record":{},"record":{},"files":[]}', b'{"record":{"electronic_record_code":NaN},"files":[]}',
        b"[" * 200_000, b'\xff{"record":{}}', b'{"record":{},"files":[]}', b'{"record":{"electronic_record_code":"x"},"files":[1]}',
        b'{"record":{"electronic_record_code":"x"},"files":[{"path":1}]}',
    ],
)  # fmt: skip
def test_hostile_json_is_a_finding(verify_with: Verify, data: bytes) -> None:
    result = verify_with(record_json=data)
    assert found(result) == {("PKG-RECORD", "metadata/record.json")}


def test_premis_is_held_to_the_schema_and_the_files(verify_with: Verify, record: dict[str, Any]) -> None:
    good = premis.build(record, EVENTS, ARCHIVE, SOFTWARE).decode()
    digest = record["files"][0]["sm3"]
    for old, new, expected in (
        (digest, "00" * 32, {("PKG-CLAIM", FIRST)}),
        ("<size>2500</size>", "<size>2501</size>", {("PKG-CLAIM", FIRST)}),
        ("<eventType>validation</eventType>", "", {("PKG-PREMIS", "metadata/premis.xml")}),
        (f"{CODE}/{FIRST}</objectIdentifierValue>", f"{CODE}/data/x</objectIdentifierValue>",
         {("PKG-PREMIS", "metadata/premis.xml"), ("PKG-CLAIM", FIRST)}),
        ("</premis>", "", {("PKG-PREMIS", "metadata/premis.xml")}),
    ):  # fmt: skip
        assert old in good
        assert found(verify_with(premis_xml=good.replace(old, new).encode())) == expected


def test_premis_with_a_dtd_is_refused_and_no_entity_is_read(
    verify_with: Verify, record: dict[str, Any], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOP-SECRET")
    good = premis.build(record, EVENTS, ARCHIVE, SOFTWARE).decode()
    for dtd in (
        f'<!DOCTYPE premis [<!ENTITY e SYSTEM "{secret.as_uri()}">]>',
        '<!DOCTYPE premis [<!ENTITY e "eeee">]>',
    ):
        hostile = good.replace("<premis ", dtd + "<premis ").replace("<agentName>", "<agentName>&e;")
        result = verify_with(premis_xml=hostile.encode())
        assert found(result) == {("PKG-PREMIS", "metadata/premis.xml")}
        assert "TOP-SECRET" not in json.dumps(result.as_json())


def test_the_folder_must_bear_the_records_number(make_plan: MakePlan) -> None:
    plan = make_plan()
    out = io.BytesIO()
    write_package(out, make_plan(identifier="OTHER", tags=tags_of(record_of(list(plan.payload)))))
    assert ("PKG-RECORD", "metadata/record.json") in found(verify(out, "x"))


def test_a_package_without_its_required_metadata_breaks_the_profile(make_plan: MakePlan) -> None:
    out = io.BytesIO()
    write_package(out, make_plan(tags={"record.json": make_plan().tags["record.json"]}, bag_info=[]))
    assert found(verify(out, "x")) == {
        ("PKG-PROFILE", p)
        for p in ("bag-info.txt", "metadata/base_info.xml", "metadata/process_info.xml", "metadata/premis.xml")
    }
