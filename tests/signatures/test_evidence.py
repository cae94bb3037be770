"""Verdicts made again from a package's own evidence: the same without the trust store, and nothing else passes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.signatures import TrustStore, evidence, verify, verify_detached
from ingest.signatures.certs import parse_certificate
from sip import canonical

from .pki import ofd_cases, pdf_cases
from .pki.ca import AT, world
from .pki.cms import Style, signed_data, stamped
from .test_xml_and_lone import lone_cases, xml_cases


def package(folder: Path, files: dict[str, bytes], store: TrustStore, about: dict[str, str] | None = None) -> Path:
    """A package's metadata and data as a folder, with verdicts by ``store``."""
    verdicts: list[dict[str, Any]] = []
    (folder / "metadata" / "evidence").mkdir(parents=True)
    for name, data in files.items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_bytes(data)
        target = (about or {}).get(name)
        if target is None:
            found, more = verify(data, name, store, AT), {}
        else:
            found, more = verify_detached(data, files[target], name, store, AT, target), {"about_path": target}
        verdicts.append(found.as_json() | {"archived_path": name} | more)
        for blob, raw in found.evidence_files().items():
            (folder / "metadata" / "evidence" / blob).write_bytes(raw)
    write(folder, evidence.summary(verdicts, store, AT.isoformat()))
    return folder


def write(folder: Path, summary: dict[str, Any]) -> None:
    (folder / "metadata" / "signatures.json").write_bytes(canonical.dumps(summary))


def said(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "metadata" / "signatures.json").read_bytes())
    return data


def codes(folder: Path) -> list[str]:
    return [f.code for f in evidence.rejudge(folder).findings]


@pytest.mark.slow
def test_every_case_comes_out_again_from_its_evidence_alone(tmp_path: Path) -> None:
    """Each kind and each fault of this room's cases: the verdict, its reasons and those of each signature."""
    cases = [*ofd_cases.cases(), *pdf_cases.cases(), *xml_cases(), *lone_cases()]
    different = []
    for number, case in enumerate(cases):
        folder = package(tmp_path / str(number), {"a/文件": case.data}, case.store)
        again = evidence.rejudge(folder)
        if again.findings or again.verdict is not case.verdict:
            different.append((case.name, again.verdict, [f.text("en") for f in again.findings]))
    assert different == []
    assert len(cases) > 300


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    w = world("sm2")
    data = b"<record/>"
    style = Style(gm=True, chain=(w.root.raw, w.authority.raw), unsigned=stamped(w.tsa, AT))
    files = {
        "a.xml": data,
        "a.xml.p7s": signed_data(w.signer, data, style),
        "b.ofd": ofd_cases.pack(ofd_cases.recipe("v4").parts()),
    }
    return package(tmp_path / "package", files, w.store(), {"a.xml.p7s": "a.xml"})


def test_the_evidence_is_complete_and_says_what_was_believed(signed: Path) -> None:
    w = world("sm2")
    summary = said(signed)
    names = {p.name for p in (signed / "metadata" / "evidence").iterdir()}
    assert {f"{parse_certificate(c.raw).sha256}.cer" for c in (w.root, w.authority, w.signer, w.tsa, w.maker)} <= names
    assert sorted(n.rpartition(".")[2] for n in names if not n.endswith(".cer")) == ["crl", "crl"]
    assert summary["anchors"] == [parse_certificate(w.root.raw).sha256]
    assert (summary["verdict"], summary["policy"]) == ("VALID", {"require_revocation": False})
    again = evidence.rejudge(signed)
    assert (again.files, str(again.verdict), again.findings, again.good) == (3, "VALID", (), True)


def test_what_is_missing_or_altered_is_named(signed: Path) -> None:
    w = world("sm2")
    root = signed / "metadata" / "evidence" / f"{parse_certificate(w.root.raw).sha256}.cer"
    raw = root.read_bytes()
    root.unlink()
    assert {"EVI-MISSING", "EVI-VERDICT-DIFFERS"} <= set(codes(signed))
    root.write_bytes(raw[:-1] + bytes((raw[-1] ^ 1,)))
    assert "EVI-ALTERED" in codes(signed)
    root.write_bytes(raw)
    assert codes(signed) == []
    (signed / "data" / "a.xml").write_bytes(b"<record />")
    assert codes(signed) == ["EVI-VERDICT-DIFFERS", "EVI-VERDICT-DIFFERS"]  # the file's and the record's
    (signed / "data" / "a.xml").unlink()
    assert codes(signed) == ["EVI-FILE-MISSING"] * 2  # of its own verdict and of the signature beside it
    assert not evidence.rejudge(signed).good


def test_a_certificate_slipped_in_is_not_believed(tmp_path: Path) -> None:
    """A forger adds his own root: it is no anchor, whatever lies in the folder."""
    w = world("sm2")
    forged = signed_data(w.stranger, b"x", Style(chain=(w.stranger_authority.raw,)))
    folder = package(tmp_path, {"x": b"x", "x.p7s": forged}, w.store(), {"x.p7s": "x"})
    summary = said(folder)
    summary["files"][1]["verdict"] = summary["verdict"] = "VALID"
    write(folder, summary)
    for certificate in (w.stranger, w.stranger_authority):
        name = f"{hashlib.sha256(certificate.raw).hexdigest()}.cer"
        (folder / "metadata" / "evidence" / name).write_bytes(certificate.raw)
    assert codes(folder).count("EVI-VERDICT-DIFFERS") == 2


@pytest.mark.parametrize(
    "broken", [b"", b"{", b"[]", b'{"schema":"other"}', b'{"schema":"guidang.signatures/1.0","files":[1]}', b"[" * 9999]
)
def test_a_broken_summary_is_a_finding(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "signatures.json").write_bytes(broken)
    assert codes(tmp_path) == ["EVI-UNREADABLE"]


def test_a_package_without_verdicts_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    again = evidence.rejudge(tmp_path)
    assert ([f.code for f in again.findings], again.verdict) == (["EVI-ABSENT"], None)
