import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.metadata.strictjson import BadJson, has_bom, loads


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "b": 2, "a": 1}}',
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[9007199254740992]",
        b"[-9007199254740992]",
        b"[" + b"1" * 5000 + b"]",
        b"[0." + b"1" * 5000 + b"]",
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'{"\\ud800": 1}',
        '["测试"]'.encode("gb18030"),
        '["测试"]'.encode("utf-16"),
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 100_000,
        b"",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b"[1] [2]",
        b'["\x00"]',
        b"\xef\xbb\xbf\xef\xbb\xbf[]",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(BadJson) as caught:
        loads(data)
    assert caught.value.reason


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(BadJson, match="10"):
        loads(b"[" + b" " * 10 + b"]", max_bytes=10)


def test_brackets_in_strings_are_not_depth() -> None:
    text = "[" * 200 + '"{'
    assert loads(json.dumps([text, text]).encode()) == [text, text]


def test_a_byte_order_mark_is_accepted_and_told() -> None:
    assert loads(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
    assert has_bom(b"\xef\xbb\xbf{}")
    assert not has_bom(b"{}")


def test_a_megabyte_of_brackets_ends_fast() -> None:
    began = time.monotonic()
    for data in (b"[" * 1_000_000, b'"' + b"\\" * 1_000_000, b'["' * 500_000):
        with pytest.raises(BadJson):
            loads(data)
    assert time.monotonic() - began < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.booleans())
@settings(max_examples=200)
def test_what_json_writes_is_read_alike(value: object, plain: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=plain).encode()) == value


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_give_a_value_or_a_reason(data: bytes) -> None:
    try:
        loads(data)
    except BadJson as exc:
        assert exc.reason
