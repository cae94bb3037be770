"""Night after night against a real interface that is asked by date: nothing is missed, whatever its clock or its habits."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from source_servers import Interface, https_place, reply

from ingest import discovery, sources, visits
from ingest.discovery import Wanted
from ingest.ledger import Ledger
from ingest.ledger.tables import BACKFILL, NIGHT, batch, record, visit
from ingest.model import CST, State
from ingest.settings import ConfigError, Home

pytestmark = pytest.mark.slow

ALL = Wanted()
FIRST = dt.datetime(2026, 11, 2, 1, tzinfo=CST)


class Nights:
    """One agency with an HTTPS interface, listed night by night."""

    def __init__(self, root: Path, interface: Interface) -> None:
        self.interface = interface
        self.place = https_place(interface)
        self.home = Home(root, connections={"agency_https": self.place.connection})
        self.ledger = Ledger(self.home.database_url)
        root.mkdir()
        self.ledger.upgrade()
        self.configure()

    def configure(self, **more: Any) -> None:
        agency = {"id": "a", "name": "某局", "uscc": "11440100FAKE00021A", "region_code": "440100", "fonds_no": "T001",
                  "source": self.place.source | more}  # fmt: skip
        self.home.config.mkdir(exist_ok=True)
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": [agency]}))

    def deliver(self, name: str, moment: dt.datetime) -> None:
        self.place.put(f"{name}/case.json", b"{}")
        self.interface.arrived[name] = moment

    def night(self, number: int, wanted: Wanted = ALL, lane: str = NIGHT, run: str = "") -> list[str]:
        """The names of what is newly listed on the night so many days after the first."""
        before = set(self.listed())
        as_of = (FIRST + dt.timedelta(days=number)).isoformat()
        discovery.discover(self.home, self.ledger, run or f"night {number}", as_of, wanted, lane=lane)
        return [name for name in self.listed() if name not in before]

    def listed(self) -> list[str]:
        with self.ledger.read() as conn:
            return list(conn.execute(sa.select(record.c.delivery).order_by(record.c.delivery)).scalars())

    def asked(self, number: int) -> str | None:
        """The day from which on the interface was asked."""
        with self.ledger.read() as conn:
            return conn.execute(sa.select(visit.c.since).where(visit.c.run_id == f"night {number}")).scalar_one()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    interface = Interface(tmp_path, page=50)
    nights = Nights(tmp_path / "home", interface)
    yield nights
    nights.ledger.close()
    sources.close()
    interface.close()


def day(number: int, hour: int = 12) -> dt.datetime:
    return FIRST.replace(hour=hour) + dt.timedelta(days=number)


@pytest.mark.parametrize("skew", [-400, -20, 0, 20, 400], ids="{}d".format)
def test_a_source_whose_clock_is_wrong_is_taken_every_night(nights: Nights, skew: int) -> None:
    for number in range(20):
        nights.deliver(f"{number:02}", day(number - 1 + skew))
        assert nights.night(number) == [f"{number:02}"]
    asked = [nights.asked(number) for number in range(20)]
    assert asked[0] is None and asked.count(None) == 3  # the first night, and once a week
    assert nights.listed() == [f"{number:02}" for number in range(20)]


def test_a_source_that_was_away_for_days_is_asked_for_all_of_them(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    assert nights.night(0) == ["0"]
    nights.interface.answer = lambda handler, path: reply(handler, 404) is None
    for number in range(1, 13, 4):
        nights.deliver(f"{number}", day(number - 1))
        assert nights.night(number) == []
    nights.interface.answer = lambda handler, path: False
    assert nights.night(14) == ["1", "5", "9"]
    assert nights.night(15) == []


def test_what_is_delivered_late_with_an_old_date_is_found_within_a_week(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    assert nights.night(0) == ["0"]
    nights.deliver("late", day(-60))
    found = {number: nights.night(number) for number in range(1, 8)}
    assert [name for names in found.values() for name in names] == ["late"]


def test_a_source_that_sends_again_is_listed_once_unless_it_wrote_anew(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    assert [nights.night(0), nights.night(1), nights.night(2)] == [["0"], [], []]
    nights.deliver("0", day(2))
    nights.night(3)
    assert nights.listed() == ["0", "0"]


def test_a_run_that_was_told_what_to_take_says_nothing_about_the_rest(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    nights.night(0)
    nights.interface.answer = lambda handler, path: reply(handler, 404) is None
    nights.night(1)
    nights.interface.answer = lambda handler, path: False
    nights.deliver("a", day(0))
    nights.deliver("b", day(0))
    assert nights.night(13, Wanted(cases=("a",)), run="by hand") == ["a"]
    assert nights.night(14) == ["b"]


def test_a_window_reaches_back_further_than_the_night_would_ask(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    nights.night(0)
    nights.deliver("old", day(-90))
    nights.deliver("older", day(-190))
    assert nights.night(1, Wanted(arrived_from=day(-200).date(), arrived_to=day(-180).date()), run="by hand") == [
        "older"
    ]
    assert nights.night(1, Wanted(arrived_to=day(-80).date()), BACKFILL, "backfill") == ["old"]
    nights.deliver("oldest", day(-290))
    assert nights.night(1, ALL, BACKFILL, "all") == ["oldest"]


def test_the_past_of_a_new_agency_is_left_to_the_backfill_and_told(nights: Nights) -> None:
    nights.configure(**{"from": day(-1).date().isoformat()})
    for number in (-300, -200, -100, -1):
        nights.deliver(f"{number}", day(number))
    assert nights.night(0) == ["-1"]
    with nights.ledger.read() as conn:
        assert visits.left_to_backfill(conn, ["night 0"]) == {"a": 3}
    past = Wanted(arrived_from=day(-365).date(), arrived_to=day(-150).date(), agencies=("a",))
    assert nights.night(0, past, BACKFILL, "backfill") == ["-200", "-300"]
    nights.night(7)
    with nights.ledger.read() as conn:
        assert visits.left_to_backfill(conn, ["night 7"]) == {"a": 1}
    nights.configure(**{"from": "soon"})
    with pytest.raises(ConfigError, match="no date"):
        nights.night(8)
    with pytest.raises(ConfigError, match="no such agency"):
        nights.night(8, Wanted(agencies=("b",)), BACKFILL)


def test_the_night_takes_no_batch_of_a_backfill_before_it_is_handed_over(nights: Nights) -> None:
    nights.deliver("old", day(-100))
    past = Wanted(arrived_to=day(-50).date())
    nights.night(0, past, BACKFILL, "backfill")
    open_to_night = lambda: discovery.open_batches(nights.ledger, "night 0")  # noqa: E731
    assert open_to_night() == []
    assert (
        len(discovery.open_batches(nights.ledger, "another backfill", BACKFILL)) == 1
    )  # cut short: the next one goes on
    assert discovery.hand_over(nights.ledger, "backfill") == 1
    assert len(open_to_night()) == 1
    assert discovery.open_batches(nights.ledger, "another backfill", BACKFILL) == []


def test_away_in_the_evening_back_in_the_night(nights: Nights) -> None:
    nights.deliver("0", day(-1))
    nights.interface.answer = lambda handler, path: reply(handler, 404) is None
    again = (nights.home, nights.ledger, "night 0", FIRST.isoformat())
    assert nights.night(0) == [] and discovery.discover_again(*again) == []
    nights.interface.answer = lambda handler, path: False
    (one,) = discovery.discover_again(*again)
    assert discovery.discover_again(*again) == [one]  # until its work is done
    with nights.ledger.begin() as tx:
        for row in nights.ledger.records(one, [State.LISTED]):
            tx.move(row["id"], [State.LISTED], State.ACKNOWLEDGED, "moved")
    assert discovery.discover_again(*again) == []
    with nights.ledger.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(batch)).scalar_one() == 1
    nights.interface.answer = lambda handler, path: reply(handler, 401) is None
    nights.night(1)
    asked = len(nights.interface.asked)
    discovery.discover_again(nights.home, nights.ledger, "night 1", FIRST.isoformat())
    assert len(nights.interface.asked) == asked  # a token that is refused is not tried again and again
