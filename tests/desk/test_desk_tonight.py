"""Tonight's page: what became of a night, why, what is stuck, and the nights before it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from desk.roles import Role, User
from desk.tonight import chart, queries
from ingest.ledger import Ledger
from ingest.ledger.tables import run as run_table
from ingest.model import CST, State
from ingest.report import report

ADMIN = User("a", Role.ADMINISTRATOR)


@pytest.fixture
def told(told_home) -> Ledger:
    with Ledger(told_home.database_url) as ledger:
        yield ledger


def test_the_page_counts_as_the_night_report_does(told_home, told: Ledger) -> None:
    (of,) = queries.runs(told)
    night, expected = queries.night(told, ADMIN, of, dt.datetime.now(CST)), report(told, "night")
    lines = [
        (x.agency, x.received, x.accepted, x.count(State.REJECTED), x.count(State.HELD), x.bytes) for x in night.lines
    ]
    assert lines == [(a.agency, a.received, a.accepted, a.rejected, a.held, a.bytes) for a in expected.agencies]
    assert {c.code: c.records for c in queries.causes(told_home, told, ADMIN, of)} == expected.causes
    assert night.total.received == expected.total.received and night.total.undone == 0 and night.left is None
    assert {s.name: s.waiting for s in night.stages} == dict.fromkeys(queries.STAGES, 0)
    assert [s.agency for s in night.sources] and not any(s.error for s in night.sources)
    (day,) = queries.history(told, ADMIN)
    total = expected.total
    assert (day.day, day.accepted, day.rejected, day.held, day.bytes) == (
        "2026-11-20", total.accepted, total.rejected, total.held, total.bytes
    )  # fmt: skip
    assert day.minutes and day.minutes > 0


def test_a_producer_sees_its_own_night_alone(told: Ledger, desk_client) -> None:
    (of,) = queries.runs(told)
    whole = queries.night(told, ADMIN, of, dt.datetime.now(CST))
    mine, other = (line.agency for line in whole.lines[:2])
    night = queries.night(told, User("p", Role.PRODUCER, mine), of, dt.datetime.now(CST))
    assert [x.agency for x in night.lines] == [mine] == [s.agency for s in night.sources]
    assert night.lines == [x for x in whole.lines if x.agency == mine]
    client = desk_client("producer", mine)
    for path in ("/", "/nights", f"/nights?agency={other}", "/tonight/live?run_id=night"):
        assert other not in re.sub(r'value="[^"]*"', "", client.get(path).text), path


def test_from_the_page_to_tonights_rejected_records_and_why_in_two_clicks(told_home, told: Ledger, desk_client) -> None:
    client = desk_client("operator")
    page = client.get("/").text
    (of,) = queries.runs(told)
    cause = queries.causes(told_home, told, ADMIN, of)[0]
    assert cause.example.text("zh") in page.replace("&#39;", "'"), "the page itself says why"
    link = re.search(rf'href="([^"]*finding={cause.code}[^"]*)"', page)[1].replace("&amp;", "&")
    listed = client.get(link).text
    records = set(re.findall(r'href="(/records/[0-9a-f]{24})"', listed))
    assert len(records) == cause.records
    assert cause.code in client.get(records.pop()).text


def test_from_the_page_to_one_packages_manifest_in_three_clicks(desk_client) -> None:
    client = desk_client("auditor")
    page = client.get("/").text
    archived = re.search(r'href="([^"]*state=acknowledged[^"]*)"', page)[1].replace("&amp;", "&")
    record = re.search(r'href="(/records/[0-9a-f]{24})"', client.get(archived).text)[1]
    package = re.search(r'href="(/packages/[0-9a-f]{24})"', client.get(record).text)[1]
    manifest = client.get(package).text
    assert "metadata/record.json" in manifest and len(re.findall(r"[0-9a-f]{64}", manifest)) >= 2


def test_a_run_that_goes_on_is_asked_again_and_one_that_ended_is_not(own_home, client_of) -> None:
    client = client_of(own_home, "operator")
    assert 'hx-trigger="every' not in client.get("/tonight/live?run_id=night").text
    with Ledger(own_home.database_url) as ledger:
        with ledger.begin() as tx:
            tx.conn.execute(sa.update(run_table).values(ended_at=None))
            some = (
                tx.conn.execute(sa.text("select id from record where state = 'acknowledged' limit 2")).scalars().all()
            )
            for id_ in some:
                tx.move(id_, [State.ACKNOWLEDGED], State.CHECKED, "test")
        with ledger.begin() as tx:
            tx.fail(some[0], "file", "磁盘已满", "NO-SPACE")
        with ledger.read() as conn:
            last = conn.execute(sa.text("select max(at) from event where kind = 'acknowledged'")).scalar_one()
        moment = dt.datetime.fromisoformat(last)  # the night may be long over when it is this test's turn
        night = queries.night(ledger, ADMIN, queries.runs(ledger)[0], moment)
        assert {s.name: s.waiting for s in night.stages}["file"] == 2 and night.left and night.left > 0
        later = queries.night(ledger, ADMIN, queries.runs(ledger)[0], moment + dt.timedelta(hours=1))
        assert later.left is None
        (stuck,) = queries.stuck(ledger, ADMIN)
        assert (stuck.id, stuck.failures) == (some[0], 1)
    page = client.get("/tonight/live?run_id=night").text
    assert 'hx-trigger="every 5s"' in page and stuck.delivery in page and "磁盘已满" in page
    assert client.get("/tonight/live?run_id=no such run").status_code == 404
    assert "no such run" in client.get("/?run_id=no such run").text


def test_charts_say_the_same_in_words(desk_client) -> None:
    page = desk_client("auditor").get("/nights").text
    assert page.count('<svg class="chart"') == page.count("<desc") == 3
    assert "2026-11-20" in page.split("<table")[1]


def test_a_bar_is_as_long_as_its_figure() -> None:
    days = [queries.Day(f"2026-11-{n:02}", n, 2 * n, 0, 3 * n, 0, None) for n in range(1, 31)]
    drawn = chart.bars(days, [("accepted", lambda d: d.accepted), ("rejected", lambda d: d.rejected)], str)
    accepted = [r.height for r in drawn.rects if r.kind == "accepted"]
    assert accepted[29] == pytest.approx(30 * accepted[0], rel=0.2) and len(drawn.rects) == 60
    assert all(r.x >= 0 and r.x + r.width <= drawn.width and r.y >= 0 for r in drawn.rects)
    assert drawn.lines[-1].text == "100.0" and len(drawn.days) <= 8
    assert chart.bars([], [("bytes", lambda d: d.bytes)], str).rects == []
