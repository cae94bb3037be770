"""SM2 and SM3: the standards' vectors, values that must be refused, and agreement with OpenSSL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.signatures import sm2, sm2_native
from ingest.signatures.sm2 import N, P

from .pki.keys import Sm2Key, multiply

# GB/T 32918.5-2017 A.2
PUBLIC = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
MESSAGE = b"message digest"


@pytest.fixture(params=["own", "native"], autouse=True)
def arithmetic(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs by our own arithmetic and by the system's library, where that one is fit."""
    sm2_native.enable(request.param == "native")
    try:
        if request.param == "native" and not sm2_native.available():
            pytest.skip("the system has no libcrypto with SM2")
        yield
    finally:
        sm2_native.enable(True)


def test_standard_example_verifies() -> None:
    assert sm2.za(PUBLIC).hex() == "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
    assert sm2.verify(PUBLIC, sm2.encode_signature(R, S), MESSAGE)


def test_standard_example_is_what_our_test_signer_makes() -> None:
    key = Sm2Key("unused")
    key.d = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    key.point = multiply(key.d)
    assert key.public() == PUBLIC
    k = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
    assert key.sign_numbers(MESSAGE, k) == (R, S)


def test_sm3_vectors() -> None:
    # GB/T 32905-2016 A.1 and A.2
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm2.sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_sm3_without_hashlib(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, data: bytes = b"") -> None:
        raise ValueError(name)

    monkeypatch.setattr("hashlib.new", refuse)
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, S), (R, 0), (0, 0), (N, S), (R, N), (N + 1, S), (R, N + 1), (R + N, S), (R, S + N), (N - R, S), (R, N - S),
        (R, N - R), (S, R), (1, N - 1), (2**256 - 1, S), (R, 2**300), (R ^ 1, S), (R, S ^ 1),
    ],
)  # fmt: skip
def test_values_that_must_be_refused(r: int, s: int) -> None:
    assert not sm2.verify(PUBLIC, sm2.encode_signature(r, s), MESSAGE)


def test_negative_integers_are_refused() -> None:
    r = R.to_bytes(32, "big")  # without its leading zero this INTEGER is negative
    s = S.to_bytes(32, "big")
    data = b"\x30\x44\x02\x20" + r + b"\x02\x20" + s
    assert not sm2.verify(PUBLIC, data, MESSAGE)


def test_vendor_encodings_are_taken() -> None:
    r, s = R.to_bytes(32, "big"), S.to_bytes(32, "big")
    assert sm2.verify(PUBLIC, r + s, MESSAGE)
    padded = b"\x30\x48\x02\x22\0\0" + r + b"\x02\x22\0\0" + s
    assert sm2.verify(PUBLIC, padded, MESSAGE)


@pytest.mark.parametrize("size", [0, 1, 63, 65, 70, 128])
def test_other_lengths_are_no_signature(size: int) -> None:
    with pytest.raises(sm2.Sm2Error):
        sm2.verify(PUBLIC, b"\x01" * size, MESSAGE)


def test_message_id_and_key_are_bound() -> None:
    good = sm2.encode_signature(R, S)
    assert not sm2.verify(PUBLIC, good, MESSAGE + b" ")
    assert not sm2.verify(PUBLIC, good, MESSAGE, b"another id")
    assert not sm2.verify(Sm2Key("other").public(), good, MESSAGE)


@pytest.mark.parametrize(
    "point",
    [
        b"", b"\0", b"\4" + b"\0" * 64, PUBLIC[:-1], PUBLIC + b"\0", PUBLIC[:-1] + bytes((PUBLIC[-1] ^ 1,)),
        b"\5" + PUBLIC[1:], b"\4" + (P + 1).to_bytes(32, "big") + PUBLIC[33:], b"\2" + (5).to_bytes(32, "big"),
    ],
    ids=["empty", "infinity", "zero", "short", "long", "off the curve", "tag", "x beyond p", "compressed, no such point"],
)  # fmt: skip
def test_points_that_are_no_keys(point: bytes) -> None:
    with pytest.raises(sm2.Sm2Error):
        sm2.verify(point, sm2.encode_signature(R, S), MESSAGE)


def test_compressed_key() -> None:
    compressed = bytes((2 | PUBLIC[-1] & 1,)) + PUBLIC[1:33]
    assert sm2.decode_point(compressed) == sm2.decode_point(PUBLIC)


@settings(max_examples=25, deadline=None)
@given(seed=st.text(max_size=8), message=st.binary(max_size=200), bit=st.integers(0, 511))
def test_any_signature_verifies_and_no_flipped_one(seed: str, message: bytes, bit: int) -> None:
    key = Sm2Key(seed)
    r, s = key.sign_numbers(message)
    assert sm2.verify(key.public(), sm2.encode_signature(r, s), message)
    flipped = (r << 256 | s) ^ 1 << bit
    assert not sm2.verify(key.public(), sm2.encode_signature(flipped >> 256, flipped % 2**256), message)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_signature_made_by_the_openssl_command(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=tmp_path)

    try:
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "key.pem")
        (tmp_path / "message").write_bytes(b"made by another implementation")
        openssl(
            "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", "key.pem", "-in", "message", "-out", "value",
            "-pkeyopt", "distid:1234567812345678",
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this openssl does no SM2: {error.stderr[:80]!r}")
    openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der")
    public = (tmp_path / "public.der").read_bytes()[-65:]
    value = (tmp_path / "value").read_bytes()
    assert sm2.verify(public, value, b"made by another implementation")
    assert not sm2.verify(public, value, b"Made by another implementation")
    openssl("pkey", "-pubin", "-in", "public.der", "-inform", "DER", "-out", "public.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_openssl_command_accepts_what_our_test_signer_makes(tmp_path: Path) -> None:
    key = Sm2Key("cross-check")
    (tmp_path / "public.der").write_bytes(key.spki())
    (tmp_path / "message").write_bytes(b"made by the tests")
    (tmp_path / "value").write_bytes(key.sign(b"made by the tests"))
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER", "-inkey", "public.der",
         "-in", "message", "-sigfile", "value", "-pkeyopt", "distid:1234567812345678"],
        capture_output=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    if b"unsupported" in done.stderr.lower() or b"unknown" in done.stderr.lower():
        pytest.skip("this openssl does no SM2")
    assert b"Verified Successfully" in done.stdout, done.stderr
