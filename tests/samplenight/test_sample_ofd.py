"""The OFDs: digests by the list, seal and signature by the OpenSSL command line."""

from __future__ import annotations

import base64
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from asn1crypto import core, x509
from cryptography.hazmat.primitives import hashes
from lxml import etree
from sample_inbox import Night

from samplenight import sealpki, sm2

OFD = "{http://www.ofdspec.org/2016}"
SIGN = "Doc_0/Signs/Sign_0"


def sealed(night: Night) -> list[Path]:
    found = [one.folder / f["path"] for one in night.good for f in one.meta["files"] if f["format"] == "OFD"]
    assert len(found) >= 6
    return found


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def children(data: bytes) -> list[bytes]:
    """The DER of the members of a SEQUENCE."""
    return [child.dump() for child in core.SequenceOf.load(data, spec=core.Any)]


def bits(data: bytes) -> bytes:
    return bytes(core.OctetBitString.load(data).native)


def openssl_verifies(certificate: bytes, message: bytes, signature: bytes, folder: Path) -> bool:
    point = x509.Certificate.load(certificate).public_key.dump()
    (folder / "key.der").write_bytes(point)
    (folder / "message").write_bytes(message)
    (folder / "signature").write_bytes(signature)
    made = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER", "-inkey", folder / "key.der",
         "-pkeyopt", "distid:1234567812345678", "-in", folder / "message", "-sigfile", folder / "signature"],
        capture_output=True, check=False,
    )  # fmt: skip
    return made.returncode == 0


def test_every_member_is_covered_by_a_right_digest(night: Night) -> None:
    for path in sealed(night):
        with zipfile.ZipFile(path) as package:
            description = etree.fromstring(package.read(f"{SIGN}/Signature.xml"))
            given = {r.get("FileRef"): r.findtext(f"{OFD}CheckValue") for r in description.iter(f"{OFD}Reference")}
            own = {f"{SIGN}/Signature.xml", f"{SIGN}/SignedValue.dat", "Doc_0/Signs/Signatures.xml"}
            assert set(given) == {"/" + n for n in package.namelist() if n not in own}
            for name, value in given.items():
                assert base64.b64decode(value) == sm3(package.read(name[1:])), name


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")
def test_openssl_verifies_the_seal_and_the_signature(night: Night, tmp_path: Path) -> None:
    for path in sealed(night):
        with zipfile.ZipFile(path) as package:
            value = package.read(f"{SIGN}/SignedValue.dat")
            description = package.read(f"{SIGN}/Signature.xml")
            esl = package.read(f"{SIGN}/Seal.esl")
        tbs, certificate, algorithm, signature = children(value)
        assert core.ObjectIdentifier.load(algorithm).native == "1.2.156.10197.1.501"
        assert openssl_verifies(core.OctetString.load(certificate).native, tbs, bits(signature), tmp_path), path.name
        version, inner, _, data_hash, _ = children(tbs)
        assert core.Integer.load(version).native == 4 and inner == esl
        assert bits(data_hash) == sm3(description)
        info, maker, _, maker_signature = children(esl)
        assert openssl_verifies(core.OctetString.load(maker).native, info, bits(maker_signature), tmp_path)
        certificates = children(children(children(info)[2])[3])
        assert certificate in certificates


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")
def test_openssl_refuses_a_changed_message(tmp_path: Path) -> None:
    key = sm2.key("test")
    holder = sealpki.authority(sealpki.START).maker
    signature = sm2.sign(holder.key, b"as signed")
    assert openssl_verifies(holder.certificate, b"as signed", signature, tmp_path)
    assert not openssl_verifies(holder.certificate, b"as changed", signature, tmp_path)
    assert not openssl_verifies(holder.certificate, b"as signed", sm2.sign(key, b"as signed"), tmp_path)


def test_the_signature_follows_the_standards_example() -> None:
    """GB/T 32918.5 A.2: the public key of the example's private key (sign draws its own k)."""
    secret = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    x, y = sm2.times_g(secret)
    assert x == 0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020
    assert y == 0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13


def test_pages_name_fonts_and_scans_that_are_there(night: Night) -> None:
    for path in sealed(night):
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            document = etree.fromstring(package.read("Doc_0/Document.xml"))
            pages = [p.get("BaseLoc") for p in document.iter(f"{OFD}Page")]
            assert pages and {f"Doc_0/{p}" for p in pages} <= names
            fonts = {
                f.get("ID"): f.findtext(f"{OFD}FontFile")
                for f in etree.fromstring(package.read("Doc_0/PublicRes.xml")).iter(f"{OFD}Font")
            }
            media = {
                m.get("ID"): m.findtext(f"{OFD}MediaFile")
                for m in etree.fromstring(package.read("Doc_0/DocumentRes.xml")).iter(f"{OFD}MultiMedia")
            }
            assert {f"Doc_0/Res/{n}" for n in (*fonts.values(), *media.values())} <= names
            text, ids = "", []
            for page in pages:
                content = etree.fromstring(package.read(f"Doc_0/{page}"))
                ids += [e.get("ID") for e in content.iter() if e.get("ID")]
                assert {t.get("Font") for t in content.iter(f"{OFD}TextObject")} <= set(fonts)
                assert {i.get("ResourceID") for i in content.iter(f"{OFD}ImageObject")} <= set(media)
                for code in content.iter(f"{OFD}TextCode"):
                    assert len((code.get("DeltaX") or "").split()) == len(code.text) - 1
                    text += code.text
            assert len(ids) == len(set(ids))
            assert path.name[3:-4] in text and "测试数据" in text


@pytest.mark.parametrize(
    ("fault", "name"), [("ofd-member-outside", "../../../outside.txt"), ("ofd-bomb", "Doc_0/Res/pad.bin")]
)
def test_hostile_member_is_there(night: Night, fault: str, name: str) -> None:
    with zipfile.ZipFile(night.faulty(fault).file("decision")) as package:
        info = package.getinfo(name)
        assert name.startswith("..") or info.file_size > 500 * info.compress_size


@pytest.mark.parametrize("fault", ["ofd-tampered", "ofd-seal-swapped", "ofd-seal-hidden"])
def test_exactly_one_member_differs_from_the_sealed_package(night: Night, fault: str) -> None:
    """What the signature lists and what lies there differ in one place, or the list itself is empty."""
    with zipfile.ZipFile(night.faulty(fault).file("decision")) as package:
        description = etree.fromstring(package.read(f"{SIGN}/Signature.xml"))
        wrong = [r.get("FileRef") for r in description.iter(f"{OFD}Reference")
                 if base64.b64decode(r.findtext(f"{OFD}CheckValue")) != sm3(package.read(r.get("FileRef")[1:]))]  # fmt: skip
        listed = list(etree.fromstring(package.read("Doc_0/Signs/Signatures.xml")).iter(f"{OFD}Signature"))
    assert (len(wrong), len(listed)) == ((0, 0) if fault == "ofd-seal-hidden" else (1, 1))
