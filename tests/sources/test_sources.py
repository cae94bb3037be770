"""Every kind of source keeps the same promises, against real servers; and tells its troubles apart."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from line_troubles import Line
from source_servers import (
    SSHD,
    Interface,
    Place,
    SftpServer,
    Sshd,
    bucket_place,
    drip,
    folder_place,
    https_place,
    reply,
    sftp_place,
    sshd_place,
)

from ingest import sources
from ingest.model import Receipt
from ingest.servers.seaweed import StoreEndpoint
from ingest.settings import Agency, ConfigError, Home, Limits
from ingest.sources import Source, SourceAway, SourceRefuses, open_source
from ingest.sources.base import DeliveryGone, StillWriting

pytestmark = pytest.mark.slow

NO_SSHD = pytest.mark.skipif(SSHD is None, reason="no sshd here: apt install openssh-server")
KINDS = ("folder", "sftp", pytest.param("sshd", marks=NO_SSHD), "s3", "https")
BIG = os.urandom(3 * 1024**2)


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    server = SftpServer(tmp_path)
    yield server
    sources.close()
    server.close()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    server = Sshd(tmp_path)
    yield server
    sources.close()
    server.close()


@pytest.fixture(autouse=True)
def hang_up() -> Iterator[None]:
    yield
    sources.close()


@pytest.fixture
def interface(tmp_path: Path) -> Iterator[Interface]:
    server = Interface(tmp_path)
    yield server
    server.close()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        place = folder_place(tmp_path)
    elif request.param == "sftp":
        place = sftp_place(request.getfixturevalue("sftp"))
    elif request.param == "sshd":
        place = sshd_place(request.getfixturevalue("sshd"))
    elif request.param == "https":
        place = https_place(request.getfixturevalue("interface"))
    else:
        store: StoreEndpoint = request.getfixturevalue("store")
        place = bucket_place(store, f"drop-{uuid.uuid4().hex[:12]}")
    yield place
    place.close()


def agency(source: dict[str, Any]) -> Agency:
    return Agency("a", "某局", "11440100FAKE00021A", "440100", "T001", "全宗", {}, {"source": source})


def opened(place: Place, tmp_path: Path, seconds: float = 300.0) -> Source:
    name = place.source.get("connection", "")
    home = Home(tmp_path / "home", Limits(record_seconds=seconds), {name: place.connection})
    return open_source(home, agency(place.source))


def test_complete_deliveries_are_listed_and_read_to_the_last_byte(place: Place, tmp_path: Path) -> None:
    for name in ("办件 2", "办件%1", "no-marker"):
        place.put(f"{name}/申报文件/01_申请书（一）.pdf", BIG)
        place.put(f"{name}/空.txt", b"")
    for name in ("办件 2", "办件%1"):
        place.put(f"{name}/case.json", b'{"n": 1}')
    source = opened(place, tmp_path)
    found = list(source.deliveries())
    assert [d.name for d in found] == ["办件 2", "办件%1"]
    reader = source.reader(found[0].location)
    assert reader.metadata(100) == b'{"n": 1}'
    assert reader.names() == ["申报文件/01_申请书（一）.pdf", "空.txt"]
    with reader.open("申报文件/01_申请书（一）.pdf") as f:
        got = b"".join(iter(lambda: f.read(1 << 20), b""))
    assert got == BIG
    with reader.open("空.txt") as f:
        assert f.read(10) == b""


def test_the_same_listing_gives_the_same_fingerprint_and_a_new_delivery_another(place: Place, tmp_path: Path) -> None:
    place.put("1/case.json", b"{}")
    source = opened(place, tmp_path)
    (first,), (again,) = source.deliveries(), source.deliveries()
    assert first == again
    place.remove("1")
    time.sleep(1.1)  # the coarsest of the systems' clocks
    place.put("1/case.json", b"[]")
    (anew,) = source.deliveries()
    assert anew.fingerprint != first.fingerprint and anew.location == first.location


def test_what_is_not_there_is_told_as_such(place: Place, tmp_path: Path) -> None:
    source = opened(place, tmp_path)
    assert list(source.deliveries()) == []
    place.put("1/case.json", b"{}" + b" " * 100)
    (found,) = source.deliveries()
    reader = source.reader(found.location)
    with pytest.raises(ValueError, match="longer"):
        reader.metadata(50)
    for name in ("nothing.pdf", "../1/case.json", "/etc/passwd", "a//b", ".", ""):
        with pytest.raises(OSError):
            reader.open(name)
    place.remove("1")
    with pytest.raises((DeliveryGone, FileNotFoundError)):
        source.reader(found.location).metadata(1000)
    with pytest.raises(DeliveryGone):
        source.reader(found.location).names()


def test_other_forms_are_marked_as_done_in_a_folder_or_beside_a_file(place: Place, tmp_path: Path) -> None:
    if place.source["kind"] == "https":
        pytest.skip("the interface says it of each delivery")
    place.put("案卷 1/包.zip", BIG)
    place.put("案卷 1/_DONE", b"")
    place.put("案卷 2.zip", BIG[:1000])
    place.put("案卷 3.zip", b"not done")
    place.put("both/_DONE", b"")
    place.put("both/case.json", b"{}")
    source = opened(place, tmp_path)
    assert [d.name for d in source.deliveries()] == ["both", "案卷 1"]
    place.put("案卷 2.zip_DONE", b"")
    both, one, two = source.deliveries()
    assert [both.packed, one.packed, two.packed] == [False, True, True]
    assert source.reader(one.location).names() == ["包.zip"]
    reader = source.reader(two.location)
    assert reader.names() == ["案卷 2.zip"]
    with reader.open("案卷 2.zip") as f:
        assert f.read(10**6) == BIG[:1000]
    with pytest.raises(FileNotFoundError):
        reader.metadata(1000)
    place.put("案卷 2.zip", BIG[:500])
    place.put("案卷 2.zip_DONE", b" ")
    *_, anew = source.deliveries()
    assert anew.location == two.location and anew.fingerprint != two.fingerprint


def test_clocks_that_are_wrong_lose_nothing_and_end_nobody_elses_night(interface: Interface, tmp_path: Path) -> None:
    place = folder_place(tmp_path)
    for name, moment in (("past", -(2**31)), ("future", 2**33)):
        place.put(f"{name}/case.json", b"{}")
        os.utime(tmp_path / "drop/a" / name / "case.json", (moment, moment))
    assert [d.name for d in opened(place, tmp_path).deliveries()] == ["future", "past"]
    place = https_place(interface)
    for name, year in (("first", 1), ("last", 9999)):
        place.put(f"{name}/case.json", b"{}")
        interface.arrived[name] = dt.datetime(year, 12 if year > 1 else 1, 31, 23, tzinfo=dt.UTC)
    first, last = opened(place, tmp_path).deliveries()
    assert (first.name, last.name, last.arrived) == ("first", "last", dt.date.max)


def test_receipts_are_whole_and_the_last_stands(place: Place, tmp_path: Path) -> None:
    source = opened(place, tmp_path)
    for body in (b"first", b"second"):
        source.tell([(name, kind, body) for name in ("办件 1", "长" * 84) for kind in Receipt])
    got = place.receipts()
    assert {f"办件 1.{suffix}.json" for suffix in ("received", "examined", "receipt")} < set(got)
    assert len(got) == 6 and set(got.values()) == {b"second"}


@pytest.mark.parametrize("kind", ["folder", "sftp"])
def test_a_file_that_changes_while_it_is_read_is_not_taken(kind: str, tmp_path: Path, sftp: SftpServer) -> None:
    place = folder_place(tmp_path) if kind == "folder" else sftp_place(sftp)
    place.put("1/case.json", b"{}")
    place.put("1/a.pdf", BIG)
    source = opened(place, tmp_path)
    (found,) = source.deliveries()
    with source.reader(found.location).open("a.pdf") as f:
        f.read(1000)
        place.put("1/a.pdf", BIG + b"more")
        with pytest.raises(StillWriting):
            while f.read(1 << 20):
                pass


@pytest.mark.parametrize("kind", ["folder", "sftp", "https"])
def test_a_clock_that_no_calendar_holds_is_taken_all_the_same(
    kind: str, tmp_path: Path, sftp: SftpServer, interface: Interface
) -> None:
    """As far from today as a disk, SFTP and ISO 8601 can say."""
    place = {"folder": folder_place(tmp_path), "sftp": sftp_place(sftp), "https": https_place(interface)}[kind]
    for name in ("1", "2"):
        place.put(f"{name}/case.json", b"{}")
    if kind == "https":
        for name, moment in (("1", dt.datetime.min), ("2", dt.datetime.max)):
            interface.arrived[name] = moment.replace(tzinfo=dt.UTC)
    for name, seconds in (("1", 0), ("2", 10**12 if kind == "folder" else 2**32 - 1)):
        for mark in tmp_path.rglob(f"{name}/case.json"):
            os.utime(mark, (seconds, seconds))
    one, two = opened(place, tmp_path).deliveries()
    assert one.arrived.year <= 1970 and two.arrived.year >= 2106


# ------------------------------------------------------------------------------------------------ SFTP


def test_sftp_goes_nowhere_but_to_the_pinned_server(sftp: SftpServer, tmp_path: Path) -> None:
    place = sftp_place(sftp)
    before = sftp.logins
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    wrong = place.connection | {"extra": json.dumps({"host_key": other})}
    source = open_source(Home(tmp_path, connections={"agency_sftp": wrong}), agency(place.source))
    with pytest.raises(SourceRefuses, match="BadHostKey"):
        list(source.deliveries())
    assert sftp.logins == before  # it never saw our password
    none = place.connection | {"extra": "{}"}
    with pytest.raises(ConfigError, match="host_key"):
        list(open_source(Home(tmp_path, connections={"agency_sftp": none}), agency(place.source)).deliveries())


def test_sftp_password_refused(sftp: SftpServer, tmp_path: Path) -> None:
    place = sftp_place(sftp)
    wrong = place.connection | {"password": "other"}
    with pytest.raises(SourceRefuses, match="Authentication"):
        list(open_source(Home(tmp_path, connections={"agency_sftp": wrong}), agency(place.source)).deliveries())


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # paramiko's own, beside our SourceAway
def test_sftp_cut_in_mid_transfer_is_trouble_and_the_next_try_is_whole(sftp: SftpServer, tmp_path: Path) -> None:
    place = sftp_place(sftp)
    place.put("1/case.json", b"{}")
    place.put("1/a.pdf", BIG)
    source = opened(place, tmp_path)
    (found,) = source.deliveries()
    sftp.cuts = [10**6]
    with pytest.raises(SourceAway), source.reader(found.location).open("a.pdf") as f:
        while f.read(1 << 20):
            pass
    with source.reader(found.location).open("a.pdf") as f:
        assert b"".join(iter(lambda: f.read(1 << 20), b"")) == BIG


def test_sftp_links_are_named_and_not_followed(sftp: SftpServer, tmp_path: Path) -> None:
    place = sftp_place(sftp)
    place.put("1/case.json", b"{}")
    (tmp_path / "待归档/1/link.pdf").symlink_to("/etc/hostname")
    (tmp_path / "待归档/1/all").symlink_to("/etc")
    (tmp_path / "待归档/2").symlink_to("1")
    source = opened(place, tmp_path)
    (found,) = source.deliveries()
    reader = source.reader(found.location)
    assert reader.names() == ["all", "link.pdf"]
    with pytest.raises(OSError, match="regular"):
        reader.open("link.pdf")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # paramiko's own, when a listing is broken off
def test_sftp_names_that_lead_elsewhere_are_none_and_a_folder_has_an_end(
    sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sftp_place(sftp)
    place.put("1/case.json", b"{}")
    place.put("1/a.pdf", b"1")
    sftp.more_names = [b"../../etc/passwd", b"/etc/passwd", b".", b"..", b"", b"b\0.pdf"]
    source = opened(place, tmp_path)
    (found,) = source.deliveries()
    assert source.reader(found.location).names() == ["a.pdf"]
    sftp.more_names = (b"%d" % n for n in itertools.count())
    monkeypatch.setattr("ingest.sources.sftp._MOST", 3000)
    with pytest.raises(SourceAway, match="3000"):
        source.reader(found.location).names()


def test_sftp_server_that_comes_back_is_found_again(sftp: SftpServer, tmp_path: Path) -> None:
    place = sftp_place(sftp)
    place.put("1/case.json", b"{}")
    source = opened(place, tmp_path)
    assert len(list(source.deliveries())) == 1
    sftp.stop()
    with pytest.raises(SourceAway):
        list(source.deliveries())
    sftp.start()
    assert len(list(source.deliveries())) == 1


# ------------------------------------------------------------------------------------------------ HTTPS


def test_https_pages_are_followed_and_only_the_new_is_asked_for(interface: Interface, tmp_path: Path) -> None:
    place = https_place(interface)
    for n in range(5):
        place.put(f"{n}/case.json", b"{}")
        interface.arrived[str(n)] = interface.arrived[str(n)].replace(year=2020 + n)
    source = opened(place, tmp_path)
    assert [d.name for d in source.deliveries()] == ["0", "1", "2", "3", "4"]
    day = interface.arrived["3"].date()
    assert [d.name for d in source.deliveries(day)] == ["3", "4"]


def test_https_wrong_token_wrong_certificate_plain_http(interface: Interface, tmp_path: Path) -> None:
    place = https_place(interface)
    for change in ({"password": "other"}, {"extra": "{}"}):
        home = Home(tmp_path, connections={"agency_https": place.connection | change})
        with pytest.raises(SourceAway):
            list(open_source(home, agency(place.source)).deliveries())
    plain = place.connection | {"extra": json.dumps({"scheme": "http"})}
    with pytest.raises(ConfigError, match="HTTPS"):
        open_source(Home(tmp_path, connections={"agency_https": plain}), agency(place.source))


@pytest.mark.parametrize("status", [429, 503])
def test_https_is_patient_with_a_server_that_asks_for_it(interface: Interface, tmp_path: Path, status: int) -> None:
    place = https_place(interface)
    place.put("1/case.json", b"{}")
    refusals = iter([1, 0])

    def busy(handler: Any, path: str) -> bool:
        if (wait := next(refusals, None)) is None:
            return False
        reply(handler, status, headers={"Retry-After": str(wait)})
        return True

    interface.answer = busy
    assert len(list(opened(place, tmp_path).deliveries())) == 1


@pytest.mark.parametrize(
    "page",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"deliveries": {}}', b'{"deliveries": [{"name": 7, "modified": "2026-01-01"}]}',
     b'{"deliveries": [{"name": "x", "modified": "yesterday"}]}', b'{"deliveries": [], "next": "again"}', b"\xff\xfe"],
)  # fmt: skip
def test_https_answers_that_make_no_sense_are_the_sources_trouble(
    interface: Interface, tmp_path: Path, page: bytes
) -> None:
    interface.answer = lambda handler, path: reply(handler, 200, page) is None
    with pytest.raises(SourceAway):
        list(opened(https_place(interface), tmp_path).deliveries())


def test_https_pages_that_never_end_and_waits_that_are_too_long(
    interface: Interface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, pages = https_place(interface), itertools.count()
    monkeypatch.setattr("ingest.sources.https._PAGES", 50)
    interface.answer = lambda handler, path: (
        reply(handler, 200, json.dumps({"deliveries": [], "next": str(next(pages))}).encode()) is None
    )
    with pytest.raises(SourceAway, match="no end"):
        list(opened(place, tmp_path).deliveries())
    interface.answer = lambda handler, path: reply(handler, 503, headers={"Retry-After": "3600"}) is None
    home = Home(tmp_path / "home", Limits(listing_seconds=1.0), {"agency_https": place.connection})
    begun = time.monotonic()
    with pytest.raises(SourceAway, match="slow"):
        list(open_source(home, agency(place.source)).deliveries())
    assert time.monotonic() - begun < 10


def test_https_cut_off_is_not_the_end_of_a_file(interface: Interface, tmp_path: Path) -> None:
    place = https_place(interface)
    place.put("1/case.json", b"{}")
    place.put("1/a.pdf", BIG)
    source = opened(place, tmp_path)
    (found,) = source.deliveries()

    def cut(handler: Any, path: str) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BIG)))
        handler.end_headers()
        handler.wfile.write(BIG[: len(BIG) // 2])
        handler.close_connection = True
        return True

    interface.answer = cut
    with pytest.raises(SourceAway), source.reader(found.location).open("a.pdf") as f:
        while f.read(1 << 20):
            pass


def test_requests_that_run_side_by_side_over_sftp_each_get_their_own_answer(sftp: SftpServer, tmp_path: Path) -> None:
    """One that was left behind is still under way when the next comes."""
    place = sftp_place(sftp)
    place.put("1/a.txt", b"a" * 100_000)
    place.put("1/case.json", b"{}")
    source = open_source(Home(tmp_path, connections={"agency_sftp": place.connection}), agency(place.source))
    (found,) = source.deliveries()
    reader = source.reader(found.location)

    def look(n: int) -> tuple[list[str], bytes]:
        with reader.open("a.txt") as file:
            return sorted(reader.names()), file.read()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(look, range(40)))
    assert answers == [(["a.txt"], b"a" * 100_000)] * 40


def test_https_drop_by_drop_ends_within_the_records_time(interface: Interface, tmp_path: Path) -> None:
    place = https_place(interface)
    place.put("1/case.json", b"{}")
    place.put("1/a.pdf", BIG)
    source = opened(place, tmp_path, seconds=1.0)
    (found,) = source.deliveries()
    interface.answer = lambda handler, path: drip(handler, 20) is None
    with pytest.raises(SourceAway, match="slow"), source.reader(found.location).open("a.pdf") as f:
        while f.read(64):
            pass


# ------------------------------------------------------------------------------------------------ S3


def test_s3_lists_more_than_one_page_of_keys(store: StoreEndpoint, tmp_path: Path) -> None:
    place = bucket_place(store, f"drop-{uuid.uuid4().hex[:12]}")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: place.put(f"1/{n:04}.txt", b""), range(1100)))
    place.put("1/case.json", b"{}")
    place.put("2/case.json", b"{}")
    source = opened(place, tmp_path)
    one, two = source.deliveries()
    assert [one.name, two.name] == ["1", "2"]
    assert source.reader(one.location).names() == [f"{n:04}.txt" for n in range(1100)]
    place.close()


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Slow Down"])
def test_s3_is_patient_with_a_server_that_is_busy_for_a_while(
    store: StoreEndpoint, tmp_path: Path, status: str
) -> None:
    place = bucket_place(store, f"drop-{uuid.uuid4().hex[:12]}")
    place.put("1/case.json", b"{}")
    host, _, port = store.url.rpartition("/")[2].partition(":")
    line = Line((host, int(port)))
    busy = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    behind = dataclasses.replace(place, connection=place.connection | {"host": f"http://127.0.0.1:{line.port}"})
    source = opened(behind, tmp_path)
    line.refuse(busy, 2)
    assert len(list(source.deliveries())) == 1
    line.refuse(busy, 100)
    with pytest.raises(SourceAway):
        list(source.deliveries())
    line.close()
    place.close()


def test_s3_keys_that_are_refused_are_not_tried_again(store: StoreEndpoint, tmp_path: Path) -> None:
    place = bucket_place(store, f"drop-{uuid.uuid4().hex[:12]}")
    wrong = dataclasses.replace(place, connection=place.connection | {"password": "other"})
    with pytest.raises(SourceRefuses):
        list(opened(wrong, tmp_path).deliveries())
    place.close()


# ------------------------------------------------------------------------------------------------ configuration


def test_what_is_not_configured_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    sftp = {"kind": "sftp", "connection": "x", "path": "/a", "receipts": "/b"}
    with pytest.raises(ConfigError, match="Admin → Connections"):
        open_source(home, agency(sftp))
    secret = tmp_path / "secrets/connections.json"
    secret.parent.mkdir()
    secret.write_text(json.dumps({"x": {"host": "127.0.0.1", "password": "fake"}}))
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="600"):
        open_source(home, agency(sftp))
    secret.chmod(0o600)
    open_source(home, agency(sftp))
    with pytest.raises(ConfigError, match="unknown kind"):
        open_source(home, agency(sftp | {"kind": "ftp"}))
    with pytest.raises(ConfigError, match="lacks"):
        open_source(home, agency({"kind": "sftp", "connection": "x"}))
    monkeypatch.setenv("AIRFLOW_CONN_Y", "not json")
    with pytest.raises(ConfigError, match="JSON"):
        open_source(home, agency(sftp | {"connection": "y"}))
    assert "fake" not in repr(Home(tmp_path, connections={"x": {"password": "fake"}}))
