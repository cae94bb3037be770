"""The PDFs: pyHanko and qpdf, who did not write them, must find nothing wrong."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import crl, pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from sample_inbox import Night


def context(home: Path) -> ValidationContext:
    trust = home / "config" / "trust"

    def load(path: Path) -> x509.Certificate:
        return x509.Certificate.load(pem.unarmor(path.read_bytes())[2])

    return ValidationContext(
        trust_roots=[load(trust / "anchors" / "sample-root.pem")],
        other_certs=[load(trust / "intermediates" / "sample-intermediate.pem")],
        crls=[
            crl.CertificateList.load((trust / "crls" / f"sample-{n}.crl").read_bytes())
            for n in ("root", "intermediate")
        ],
        revocation_mode="require",
        moment=dt.datetime(2026, 11, 20, 1, tzinfo=dt.timezone(dt.timedelta(hours=8))),
    )


def signed_pdfs(night: Night) -> list[Path]:
    return [
        one.folder / f["path"]
        for one in night.good
        for f in one.meta["files"]
        if f["format"] == "PDF" and f.get("signatures")
    ]


def test_every_signature_is_trusted_and_covers_the_file(night: Night) -> None:
    judge = context(night.home)
    found = signed_pdfs(night)
    algorithms = set()
    for path in found:
        (signature,) = PdfFileReader(io.BytesIO(path.read_bytes())).embedded_regular_signatures
        status = validate_pdf_signature(signature, judge)
        assert status.bottom_line and status.coverage is SignatureCoverageLevel.ENTIRE_FILE, path.name
        assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        algorithms.add(status.pkcs7_signature_mechanism)
    assert len(found) >= 3 * len(night.good) and algorithms == {"sha256_rsa", "sha256_ecdsa"}


def test_qpdf_finds_no_fault_in_the_structure(night: Night) -> None:
    for path in signed_pdfs(night):
        with pikepdf.open(path) as document:
            assert document.check_pdf_syntax() == [], path.name


def test_the_paper_can_be_read_and_searched(night: Night) -> None:
    """Text is drawn in an embedded font whose ToUnicode map gives the title back."""
    one = next(laid for laid in night.good if laid.file("apply_form").suffix == ".pdf")
    with pikepdf.open(one.file("apply_form")) as document:
        fonts = document.pages[0].Resources.Font
        maps, text = {}, ""
        for name, font in fonts.items():
            rows = font.ToUnicode.read_bytes().decode().split("\n")
            pairs = [row[1:-1].split("><") for row in rows if row.startswith("<")]
            maps[name] = {int(code, 16): chr(int(char, 16)) for code, char in pairs}
            assert font.DescendantFonts[0].FontDescriptor.FontFile2.Length1 > 1000
        face = ""
        for operands, operator in pikepdf.parse_content_stream(document.pages[0]):
            if str(operator) == "Tf":
                face = str(operands[0])
            elif str(operator) == "Tj":
                raw = bytes(operands[0])
                text += "".join(maps[face][int.from_bytes(raw[k : k + 2], "big")] for k in range(0, len(raw), 2)) + "\n"
    meta = one.meta
    assert meta["files"][0]["material_name"] in text.split("\n")
    assert meta["case"]["case_no"] in text and meta["case"]["applicant"]["name"] in text


@pytest.mark.parametrize(
    ("fault", "attribute"),
    [("pdf-tampered", "intact"), ("pdf-page-replaced", "bottom_line"), ("pdf-signer-revoked", "trusted"), ("pdf-issuer-unknown", "trusted"),
     ("pdf-signer-expired", "trusted")],
)  # fmt: skip
def test_pyhanko_sees_the_fault_too(night: Night, fault: str, attribute: str) -> None:
    data = night.faulty(fault).file("decision").read_bytes()
    (signature,) = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
    status = validate_pdf_signature(signature, context(night.home))
    assert not getattr(status, attribute) and not status.bottom_line


def test_encrypted_pdf_needs_its_password(night: Night) -> None:
    path = night.faulty("pdf-encrypted").file("decision")
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(path)
    with pikepdf.open(path, password="sample-user") as document:
        assert len(document.pages) >= 1
