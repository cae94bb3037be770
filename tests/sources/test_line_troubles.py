"""Slow, endless and broken answers of every kind of source in the network: each request ends, and the next night is whole."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from line_troubles import Line
from source_servers import Interface, SftpServer, bucket_place, https_place, sftp_place
from sqlalchemy.engine import make_url

from ingest import sources
from ingest.model import Receipt
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Agency, Home, Limits
from ingest.sources import Source, SourceAway, open_source

pytestmark = [
    pytest.mark.slow,
    # what is left behind ends later, by itself; paramiko's threads tell their own troubles beside our SourceAway
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

BIG = os.urandom(3 * 1024**2)
KINDS = ("sftp", "s3", "https", "exchange")
SOON = 60.0  # seconds for what may take one, on however busy a machine; unlimited, it never ends


@dataclasses.dataclass
class Far:
    """A source behind a line, with one delivery in it; ``file`` is a large file of the delivery, or the largest that there is."""

    line: Line
    entry: dict[str, Any]
    connection: dict[str, Any]
    file: str
    content: bytes

    def open(self, root: Path, listing: float = 30.0, reading: float = 30.0) -> Source:
        limits = Limits(listing_seconds=listing, record_seconds=reading / 0.8)
        home = Home(root / "home", limits, {self.entry["connection"]: self.connection})
        return open_source(
            home, Agency("a", "某局", "11440100FAKE00021A", "440100", "T001", "全宗", {}, {"source": self.entry})
        )

    def read(self, source: Source) -> bytes:
        (found,) = source.deliveries()
        with source.reader(found.location).open(self.file) as f:
            return b"".join(iter(lambda: f.read(1 << 20), b""))


@pytest.fixture(params=KINDS)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Far]:
    maker: Callable[[pytest.FixtureRequest, Path], Iterator[Far]] = globals()[f"_{request.param}"]
    made = maker(request, tmp_path)
    far = next(made)
    yield far
    far.line.close()
    sources.close()
    for _ in made:
        pass


def _sftp(request: pytest.FixtureRequest, root: Path) -> Iterator[Far]:
    server = SftpServer(root)
    place = sftp_place(server)
    _fill(place.put)
    line = Line(("127.0.0.1", server.port))
    yield Far(line, place.source, place.connection | {"port": line.port}, "a.pdf", BIG)
    server.close()


def _s3(request: pytest.FixtureRequest, root: Path) -> Iterator[Far]:
    store: StoreEndpoint = request.getfixturevalue("store")
    place = bucket_place(store, f"drop-{uuid.uuid4().hex[:12]}")
    _fill(place.put)
    host, _, port = store.url.rpartition("/")[2].partition(":")
    line = Line((host, int(port)))
    yield Far(line, place.source, place.connection | {"host": f"http://127.0.0.1:{line.port}"}, "a.pdf", BIG)
    place.close()


def _https(request: pytest.FixtureRequest, root: Path) -> Iterator[Far]:
    server = Interface(root)
    place = https_place(server)
    _fill(place.put)
    line = Line(("127.0.0.1", server.port))
    yield Far(line, place.source, place.connection | {"port": line.port}, "a.pdf", BIG)
    server.close()


def _exchange(request: pytest.FixtureRequest, root: Path) -> Iterator[Far]:
    url = request.getfixturevalue("new_database")()
    engine = sa.create_engine(url)
    opinion = "同意" * 20_000
    with engine.begin() as conn:
        conn.exec_driver_sql("create table ex_gdbs_sb (sblsh text, version int, opinion text)")
        conn.exec_driver_sql("create table ex_gdbs_bj (sblsh text, bjsj timestamp)")
        conn.exec_driver_sql("create table guidang_receipt (name text primary key, receipt text not null)")
        conn.exec_driver_sql("insert into ex_gdbs_sb values ('1', 1, %s)", (opinion,))
        conn.exec_driver_sql("insert into ex_gdbs_bj values ('1', '2026-11-20 16:30:00')")
    line = Line(f"{make_url(url).query['host']}/.s.PGSQL.5432")
    at = {"host": "127.0.0.1", "port": line.port, "login": "postgres", "schema": make_url(url).database}
    entry = {"kind": "exchange", "connection": "agency_pg", "receipts": "guidang_receipt",
             "files": {"kind": "folder", "path": str(root / "files")}}  # fmt: skip
    rows = {"EX_GDBS_BJ": [{"SBLSH": "1", "BJSJ": "2026-11-20 16:30:00"}],
            "EX_GDBS_SB": [{"SBLSH": "1", "VERSION": "1", "OPINION": opinion}]}  # fmt: skip
    yield Far(line, entry, at, "EX_GDBS_ALL.json", json.dumps(rows, ensure_ascii=False, sort_keys=True).encode())
    engine.dispose()


def _fill(put: Callable[[str, bytes], None]) -> None:
    put("1/a.pdf", BIG)
    put("1/case.json", b"{}")


@pytest.mark.parametrize("trouble", ["stall", "drip"])
def test_a_listing_that_does_not_end_is_a_source_that_is_away(far: Far, tmp_path: Path, trouble: str) -> None:
    source = far.open(tmp_path, listing=1.0)
    far.line.disturb(trouble, after=10)
    begun = time.monotonic()
    with pytest.raises(SourceAway):
        list(source.deliveries())
    assert time.monotonic() - begun < SOON
    far.line.mend()
    sources.close()
    assert [d.name for d in far.open(tmp_path).deliveries()] == ["1"] or far.entry["kind"] == "exchange"


@pytest.mark.parametrize("trouble", ["stall", "drip"])
def test_a_file_that_does_not_end_is_told_in_the_records_time_and_read_another_time(
    far: Far, tmp_path: Path, trouble: str
) -> None:
    source = far.open(tmp_path, reading=3.0)
    (found,) = source.deliveries()
    reader = source.reader(found.location)
    far.line.disturb(trouble, after=len(far.content) // 2)
    begun = time.monotonic()
    with pytest.raises(SourceAway), reader.open(far.file) as f:
        while f.read(1 << 20):
            pass
    assert time.monotonic() - begun < SOON
    far.line.mend()
    assert far.read(far.open(tmp_path)) == far.content


def test_names_that_do_not_come_are_not_waited_for(far: Far, tmp_path: Path) -> None:
    source = far.open(tmp_path, reading=3.0)
    (found,) = source.deliveries()
    far.line.disturb("stall")
    begun = time.monotonic()
    with pytest.raises(SourceAway):
        source.reader(found.location).names()
    assert time.monotonic() - begun < SOON


def test_a_receipt_that_is_not_taken_is_not_waited_for_and_handed_over_later(far: Far, tmp_path: Path) -> None:
    source = far.open(tmp_path, reading=3.0)
    assert len(list(source.deliveries())) == 1
    far.line.disturb("stall")
    begun = time.monotonic()
    with pytest.raises(SourceAway):
        source.tell([("1", Receipt.FINAL, b"receipt")])
    assert time.monotonic() - begun < SOON
    far.line.mend()
    far.open(tmp_path).tell([("1", Receipt.FINAL, b"receipt")])


def test_a_line_cut_in_mid_file_gives_trouble_or_all_of_it_and_never_a_part(far: Far, tmp_path: Path) -> None:
    source = far.open(tmp_path)
    (found,) = source.deliveries()
    reader = source.reader(found.location)
    far.line.disturb("cut", after=len(far.content) // 2)
    with pytest.raises(SourceAway), reader.open(far.file) as f:
        while f.read(1 << 20):
            pass
    assert far.line.cuts == 1
    assert far.read(source) == far.content
