"""The DER reader: exact on what is right, tolerant where vendors are, and nothing but DerError on the rest."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.signatures import der
from ingest.signatures.certs import name_text

from .pki.asn1 import bits, ia5, integer, octets, oid, seq, set_of, tlv, utf8
from .pki.ca import name

TREES = st.recursive(
    st.one_of(
        st.binary(max_size=40).map(octets),
        st.integers(-(2**70), 2**70).map(integer),
        st.text(max_size=20).map(utf8),
        st.binary(max_size=20).map(bits),
    ),
    lambda children: st.lists(children, max_size=4).map(lambda parts: seq(*parts)),
    max_leaves=12,
)


def walk(node: der.Tlv) -> int:
    return 1 + sum(walk(child) for child in node.children) if node.tag & 0x20 else 1


def indefinite(raw: bytes) -> bytes:
    node = der.read(raw)
    if not node.tag & 0x20:
        return raw
    return bytes((node.tag, 0x80)) + b"".join(indefinite(child.raw) for child in node.children) + b"\0\0"


@given(TREES)
@settings(max_examples=150, deadline=None)
def test_raw_bytes_come_back_and_indefinite_lengths_become_definite(raw: bytes) -> None:
    node = der.parse(raw)
    assert node.raw == raw and walk(node) >= 1
    assert der.parse(indefinite(raw)).raw == raw


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=400, deadline=None)
def test_arbitrary_bytes_give_an_element_or_a_der_error(data: bytes, trailing: bool) -> None:
    try:
        node = der.parse(data, trailing=trailing)
        for read in (node.text, node.integer, node.oid, node.bits, node.octets, node.boolean, node.time):
            with contextlib.suppress(der.DerError):
                read()
        walk(node)
        name_text(data)
    except der.DerError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x30", b"\x30\x05\x02\x01", b"\x30\x84\xff\xff\xff\xff", b"\x30\x85\0\0\0\0\1x", b"\x1f\x81\x01\x00",
        b"\x30\x80", b"\x30\x80\x02\x01\x05", b"\x04\x80\x00\x00", b"\x30\x80" * 5000, b"\x30\x02\x02\x01",
    ],
)  # fmt: skip
def test_what_is_broken(data: bytes) -> None:
    with pytest.raises(der.DerError):
        walk(der.parse(data))


def test_bytes_behind_the_structure_only_where_they_are_expected() -> None:
    with pytest.raises(der.DerError):
        der.parse(integer(5) + b"\0")
    assert der.parse(integer(5) + b"\0\0", trailing=True).integer() == 5


def test_vendor_forms() -> None:
    assert der.read(b"\x02\x03\0\0\x05").integer() == 5  # padded
    assert der.read(b"\x02\x81\x01\x05").integer() == 5  # long form of a short length
    assert der.read(bits(b"x", unused=1)).bits() == b"x"
    constructed = b"\x24\x80" + octets(b"ab") + octets(b"cd") + b"\0\0"
    assert der.parse(seq(constructed)).children[0].octets() == b"abcd"
    assert der.parse(b"\x30\x80" + constructed + b"\0\0").children[0].octets() == b"abcd"


def test_names_and_texts() -> None:
    assert name_text(name("签名人")) == "C=CN, O=归档测试, CN=签名人"
    gbk = seq(set_of(seq(oid("2.5.4.3"), tlv(0x13, "制章单位".encode("gbk")))))
    assert name_text(gbk) == "CN=制章单位"
    wide = seq(set_of(seq(oid("2.5.4.3"), tlv(0x1E, "甲".encode("utf-16-be")))))
    assert name_text(wide) == "CN=甲"
    assert name_text(seq(set_of(seq(oid("2.5.4.3"), utf8("a\n\x1b[31mb"))))) == "CN=a\ufffd\ufffd[31mb"
    assert len(name_text(seq(set_of(seq(oid("2.5.4.3"), utf8("长" * 50_000)))))) < 2_000
    assert der.read(ia5("ES")).text() == "ES"


@pytest.mark.parametrize(
    "text", ["", "2026", "20261399000000Z", "20260230000000Z", "99999999999999Z0", "20260601+2500"]
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(der.DerError):
        der.parse_time(text)


def test_times_with_zones_and_fractions() -> None:
    assert der.parse_time("20260601120000.123+0800") == dt.datetime(2026, 6, 1, 4, tzinfo=dt.UTC)
    assert der.parse_time("20260601") == dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
