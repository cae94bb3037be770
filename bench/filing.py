"""What filing costs: match and number records in batches of 500 against a schedule of 5,000 entries.

    python bench/filing.py [--entries 5000] [--records 5000] [--limit 2.0]

Prints milliseconds a record (best and worst batch), by the clock and of this process' CPU (which a busy machine does not stretch),
and exits 1 where the clock is above the limit: first the decision alone (fonds, entry, numbers,
proposal on opening), then the whole of the file stage, its reading of staging and its transactions of twenty included.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.ledger import Ledger
from ingest.model import CST, State
from ingest.schedule import Match, ScheduleSet, assign
from ingest.schedule.lineage import Lineage, Succession
from ingest.schedule.load import schedule_from_data
from ingest.schedule.opening import common_terms
from ingest.settings import Agency, Home
from ingest.stages import file
from ingest.steps.check import RECORD
from ingest.steps.filing import Rules
from ingest.steps.receive import staged
from ingest.workers import Workers

AS_OF = dt.datetime(2025, 1, 1, tzinfo=CST)
AGENCY = "11440100FAKE00021A"
RAW = {
    "id": "a",
    "name": "测试局",
    "uscc": AGENCY,
    "region_code": "440100",
    "fonds_no": "T001",
    "matter_type_scheme": "gd",
}
WHO = Agency("a", "测试局", AGENCY, "440100", "T001", "测试全宗", {}, RAW)
LINEAGE: dict[str, Any] = {
    "schema": "guidang.lineage/1.0",
    "steps": [{"predecessor": "T001", "successor": "T009", "date": "2030-01-01"}],
}
BATCH = 500
GROUPS = ["申报文件"] * 4 + ["过程文件"] * 3 + ["结果文件"] * 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5_000)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--limit", type=float, default=2.0, help="milliseconds a record")
    args = parser.parse_args()
    chance = random.Random(5)
    data = make_schedule(args.entries, chance)
    began = time.perf_counter()
    schedules = ScheduleSet([schedule_from_data(data, "bench")])
    print(f"load and index {args.entries} entries: {(time.perf_counter() - began) * 1000:.0f} ms, once a process")
    records = [make_record(args.entries, chance) for _ in range(args.records)]
    rules = Rules(schedules, Lineage(Succession.from_json(step) for step in LINEAGE["steps"]), common_terms())
    cpu = time.process_time()
    alone, matched = decisions(rules, records)
    told("decision", len(records), alone, time.process_time() - cpu)
    with tempfile.TemporaryDirectory(prefix="guidang-bench-") as folder:
        whole, spent = stages(Path(folder), data, records)
    told("file stage", len(records), whole, spent)
    print(f"{matched} of {len(records)} matched")
    return 0 if max(*alone, *whole) <= args.limit else 1


def decisions(rules: Rules, records: list[dict[str, Any]]) -> tuple[list[float], int]:
    """Milliseconds a record of each batch, and how many matched: no ledger, no disk."""
    serials, costs, matched = counter(), [], 0
    for at in range(0, len(records), BATCH):
        batch = records[at : at + BATCH]
        began = time.perf_counter()
        for record in batch:
            answer = rules.match(record, WHO, AS_OF)
            if isinstance(answer, Match):
                assign(answer, record, serials, rules.secret_terms)
                matched += 1
        costs.append((time.perf_counter() - began) * 1000 / len(batch))
    return costs, matched


def stages(root: Path, schedule: dict[str, Any], records: list[dict[str, Any]]) -> tuple[list[float], float]:
    """Milliseconds a record of each batch through the file stage itself, on a SQLite ledger below ``root``; CPU seconds in all."""
    home = Home.of(root)
    home.schedules.mkdir(parents=True)
    (home.schedules / "T001.json").write_text(json.dumps(schedule), "utf-8")
    (home.config / "lineage.json").write_text(json.dumps(LINEAGE), "utf-8")
    (home.config / "agencies.json").write_text(json.dumps({"agencies": [dict(WHO.raw)]}), "utf-8")
    costs, spent = [], 0.0
    with Ledger(home.database_url) as ledger, Workers(home) as workers:
        ledger.upgrade()
        Rules.of(home)  # loaded once a process
        for number, at in enumerate(range(0, len(records), BATCH)):
            batch = f"b{number}"
            stage_checked(home, ledger, batch, records[at : at + BATCH])
            began, cpu = time.perf_counter(), time.process_time()
            file(home, ledger, batch, workers)
            spent += time.process_time() - cpu
            costs.append((time.perf_counter() - began) * 1000 / BATCH)
    return costs, spent


def stage_checked(home: Home, ledger: Ledger, batch: str, records: list[dict[str, Any]]) -> None:
    """A batch of records as the check stage leaves them."""
    rows = [
        {"id": f"{batch}-{n}", "source": "", "agency": WHO.id, "delivery": "d", "location": ""}
        for n in range(len(records))
    ]
    for row, record in zip(rows, records, strict=True):
        folder = staged(home, batch, row["id"])
        folder.mkdir(parents=True)
        (folder / RECORD).write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    with ledger.begin() as tx:
        tx.add_batch(batch, "bench", AS_OF.isoformat(), rows)
        for row in rows:
            tx.move(row["id"], [State.LISTED], State.CHECKED, "checked", case_no=row["id"], version=1)


def told(what: str, count: int, costs: list[float], cpu: float) -> None:
    mean = sum(costs) / len(costs)
    print(
        f"{what}: {count} records, {mean:.3f} ms a record (batches {min(costs):.3f} to {max(costs):.3f}), "
        f"CPU {cpu * 1000 / count:.3f} ms"
    )


def make_schedule(entries: int, chance: random.Random) -> dict[str, Any]:
    """Every fourth entry by 实施编码, 基本编码, keyword, and prefix in turn."""
    rows = []
    for at in range(entries):
        row: dict[str, Any] = {
            "entry_no": f"{at // 100 + 1}.{at % 100 + 1}", "entry_text": f"行政许可事项第{at}类案卷",
            "category_code": "ZY", "class2": "XK", "matter_type": {"scheme": "national", "code": "01"},
            "material_kind": chance.choice(["all", "all", "basis", "process", "result"]),
            "retention_code": chance.choice(["Y", "D30", "D10"]), "duty_dept": "审批科", "filing_unit": "case",
            "access_control": "公开", "open_control": "open", "archive": True,
        }  # fmt: skip
        basic = f"4401{at:05d}000"
        match at % 4:
            case 0:
                row["matter_codes"] = [f"{AGENCY}3{basic}"]
            case 1:
                row["matter_codes"] = [basic]
            case 2:
                row["keywords"] = [f"第{at}类"]
            case _:
                row["matter_codes"] = [f"{AGENCY}3{basic[:9]}"]
        rows.append(row)
    return {
        "schema": "guidang.schedule/1.0", "schedule_id": "T001-SHY", "version": "BENCH", "fonds_no": "T001",
        "fonds_name": "测试全宗", "status": "in_force", "effective_from": "2024-01-01", "effective_to": None,
        "approval": {"no": "1", "org": "测试档案局", "date": "2023-12-20"},
        "categories": [{"code": "ZY", "class2": "XK", "name": "行政许可", "template": "DAT13", "number_width": 6}],
        "entries": rows,
    }  # fmt: skip


def make_record(entries: int, chance: random.Random) -> dict[str, Any]:
    at = chance.randrange(entries)
    basic = f"4401{at:05d}000"
    return {
        "case": {
            "matter": {
                "implementation_code": f"{AGENCY}3{basic}", "handling_item_code": f"{AGENCY}3{basic}01", "basic_code": basic,
                "name": f"行政许可事项第{at}类（测试）", "type": {"scheme": "gd", "code": "01"},
            },
            "case_title": f"关于测试餐饮（南粤）有限公司行政许可事项第{at}类的办件",
            "region_code": "440100", "closed_at": "2024-03-13T16:30:00+08:00", "result": {"code": "0"},
            "applicant": {"name": "测试甲", "id_no": "440106190001010012"},
        },
        "record": {"title": f"关于测试餐饮（南粤）有限公司行政许可事项第{at}类的办件"},
        "files": [
            {"seq": n, "group": group, "material_name": f"材料{n}", "path": f"{group}/{n:02d}_材料{n}.pdf"}
            for n, group in enumerate(GROUPS, 1)
        ],
        "events": [{"event_id": f"E{n}", "action": "review", "at": "2024-03-11T11:00:00+08:00"} for n in range(6)],
    }  # fmt: skip


def counter() -> Callable[[str], int]:
    given: dict[str, int] = defaultdict(int)

    def draw(scope: str) -> int:
        given[scope] += 1
        return given[scope]

    return draw


if __name__ == "__main__":
    sys.exit(main())
