"""A long array is read row by row, as strictly as a whole document would be, wherever the pieces are cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip import bagtext, canonical, jsonstream
from sip.faults import Fault
from sip.jsonstream import BadJson, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(chunks: Iterable[bytes]) -> tuple[dict[str, Any], list[Any]]:
    rest: dict[str, Any] = {}
    rows = []
    for name, value in members(chunks, "files"):
        if name == "files":
            rows.append(value)
        else:
            rest[name] = value
    return rest, rows


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
    st.lists(VALUES, max_size=5),
    st.integers(1, 40),
    st.booleans(),
)
def test_what_is_written_in_pieces_is_read_in_pieces(
    rest: dict[str, Any], rows: list[Any], size: int, pretty: bool
) -> None:
    rest.pop("files", None)
    whole = canonical.dumps({**rest, "files": rows})
    assert b"".join(canonical.pieces(rest, "files", rows)) == whole
    written = json.dumps({**rest, "files": rows}, indent=1, ensure_ascii=False).encode() if pretty else whole
    assert read(cut(written, size)) == (rest, rows)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{", b'{"a":1', b'{"a":1,}', b'{"a":1}x', b'{"a":1}{"a":1}', b'{"a":1,"a":2}', b'{"files":[1,2',
        b'{"files":[1,]}', b'{"files":[1 2]}', b'{"files":{}}', b'{"files":[],"files":[]}', b'{"files":[{"a":1,"a":2}]}',
        b'{"a":NaN}', b'{"files":[Infinity]}', b'{"a":"\xff"}', b"{1:2}", b'{"a":' + b"[" * 200_000, b'{"a" 1}',
        b'{"files":[]]}', b'{,"a":1}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_what_is_not_such_json_is_refused(text: bytes, size: int) -> None:
    if size == 1 and len(text) > 1000:
        size = 1000
    with pytest.raises(BadJson):
        read(cut(text, size))


def test_a_value_longer_than_memory_should_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "MAX_VALUE", 1000)
    read([b'{"files":[' + b",".join([b'"' + b"x" * 900 + b'"'] * 500) + b"]}"])
    with pytest.raises(BadJson, match="more than 1000"):
        read(cut(b'{"a":"' + b"x" * 2_000_000 + b'"}', 4096))


def test_rows_are_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(canonical.dumps({"b": 1, "files": [{"n": n} for n in range(5000)], "z": {"x": []}}))
    rest, rows = jsonstream.load(path, "files")
    assert (rest, len(rows)) == ({"b": 1, "z": {"x": []}}, 5000)
    twice = rows.each(lambda row: row["n"] * 2)
    assert list(twice) == list(twice) == list(range(0, 10000, 2))
    assert next(iter(rows)) == {"n": 0}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "档", "\r", "\n", "\r\n", "\ufeff", "  "]), max_size=12), st.integers(1, 5))
def test_a_long_manifest_has_the_lines_that_its_whole_text_has(parts: list[str], size: int) -> None:
    data = "".join(parts).encode()
    said: list[Fault] = []
    told: list[Fault] = []
    whole = bagtext.decode(data, "UTF-8", "m", said)
    assert whole is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bagtext, "_SLICE", size)
        found = bagtext.decoded_lines(data, "UTF-8", "m", told)
        assert found is not None
        assert list(found) == list(bagtext.lines(whole))
    assert told == said


def test_a_long_manifest_of_bad_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bagtext, "_SLICE", 2)
    told: list[Fault] = []
    assert bagtext.decoded_lines(b"abc\xff\n", "UTF-8", "m", told) is None
    assert [f.code for f in told] == ["PKG-TAG-ENCODING"]
