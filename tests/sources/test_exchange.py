"""Exchange tables in a real PostgreSQL: closed cases are delivered with their attachments, by users with few rights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from ingest import sources
from ingest.model import Receipt
from ingest.settings import Agency, Home
from ingest.sources import Source, SourceAway, SourceRefuses, open_source
from ingest.sources.base import DeliveryGone

pytestmark = pytest.mark.slow

FORM = "申请表（一）".encode()


@pytest.fixture
def database(new_database: Callable[[], str]) -> Iterator[sa.Engine]:
    """Three cases: closed, closed again in a second version, and still open."""
    engine = sa.create_engine(new_database())
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "create table ex_gdbs_sb (sblsh text, version int, sbsj timestamp, sxmc text, rec_flag text)"
        )
        conn.exec_driver_sql("create table ex_gdbs_bj (sblsh text, bjjgdm text, bjsj timestamp)")
        conn.exec_driver_sql(
            "create table ex_gdbs_sbcl (sblsh text, seq int, attach_name text, attach_path text, attach_sign text)"
        )
        conn.exec_driver_sql("create table other (sblsh text)")
        conn.exec_driver_sql(
            "create table guidang_receipt (name text primary key, receipt text not null, written_at timestamptz default now())"
        )
        for number in ("甲-1", "甲-2", "甲-3"):
            row = (number, 1, "2026-11-20 09:00:00", "事项", None)
            conn.exec_driver_sql("insert into ex_gdbs_sb values (%s, %s, %s, %s, %s)", row)
        for number, day in (("甲-1", "2026-11-20"), ("甲-2", "2026-11-21")):
            conn.exec_driver_sql("insert into ex_gdbs_bj values (%s, '0', %s)", (number, f"{day} 16:30:00"))
        md5 = hashlib.md5(FORM).hexdigest()
        for seq, name, path in ((10, "b.pdf", "附件/1"), (2, "a.pdf", "附件/1/a.pdf"), (11, "x", "../../secret")):
            row = ("甲-1", seq, name, path, md5)
            conn.exec_driver_sql("insert into ex_gdbs_sbcl values (%s, %s, %s, %s, %s)", row)
        conn.exec_driver_sql("create role reader login")
        conn.exec_driver_sql("grant select on all tables in schema public to reader")
        conn.exec_driver_sql("grant insert, delete on guidang_receipt to reader")
    yield engine
    sources.close()
    with engine.begin() as conn:
        conn.exec_driver_sql("drop owned by reader")
        conn.exec_driver_sql("drop role reader")
    engine.dispose()


def opened(database: sa.Engine, tmp_path: Path, **over: Any) -> Source:
    url = make_url(str(database.url))
    at = {"host": url.query["host"], "login": "reader", "schema": url.database} | over
    entry = {"kind": "exchange", "connection": "agency_pg", "receipts": "guidang_receipt",
             "files": {"kind": "folder", "path": str(tmp_path / "files")}}  # fmt: skip
    agency = Agency("a", "某局", "11440100FAKE00021A", "440100", "T001", "全宗", {}, {"source": entry})
    return open_source(Home(tmp_path, connections={"agency_pg": at}), agency)


def test_closed_cases_are_delivered_with_their_rows_and_attachments(database: sa.Engine, tmp_path: Path) -> None:
    place = tmp_path / "files/附件/1"
    place.mkdir(parents=True)
    (place / "a.pdf").write_bytes(FORM)
    source = opened(database, tmp_path)
    one, two = source.deliveries()
    assert [(d.name, d.packed, d.arrived.isoformat()) for d in (one, two)] == [
        ("甲-1-v1", True, "2026-11-20"),
        ("甲-2-v1", True, "2026-11-21"),
    ]
    reader = source.reader(one.location)
    assert reader.names() == ["../../secret/x", "EX_GDBS_ALL.json", "附件/1/a.pdf", "附件/1/b.pdf"]
    with reader.open("EX_GDBS_ALL.json") as f:
        tables = json.loads(f.read(10**6))
    assert set(tables) == {"EX_GDBS_SB", "EX_GDBS_BJ", "EX_GDBS_SBCL"}
    (row,) = tables["EX_GDBS_SB"]
    assert row == {"SBLSH": "甲-1", "VERSION": "1", "SBSJ": "2026-11-20 09:00:00", "SXMC": "事项"}
    assert [r["SEQ"] for r in tables["EX_GDBS_SBCL"]] == ["2", "10", "11"]
    with reader.open("附件/1/a.pdf") as f:
        assert f.read(100) == FORM
    for name in ("附件/1/b.pdf", "../../secret/x", "附件/2/a.pdf"):
        with pytest.raises(OSError):
            reader.open(name)


def test_all_of_a_delivery_is_from_one_reading_of_its_rows(database: sa.Engine, tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / "files/附件/1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "files/附件/1" / name).write_bytes(FORM)
    source = opened(database, tmp_path)
    (one, _) = source.deliveries()
    reader = source.reader(one.location)
    names = reader.names()
    with database.begin() as conn:
        conn.exec_driver_sql("delete from ex_gdbs_sbcl")
    for name in ("附件/1/a.pdf", "附件/1/b.pdf"):
        with reader.open(name) as f:
            assert f.read(100) == FORM
    with reader.open("EX_GDBS_ALL.json") as f:
        assert len(json.loads(f.read(10**6))["EX_GDBS_SBCL"]) == 3
    assert reader.names() == names
    assert source.reader(one.location).names() == ["EX_GDBS_ALL.json"]


def test_only_what_came_since_is_asked_for(database: sa.Engine, tmp_path: Path) -> None:
    source = opened(database, tmp_path)
    (_, second) = source.deliveries()
    assert list(source.deliveries(second.arrived)) == [second]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "text"])
def test_a_time_that_no_calendar_has_loses_no_case(database: sa.Engine, tmp_path: Path, kind: str) -> None:
    source = opened(database, tmp_path)
    with database.begin() as conn:
        known = "bjsj at time zone 'Asia/Shanghai'" if kind == "timestamptz" else f"bjsj::{kind}"
        conn.exec_driver_sql(f"alter table ex_gdbs_bj alter bjsj type {kind} using {known}")
        for number, moment in (("甲-3", "infinity"), ("甲-4", "0001-01-01 00:00:00"), ("甲-5", "9999-12-31 23:59:59")):
            conn.exec_driver_sql(
                "insert into ex_gdbs_sb (sblsh, version) values (%s, 1) on conflict do nothing", (number,)
            )
            conn.exec_driver_sql("insert into ex_gdbs_bj (sblsh, bjsj) values (%s, %s)", (number, moment))
    listed = {d.name: d for d in source.deliveries()}
    assert set(listed) == {f"甲-{n}-v1" for n in range(1, 6)}
    assert listed["甲-3-v1"].arrived.year == 1970
    assert listed["甲-1-v1"].arrived.isoformat() == "2026-11-20"
    assert [d.fingerprint for d in source.deliveries()] == [d.fingerprint for d in listed.values()]


def test_a_version_that_was_replaced_is_gone(database: sa.Engine, tmp_path: Path) -> None:
    source = opened(database, tmp_path)
    (one, _) = source.deliveries()
    with database.begin() as conn:
        conn.exec_driver_sql("update ex_gdbs_sb set version = 2 where sblsh = '甲-1'")
    with pytest.raises(DeliveryGone):
        source.reader(one.location).names()
    assert {d.name for d in source.deliveries()} == {"甲-1-v2", "甲-2-v1"}


def test_receipts_go_into_their_table_and_the_last_stands(database: sa.Engine, tmp_path: Path) -> None:
    source = opened(database, tmp_path)
    for body in (b"first", "第二".encode()):
        source.tell([(name, Receipt.FINAL, body) for name in ("甲-1-v1", "甲-2-v1")])
    with database.connect() as conn:
        assert conn.exec_driver_sql("select name, receipt from guidang_receipt order by name").all() == [
            ("甲-1-v1.receipt.json", "第二"),
            ("甲-2-v1.receipt.json", "第二"),
        ]


def test_troubles_are_the_sources_and_tell_no_rows(database: sa.Engine, tmp_path: Path) -> None:
    source = opened(database, tmp_path)
    with database.begin() as conn:
        conn.exec_driver_sql("revoke select on ex_gdbs_sb from reader")
    with pytest.raises(SourceAway) as caught:
        list(source.deliveries())
    assert "agency_pg" in str(caught.value) and "sblsh" not in str(caught.value)
    with pytest.raises(SourceAway):
        list(opened(database, tmp_path, login="nobody").deliveries())
    with pytest.raises(SourceAway):
        list(opened(database, tmp_path, host="127.0.0.1", port=1).deliveries())


def test_what_others_have_locked_is_not_waited_for_long(
    database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.exchange._LOCK_MS", 200)
    source = opened(database, tmp_path)
    with database.begin() as conn:
        conn.exec_driver_sql("lock table ex_gdbs_sb in access exclusive mode")
        with pytest.raises(SourceAway, match="55P03"):
            list(source.deliveries())
    one, _ = source.deliveries()
    with database.begin() as conn:
        conn.exec_driver_sql(
            "update ex_gdbs_sb set sxmc = '改' where sblsh = '甲-1'"
        )  # rows that are being written: as before
        with source.reader(one.location).open("EX_GDBS_ALL.json") as f:
            assert json.loads(f.read(10**6))["EX_GDBS_SB"][0]["SXMC"] == "事项"


def test_malformed_rows_hold_up_no_other_case(database: sa.Engine, tmp_path: Path) -> None:
    """Times that are none, rows without number or version, numbers with slashes: all others are delivered, these too if they can."""
    with database.begin() as conn:
        conn.exec_driver_sql("alter table ex_gdbs_bj alter column bjsj type text")
        for number, version, at in (("乙//1", 1, "昨天"), ("乙-2", None, None), (None, 1, "2026-11-20 10:00:00")):
            conn.exec_driver_sql("insert into ex_gdbs_sb values (%s, %s, null, null, null)", (number, version))
            conn.exec_driver_sql("insert into ex_gdbs_bj values (%s, '0', %s)", (number, at))
    source = opened(database, tmp_path)
    found = {d.name: d for d in source.deliveries()}
    assert set(found) == {"甲-1-v1", "甲-2-v1", "乙//1-v1", "乙-2-v"}
    assert found["乙//1-v1"].arrived.year == 1970 and "//" not in found["乙//1-v1"].location
    for delivery in found.values():
        assert "EX_GDBS_ALL.json" in source.reader(delivery.location).names()


def test_a_password_or_a_right_that_is_refused_is_not_asked_for_again(database: sa.Engine, tmp_path: Path) -> None:
    with database.begin() as conn:
        conn.exec_driver_sql("revoke select on ex_gdbs_bj from reader")
    with pytest.raises(SourceRefuses, match="42501"):
        list(opened(database, tmp_path).deliveries())
