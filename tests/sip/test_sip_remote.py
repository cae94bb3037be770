"""A package in a store: read by ranges, with few requests and the same verdict."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_samples import CODE, CONTENTS, MakePlan

from sip.container import Damaged
from sip.package import write_package
from sip.remote import RangeFile, cat, members
from sip.verify import verify

FIRST = "申报文件/01_食品经营许可申请书.ofd"


class Store:
    """Counts what is asked of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []

    def fetch(self, offset: int, size: int) -> bytes:
        self.asked.append((offset, size))
        return self.data[offset : offset + size]

    def open(self) -> RangeFile:
        return RangeFile(self.fetch, len(self.data))


@pytest.fixture
def store(make_plan: MakePlan) -> Store:
    """A package of 5 MB, its first payload file near the beginning."""
    out = io.BytesIO()
    write_package(out, make_plan({**CONTENTS, "过程文件/大.bin": bytes(range(256)) * 20_000}))
    return Store(out.getvalue())


def test_listing_takes_the_directory_only(store: Store) -> None:
    names = [m.name for m in members(store.open())]
    assert len(names) == 14
    assert f"{CODE}/data/{FIRST}" in names
    assert len(store.asked) == 1
    assert sum(size for _, size in store.asked) <= 66_000


def test_one_member_is_read_without_the_others(store: Store) -> None:
    for path in (f"data/{FIRST}", f"{CODE}/data/{FIRST}"):
        store.asked.clear()
        assert b"".join(cat(store.open(), path)) == CONTENTS[FIRST]
        assert len(store.asked) == 2
        assert sum(size for _, size in store.asked) <= 132_000
    with pytest.raises(KeyError):
        cat(store.open(), "data/absent")


def test_a_damaged_member_is_said_when_it_is_read(store: Store) -> None:
    at = store.data.index(CONTENTS[FIRST])
    store.data = store.data[:at] + b"X" + store.data[at + 1 :]
    with pytest.raises(Damaged):
        b"".join(cat(store.open(), f"data/{FIRST}"))


def test_verifying_from_afar_gives_the_same_verdict_in_few_requests(store: Store) -> None:
    assert verify(store.open(), "s3").findings == ()
    assert len(store.asked) < 40
    assert max(size for _, size in store.asked) <= 16 << 20
    store.data = store.data[:100] + b"?" + store.data[101:]
    assert not verify(store.open(), "s3").valid


def test_an_object_that_changed_meanwhile_is_trouble_not_a_verdict(store: Store) -> None:
    file = store.open()
    store.data = store.data[:1000]
    with pytest.raises(OSError, match="the store gave"):
        verify(file, "s3")


@given(st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 150_000)), max_size=8))
def test_any_reads_give_the_bytes_of_the_object(reads: list[tuple[int, int]]) -> None:
    data = bytes(range(251)) * 1000
    file = Store(data).open()
    for at, size in reads:
        file.seek(at)
        assert file.read(size) == data[at : at + size]
    file.seek(-10, io.SEEK_END)
    assert file.read() == data[-10:]
