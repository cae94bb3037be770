"""Signatures of every kind in a real night: a p7s beside its file and signed XML decide over their records, and the package
that comes out holds all that its verdicts rest on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from night_home import AS_OF, NightHome
from signatures.pki.ca import world
from signatures.pki.cms import Style, signed_data
from signatures.pki.xml import eep

import samplenight
from ingest.cli import main
from ingest.signatures import evidence
from sip.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
W = world("sm2")
WHEN = AS_OF.replace(month=10)  # signed weeks before the night


@dataclasses.dataclass(frozen=True)
class Inbox:
    """A sample inbox of good cases whose trust store also knows the tests' own CA."""

    night: NightHome
    folders: list[Path]

    def add(self, number: int, name: str, data: bytes) -> Path:
        """Put one more file into a delivery, declared as it should be."""
        folder = self.folders[number]
        case = json.loads((folder / "case.json").read_text("utf-8"))
        like = next(f for f in case["files"] if f["group"] == name.partition("/")[0])
        row = like | {
            "seq": len(case["files"]) + 1, "role": "other", "path": name, "size": len(data), "pages": None,
            "material_name": name.partition("/")[2], "format": name.rpartition(".")[2].upper(),
            "digest": {"SHA-256": hashlib.sha256(data).hexdigest()},
        }  # fmt: skip
        case["files"].append(row)
        case["record"]["total_files"] += 1
        case["record"]["total_bytes"] += len(data)
        (folder / name).write_bytes(data)
        (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False), "utf-8")
        return folder

    def content(self, number: int) -> tuple[str, bytes]:
        """A file of the delivery that a signature can stand beside."""
        case = json.loads((self.folders[number] / "case.json").read_text("utf-8"))
        path = next(f["path"] for f in case["files"] if f["group"] == "结果文件")
        return path, (self.folders[number] / path).read_bytes()

    def row(self, number: int) -> dict[str, Any]:
        return next(r for r in self.night.records() if r["delivery"] == self.folders[number].name)


@pytest.fixture
def inbox(night_home: NightHome) -> Inbox:
    home = night_home.home
    samplenight.make(home.root, count=4)
    expected = json.loads((home.root / "expectations.json").read_text("utf-8"))["records"]
    folders = [home.inbox / r["agency"] / r["delivery"] for r in expected]
    for folder, record in zip(folders, expected, strict=True):
        if record["fault"] is not None:
            shutil.rmtree(folder)
    (home.trust / "anchors" / "test-root.cer").write_bytes(W.root.raw)
    (home.trust / "intermediates" / "test-ca.cer").write_bytes(W.authority.raw)
    (home.trust / "crls" / "test.crl").write_bytes(W.crl)
    return Inbox(night_home, [f for f in folders if f.is_dir()][:4])


def test_signatures_beside_files_and_in_xml_decide_and_their_evidence_is_kept(inbox: Inbox, tmp_path: Path) -> None:
    path, data = inbox.content(0)
    inbox.add(0, f"{path}.p7s", signed_data(W.signer, data, Style(gm=True, when=WHEN)))
    inbox.add(0, "结果文件/90_封装包.xml", eep(W.signer, as_cms=True))
    path, _ = inbox.content(1)
    inbox.add(1, f"{path}.p7s", signed_data(W.signer, b"another file", Style(when=WHEN)))
    path, data = inbox.content(2)
    inbox.add(2, f"{path}.p7s", signed_data(W.stranger, data, Style(when=WHEN)))
    assert inbox.night.run().unfinished == 0

    assert [inbox.row(n)["state"] for n in range(3)] == ["acknowledged", "rejected", "held"]
    assert "SIG-DIGEST-MISMATCH" in {f["code"] for f in inbox.row(1)["findings"]}
    assert "SIG-ISSUER-UNKNOWN" in {f["code"] for f in inbox.row(2)["findings"]}

    package = tmp_path / "package.zip"
    inbox.night.objects.fetch(inbox.row(0)["object_key"], package)
    assert verify(package).findings == ()
    with inbox.night.package(inbox.row(0)) as unpacked:
        unpacked.extractall(tmp_path / "out")
    (bag,) = (tmp_path / "out").iterdir()
    summary = json.loads((bag / "metadata" / "signatures.json").read_bytes())
    assert summary["verdict"] == "VALID"
    beside = next(v for v in summary["files"] if v["path"].endswith(".p7s"))
    assert (beside["verdict"], beside["about"] + ".p7s") == ("VALID", beside["path"])
    named = {name for v in summary["files"] for s in v["signatures"] for name in s["evidence_files"]}
    there = {p.name for p in (bag / "metadata" / "evidence").iterdir()}
    assert named == there and {Path(n).suffix for n in there} >= {".cer", ".crl"}

    again = evidence.rejudge(package)
    assert (again.findings, str(again.verdict), again.good) == ((), "VALID", True)
    assert evidence.rejudge(bag) == again
    (bag / "metadata" / "evidence" / sorted(there)[0]).unlink()
    assert "EVI-MISSING" in {f.code for f in evidence.rejudge(bag).findings}


def test_a_ca_that_is_imported_brings_back_the_records_that_wanted_it(
    inbox: Inbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = inbox.content(0)
    inbox.add(0, f"{path}.p7s", signed_data(W.stranger, data, Style(when=WHEN)))
    inbox.night.run()
    row = inbox.row(0)
    assert row["state"] == "held"
    capsys.readouterr()
    certificate = tmp_path / "ca.cer"
    certificate.write_bytes(W.stranger_authority.raw)
    home = ["--home", str(inbox.night.home.root)]
    assert main(["trust", "affected", str(certificate), *home, "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [row["id"]]
    assert main(["trust", "add", str(certificate), "--anchor", "--source", "CA 官网", *home]) == 0
    said = capsys.readouterr().out
    assert "1 件待定件" in said and row["id"] in said and row["delivery"] in said
    inbox.night.run("the next night")
    assert inbox.row(0)["state"] == "acknowledged"
    assert main(["trust", "affected", str(certificate), *home, "--json"]) == 0
    assert capsys.readouterr().out == ""
