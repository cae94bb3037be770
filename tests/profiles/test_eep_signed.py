"""An EEP that carries its own signature: kept whole, judged like a signed file, and judged again from the package alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_samples import AGENCY
from form_reading import received
from form_samples import CONTENTS, encoded, exported_eep, laid
from signatures.pki.ca import AT, Holder, world
from signatures.pki.xml import XmlStyle, eep_signed, enveloped

from ingest.checks import packages
from ingest.checks.engine import CheckContext
from ingest.checks.kept import kept_package
from ingest.profiles.eep import KEPT, WHOLE
from ingest.settings import Home, Limits
from ingest.signatures import TrustStore, dispatch, evidence
from ingest.steps import check, package
from ingest.steps.receive import staged
from sip.verify import verify
from sip.zipread import Zip

W = world("sm2")
NAME = "x.xml"
FILING = {"schedule_id": "s", "schedule_version": "1", "entry_no": "1", "fonds_no": "T001", "category": "ZY·XK",
          "year": 2024, "retention_code": "D30", "org_code": None, "matched_by": "category_default", "why": "…",
          "open_control": "open", "access_control": "", "electronic_record_code": "E1", "archival_code": "A1"}  # fmt: skip


def signed(holder: Holder = W.signer, **style: Any) -> bytes:
    return eep_signed(exported_eep().decode(), holder, **style)


class Way:
    """One delivered EEP on its way: received into staging, checked, packaged."""

    def __init__(self, root: Path, data: bytes, policy: dict[str, str] | None = None) -> None:
        agency = {**AGENCY, "policy": {**AGENCY.get("policy", {}), **(policy or {})}}
        trust = "home/config/trust"
        laid(root, {
            "d/x.xml": data, "home/config/agencies.json": json.dumps({"agencies": [agency]}).encode(),
            f"{trust}/anchors/root.cer": W.root.raw, f"{trust}/intermediates/authority.cer": W.authority.raw,
            f"{trust}/crls/authority.crl": W.crl,
        })  # fmt: skip
        self.home = Home.of(root / "home")
        self.out, into = received(root / "d", root)
        self.base = staged(self.home, "b", "r1")
        self.base.parent.mkdir(parents=True)
        shutil.move(into, self.base)
        self.job: dict[str, Any] = {
            "id": "r1", "batch_id": "b", "agency": AGENCY["id"], "case_no": "C1", "version": 1, "as_of": AT.isoformat(),
            "received_as_of": None, "decisions": None, "findings": [f.as_json() for f in self.out.findings],
            "filing": FILING, "files": [f.as_json() for f in self.out.files], "content_digest": self.out.content_digest,
        }  # fmt: skip

    def check(self) -> dict[str, str]:
        """The codes about the EEP itself, with their weights."""
        done = check.work(self.home, self.job)
        return {f["code"]: f["severity"] for f in done["findings"] if f.get("path") == NAME}

    def verdict(self) -> tuple[str, list[dict[str, Any]]]:
        said = json.loads((self.base / "signatures.json").read_bytes())
        return said["verdict"], [v for v in said["files"] if "metadata_path" in v]

    def package(self) -> Path:
        package.work(self.home, {**self.job, "files": list(self.job["files"])})
        return package.local_package(self.home, "b", "r1")


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(tmp_path, signed())


STYLES: dict[str, Callable[[], bytes]] = {
    "canonical": signed,
    "raw": lambda: signed(rule="raw"),
    "cms": lambda: signed(as_cms=True),
    "in another encoding": lambda: encoded(signed().decode(), "gb18030"),
    "xml-dsig": lambda: enveloped(W.signer, "sm2", body=exported_eep().decode()),
    "xades": lambda: enveloped(W.signer, "sm2", XmlStyle(xades=True), exported_eep().decode()),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_valid_one_is_kept_whole_and_judged_again_from_the_package(tmp_path: Path, style: str) -> None:
    data = STYLES[style]()
    way = Way(tmp_path, data)
    assert set(way.check().values()) <= {"info"}
    verdict, (whole,) = way.verdict()
    assert (verdict, whole["verdict"], whole["path"]) == ("VALID", "VALID", NAME)
    assert whole["metadata_path"] == f"as_given/{WHOLE}"
    made = way.package()
    assert verify(made).findings == ()
    with made.open("rb") as file:
        opened = Zip(file)
        members = {item.name.partition("/")[2]: b"".join(opened.chunks(item)) for item in opened.items}
    assert members[f"metadata/as_given/{WHOLE}"] == data
    assert {f"data/{name}": content for name, content in CONTENTS.items()}.items() <= members.items()
    assert f"metadata/as_given/{KEPT}" in members
    assert all(f"metadata/evidence/{name}" in members for s in whole["signatures"] for name in s["evidence_files"])
    again = evidence.rejudge(made)
    assert (str(again.verdict), again.findings, again.good) == ("VALID", (), True)


def test_content_changed_after_signing_rejects(tmp_path: Path) -> None:
    way = Way(tmp_path, signed().replace("<密级>公开<".encode(), "<密级>公开 <".encode(), 1))
    assert way.check()["SIG-VALUE-WRONG"] == "reject"
    assert way.verdict()[0] == "INVALID"


@pytest.mark.parametrize(("wish", "weight"), [("hold", "hold"), ("reject", "reject"), ("accept", "remark")])
def test_an_unknown_issuer_is_for_the_agencys_policy(tmp_path: Path, wish: str, weight: str) -> None:
    way = Way(tmp_path, signed(W.stranger), {"signature_indeterminate": wish})
    assert way.check()["SIG-ISSUER-UNKNOWN"] == weight
    assert way.verdict()[0] == "INDETERMINATE"
    again = evidence.rejudge(way.package())
    assert (str(again.verdict), again.findings) == ("INDETERMINATE", ())


def test_one_too_large_to_judge_is_held_and_kept(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MAX_STRUCTURE", 1000)
    monkeypatch.setattr(evidence, "MAX_STRUCTURE", 1000)
    assert way.check() == {"SIG-EEP-TOO-LARGE": "hold"}
    assert way.verdict()[0] == "INDETERMINATE"
    again = evidence.rejudge(way.package())
    assert (str(again.verdict), again.findings) == ("INDETERMINATE", ())


def test_one_too_large_to_keep_is_refused_and_an_unsigned_one_is_not(tmp_path: Path) -> None:
    limits = Limits(file_bytes=len(exported_eep()) - 1)
    laid(tmp_path, {"a/x.xml": signed(), "b/x.xml": exported_eep()})
    (refused, _), (taken, into) = (received(tmp_path / name, tmp_path, limits=limits) for name in "ab")
    assert ([f.code for f in refused.findings], refused.final) == (["RCV-FILE-TOO-LARGE"], True)
    assert not taken.final
    assert [p.name for p in (into / "given").iterdir()] == [KEPT]


def test_a_lock_signature_is_said_to_be_unjudged(tmp_path: Path) -> None:
    lock = "<锁定签名><签名结果>x</签名结果></锁定签名></电子文件封装包>"
    way = Way(tmp_path / "both", signed().replace("</电子文件封装包>".encode(), lock.encode()))
    assert way.check()["SIG-EEP-LOCK"] == "hold"
    alone = Way(tmp_path / "alone", exported_eep().replace("</电子文件封装包>".encode(), lock.encode()))
    assert alone.check() == {"SIG-EEP-LOCK": "hold"}


def test_what_stands_beside_the_signed_object_is_not_read(tmp_path: Path) -> None:
    """Else rows could be added to a signed record without breaking its signature."""
    row = "<电子签名块><机构人员实体><机构人员名称>冒名</机构人员名称></机构人员实体>"
    way = Way(tmp_path, signed().replace("<电子签名块>".encode(), row.encode()))
    way.check()
    assert way.verdict()[0] == "VALID"
    assert "冒名" not in (way.base / "record.json").read_text("utf-8")


def test_the_same_content_signed_anew_is_another_delivery(tmp_path: Path) -> None:
    digests = {Way(tmp_path / name, data).out.content_digest for name, data in {
        "a": signed(), "b": signed(W.stranger), "c": exported_eep(),
    }.items()}  # fmt: skip
    assert len(digests) == 3


def test_a_kept_delivery_that_rotted_in_staging_is_received_again(way: Way) -> None:
    way.check()
    kept = way.base / "given" / WHOLE
    kept.write_bytes(kept.read_bytes().replace(b"2009", b"2008", 1))
    assert "staging_lost" in check.work(way.home, way.job)
    assert "staging_lost" in package.work(way.home, {**way.job, "files": list(way.job["files"])})


def test_it_is_checked_again_in_keeping(way: Way, tmp_path: Path) -> None:
    way.check()
    made = way.package()
    context = CheckContext(AT, AGENCY, TrustStore.load(way.home.trust))
    subject = kept_package(made, made.name, tmp_path / "work")
    (record,) = subject.records
    assert record.whole is not None and record.whole.file.read_bytes() == (tmp_path / "d" / NAME).read_bytes()
    good = packages.check_record(record, context)
    record.whole.file.write_bytes(record.whole.file.read_bytes()[:-10])
    less = dataclasses.replace(record.whole, size=record.whole.size - 10, sha256=_sha256(record.whole.file))
    bad = packages.check_record(dataclasses.replace(record, whole=less), context)
    about = [{f.code: f.weight.value for f in result.findings if f.path == NAME} for result in (good, bad)]
    assert "SIG-TIME-CLAIMED-ONLY" in about[0] and set(about[0].values()) == {"info"}
    assert about[1] == {"SIG-XML-BROKEN": "reject"}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
