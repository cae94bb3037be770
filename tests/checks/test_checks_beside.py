"""Detached signatures beside the files of a record, and signed XML in it: judged over what they sign, and told."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from case_samples import AGENCY, good_case
from file_samples import GOOD, pdf, stage
from signatures.pki.ca import AT, world
from signatures.pki.cms import Style, signed_data
from signatures.pki.xml import eep, enveloped

from ingest.checks import CheckContext, CheckReport, run
from ingest.signatures.cms import Content, StreamContent

SIGNED = "申报文件/01_食品经营许可申请书.pdf"
W = world("sm2")


def check(tmp_path: Path, extra: dict[str, bytes], policy: dict[str, str] | None = None) -> CheckReport:
    contents = {path: (data, pages) for path, (data, pages) in GOOD.items()} | {p: (d, 0) for p, d in extra.items()}
    case = good_case(contents)
    for row in case["files"][len(GOOD) :]:
        row["pages"] = None
    files = stage(tmp_path, {path: data for path, (data, _) in contents.items()})
    agency = {**AGENCY, "policy": {**AGENCY["policy"], **(policy or {})}}
    return run(case, files, tmp_path, CheckContext(AT, agency, W.store()))


def beside(report: CheckReport, path: str) -> dict[str, Any]:
    return next(v for v in report.signatures if v["path"] == path)


def weights(report: CheckReport, path: str) -> dict[str, str]:
    return {f.code: f.weight.value for f in report.findings if f.path == path and f.weight.value in ("reject", "hold")}


@pytest.mark.parametrize("suffix", [".p7s", ".p7", ".sig", ".sign", ".p7b"])
@pytest.mark.parametrize("gm", [True, False])
def test_a_signature_beside_its_file_is_allowed_named_and_judged(tmp_path: Path, suffix: str, gm: bool) -> None:
    path = SIGNED + suffix
    report = check(tmp_path, {path: signed_data(W.signer, GOOD[SIGNED][0], Style(gm=gm))})
    found = beside(report, path)
    assert (found["verdict"], found["about"], found["about_path"], found["archived_path"]) == (
        "VALID", SIGNED, SIGNED, path
    )  # fmt: skip
    assert not any(f.code.startswith("FMT-") for f in report.findings if f.path == path)
    assert report.formats[path]["format"] == "p7s"
    assert set(found["signatures"][0]["evidence_files"]) <= set(report.evidence)


def test_it_may_stand_under_the_stem_and_in_pem(tmp_path: Path) -> None:
    der = signed_data(W.signer, GOOD[SIGNED][0])
    pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(der) + b"-----END PKCS7-----\n"
    path = SIGNED.removesuffix(".pdf") + ".p7s"
    assert beside(check(tmp_path / "pem", {path: pem}), path)["verdict"] == "VALID"
    assert beside(check(tmp_path / "b64", {path: base64.b64encode(der)}), path)["verdict"] == "VALID"


@pytest.mark.parametrize(
    ("signature", "verdict", "code", "weight"),
    [
        (signed_data(W.signer, b"something else"), "INVALID", "SIG-DIGEST-MISMATCH", "reject"),
        (signed_data(W.stranger, GOOD[SIGNED][0]), "INDETERMINATE", "SIG-ISSUER-UNKNOWN", "hold"),
        (signed_data(W.revoked, GOOD[SIGNED][0]), "INVALID", "SIG-REVOKED", "reject"),
        (b"no signature at all", "INVALID", "SIG-CMS-BROKEN", "reject"),
    ],
)
def test_its_verdict_is_part_of_the_records(
    tmp_path: Path, signature: bytes, verdict: str, code: str, weight: str
) -> None:
    path = SIGNED + ".p7s"
    report = check(tmp_path, {path: signature})
    assert beside(report, path)["verdict"] == verdict
    assert weights(report, path) == {code: weight}


def test_the_signed_file_is_not_told_as_unsigned(tmp_path: Path) -> None:
    strict = {"signature_unsigned": "hold"}
    alone = check(tmp_path / "alone", {}, strict)
    assert weights(alone, SIGNED) == {"SIG-UNSIGNED": "hold"}
    path = SIGNED + ".p7s"
    both = check(tmp_path / "both", {path: signed_data(W.signer, GOOD[SIGNED][0])}, strict)
    assert weights(both, SIGNED) == weights(both, path) == {}


def test_a_signature_without_its_file_or_with_two_is_refused_as_before(tmp_path: Path) -> None:
    lone = "申报文件/别的.p7s"
    report = check(tmp_path / "lone", {lone: signed_data(W.signer, b"?")})
    assert set(weights(report, lone)) & {"FMT-UNKNOWN", "FMT-NOT-ALLOWED"}
    stem = "结果文件/01_准予行政许可决定书"
    two = check(tmp_path / "two", {f"{stem}.pdf": pdf(1), f"{stem}.p7s": signed_data(W.signer, b"?")})
    assert set(weights(two, f"{stem}.p7s")) & {"FMT-UNKNOWN", "FMT-NOT-ALLOWED"}
    text = "申报文件/02_营业执照.jpg.sign"  # by its name alone it might be anything
    assert not any(v["path"] == text for v in check(tmp_path / "text", {text: "签收".encode()}).signatures)


def test_content_in_pieces_is_the_same_content(tmp_path: Path) -> None:
    data, read = b"0123456789" * 1000, []
    content = StreamContent(lambda: (read.append(i) or data[i : i + 999] for i in range(0, len(data), 999)), len(data))
    for name in ("sm3", "sha512", "shake_256"):
        assert content.digest(name) == Content(data).digest(name) == content.digest(name)
    assert len(read) == 3 * 11
    assert content.holds(data) and not content.holds(data[:-1] + b"x") and content.join() == data
    with pytest.raises(MemoryError):
        StreamContent(lambda: iter(()), 20 << 30).join()


def test_signed_xml_and_packages_are_judged(tmp_path: Path) -> None:
    good, bad, package = "过程文件/甲.xml", "过程文件/乙.xml", "结果文件/证照.xml"
    signed = enveloped(W.signer, "sm2")
    report = check(
        tmp_path, {good: signed, bad: signed.replace(b">100<", b">900<"), package: eep(W.signer, as_cms=True)}
    )
    assert [beside(report, p)["verdict"] for p in (good, bad, package)] == ["VALID", "INVALID", "VALID"]
    assert beside(report, package)["signatures"][0]["kind"] == "xml-eep"
    assert weights(report, bad) == {"SIG-DIGEST-MISMATCH": "reject"}
