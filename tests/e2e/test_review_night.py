"""An archivist's way from a workbook into force through Airflow's own API, and the next night files by it."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import openpyxl
import pytest
import sqlalchemy as sa
from review_people import Person

import samplenight
from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import record
from ingest.model import CST
from ingest.paths import SCHEMAS
from ingest.review.kept import Ref
from ingest.review.shelf import find
from ingest.schedule.review import ReviewEvent
from ingest.servers.ports import Ports
from ingest.servers.supervisor import Supervisor
from ingest.settings import Home
from ingest.store.config import load as store_config
from ingest.store.objects import ObjectStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

V1, V2, REF = SCHEMAS / "schedules" / "T001-2024-V1.json", "2026-V2", "T001-SHY/2026-V2"
TABLE = "归档范围和保管期限表"
FOOD = "2.2.1"  # 食品经营许可, of which the sample night has cases
FORM = {"approval_no": "南粤档审〔2026〕9号（测试）", "approval_org": "南粤市档案局（测试）", "approval_date": "2026-01-15",
        "effective_from": "2026-02-01", "opinion": "同意"}  # fmt: skip


@pytest.fixture
def servers() -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory(prefix="gd") as folder:  # a short path, for the store's unix sockets
        home = Path(folder) / "home"
        samplenight.make(home, count=5, faults=())
        with Supervisor(home, Ports.free()) as running:
            yield running


class AtDesk:
    """One of Airflow's users at the desk inside it."""

    def __init__(self, servers: Supervisor, name: str) -> None:
        known = {"username": name, "password": servers.secrets.passwords[name]}
        token = httpx.post(f"{servers.api.base_url}/auth/token", json=known, trust_env=False).json()["access_token"]
        self._base, self._cookies = servers.api.base_url, {"_token": token}

    def held(self) -> str:
        with self._client() as client:
            return client.get("/desk-app/queues/held").text

    def start_a_night(self) -> httpx.Response:
        with self._client() as client:
            found = re.search(r'data-csrf="(\w+)"', client.get("/desk-app/queues/held").text)
            assert found
            return client.post("/desk-app/queues/start", data={"csrf": found[1]}, headers={"Origin": self._base})

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._base, cookies=self._cookies, trust_env=False, timeout=60)


class Archivist:
    """Works on the workbook as a person does, and with the commands."""

    def __init__(self, home: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home, self._capsys, self.book = home, capsys, folder / "T001.xlsx"

    def guidang(self, *words: object) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main(["schedule", *map(str, words), "--home", str(self._home)])
        return code, self._capsys.readouterr().out

    def steps(self) -> list[ReviewEvent]:
        with Ledger(Home(self._home).database_url) as ledger, ledger.read() as conn:
            kept = find(conn, Ref.parse(REF))
        return list(kept.history) if kept else []

    def sees(self, action: str, by: str) -> Callable[[], bool]:
        """Whether the ledger tells of one more such step than now."""

        def count() -> int:
            return sum((s.action, s.by) == (action, by) for s in self.steps())

        before = count()
        return lambda: count() > before

    def edit(self, change: Callable[[Any], None]) -> None:
        book = openpyxl.load_workbook(self.book)
        change(book)
        book.save(self.book)


def begin_a_version(book: Any) -> None:
    head = {row[0].value: row[1] for row in book["基本信息"].iter_rows(min_row=2)}
    head["版本"].value, head["状态"].value = V2, "草案"
    for name in ("施行日期", "批复文号", "批复机关", "批复日期"):
        head[name].value = None


def row_of(sheet: Any, entry_no: str) -> int:
    return next(row[0].row for row in sheet.iter_rows() if row[0].value == entry_no)


def renumber(before: str, after: str) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        book[TABLE].cell(row_of(book[TABLE], before), 1).value = after

    return change


def set_cell(entry_no: str, title: str, text: str) -> Callable[[Any], None]:
    def change(book: Any) -> None:
        column = next(c.column for c in book[TABLE][1] if c.value == title)
        book[TABLE].cell(row_of(book[TABLE], entry_no), column).value = text

    return change


def test_from_a_workbook_into_force_and_the_next_night(
    servers: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archivist = Archivist(servers.home, tmp_path, capsys)
    operator, reviewer, approver = (
        Person(servers.api.base_url, name, servers.secrets.passwords[name])
        for name in ("operator", "reviewer", "approver")
    )
    # the workbook: a new version with a longer term, and a slip in a number
    assert archivist.guidang("export", V1, "-o", archivist.book)[0] == 0
    archivist.edit(begin_a_version)
    archivist.edit(set_cell(FOOD, "保管期限", "永久"))
    archivist.edit(renumber("2.4", "2.5"))
    assert archivist.guidang("import", archivist.book, "--as", "writer")[0] == 0
    code, told = archivist.guidang("lint", REF)
    assert code == 1 and "必改 SCH-ENTRY-GAP" in told and "实为 2.5" in told
    archivist.edit(renumber("2.5", "2.4"))
    assert archivist.guidang("import", archivist.book, "--as", "writer")[0] == 0
    assert archivist.guidang("lint", REF)[0] == 0

    # sent by the operator, returned by the reviewer
    run = operator.begin(REF)
    asked = operator.question(run, "first_review")["body"]
    assert "期限延长" in asked and "定期30年 → 永久" in asked and FOOD in asked
    desk = AtDesk(servers, "operator")
    waiting = desk.held()
    assert f"初审 {REF}" in waiting
    assert f"/dags/schedule_review/runs/{quote(run, safe='')}/tasks/first_review/required_actions" in waiting
    paused = desk.start_a_night()
    assert paused.status_code == 422 and "已暂停" in paused.text
    reviewer.answer(run, "first_review", "退回", archivist.sees("return", "reviewer"), opinion="请写明延长期限的依据")
    tasks = {"submit": "success", "first_review": "success", "second_review": "skipped", "outcome": "success"}
    assert operator.ended(run) == ("success", tasks)
    assert "按意见修改" in archivist.guidang("show", REF)[1]

    # mended and sent again; who sent it may not review it, an approval needs its number, and the question comes again
    archivist.edit(set_cell(FOOD, "备注", "依据食品安全监管要求延长"))
    assert archivist.guidang("import", archivist.book, "--as", "writer")[0] == 0
    run = operator.begin(REF)
    operator.answer(run, "first_review", "同意", archivist.sees("refused", "operator"), opinion="自己同意")
    reviewer.answer(run, "first_review", "同意", archivist.sees("pass", "reviewer"))
    approver.answer(run, "second_review", "同意", archivist.sees("refused", "approver"), **FORM | {"approval_no": ""})
    approver.answer(run, "second_review", "同意", archivist.sees("enforce", "approver"), **FORM)
    tasks["second_review"] = "success"
    assert operator.ended(run) == ("success", tasks)

    # every step is told, by whom Airflow logged in; clearing decides nothing twice
    told = archivist.steps()
    decided = [("submit", "operator"), ("refused", "operator"), ("accept", "reviewer"), ("pass", "reviewer"),
               ("refused", "approver"), ("approve", "approver"), ("enforce", "approver")]  # fmt: skip
    assert [(s.action, s.by) for s in told][-7:] == decided
    assert "不得由其" in told[-6].opinion and "批复须有文号" in told[-3].opinion
    assert all(s.via.startswith("airflow:schedule_review/") for s in told[-7:])
    operator.clear("schedule_review", run, ["first_review"])
    assert operator.ended(run) == ("success", tasks)
    assert archivist.steps() == told

    # the next night files by it
    night = servers.api.trigger("nightly_ingest", logical_date=dt.datetime(2026, 11, 20, 1, 0, tzinfo=CST))
    servers.api.unpause("nightly_ingest")
    deadline = time.monotonic() + 240
    while (state := servers.api.run_state("nightly_ingest", night)) not in ("success", "failed"):
        assert time.monotonic() < deadline, state
        time.sleep(1.0)
    assert f"初审 {REF}" not in desk.held()
    assert desk.start_a_night().status_code == 303
    started = servers.api._call("GET", "/api/v2/dags/nightly_ingest/dagRuns?order_by=-id&limit=1")["dag_runs"][0]
    assert (started["triggering_user_name"], started["run_type"]) == ("operator", "manual")
    home = Home(servers.home)
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        rows = [r for r in conn.execute(sa.select(record)) if r.filing]
    of_t001 = [r for r in rows if r.filing["fonds_no"] == "T001"]
    assert of_t001 and {r.filing["schedule_version"] for r in of_t001} == {V2}
    assert {r.filing["schedule_version"] for r in rows if r not in of_t001} <= {"2024-V1"}
    food = next(r for r in of_t001 if r.filing["entry_no"] == FOOD)
    assert "·Y-" in food.archival_code and food.filing["retention_code"] == "Y"
    (digest,) = {s.text_digest for s in told[-7:]}
    package = io.BytesIO(b"".join(ObjectStore(store_config(home)).stream(food.object_key)))
    with zipfile.ZipFile(package) as bag:
        filing = json.loads(bag.read(next(n for n in bag.namelist() if n.endswith("/metadata/filing.json"))))
    assert (filing["schedule_version"], filing["entry_no"], filing["schedule_digest"]) == (V2, FOOD, digest)
    assert main(["ledger", "verify", "--home", str(servers.home)]) == 0
