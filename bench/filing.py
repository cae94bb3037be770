"""What filing costs: match and number records in batches of 500 against a schedule of 5,000 entries.

    python bench/filing.py [--entries 5000] [--records 5000] [--limit 2.0]

Prints milliseconds a record (best and worst batch) and exits 1 above the limit. Only the room's own work is counted; the
ledger's transaction is not part of it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.model import CST
from ingest.schedule import Match, ScheduleSet, assign
from ingest.schedule.load import schedule_from_data

AGENCY = "11440100FAKE00021A"
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
    as_of = dt.datetime(2025, 1, 1, tzinfo=CST)
    serials = counter()
    costs, matched = [], 0
    for at in range(0, len(records), BATCH):
        batch = records[at : at + BATCH]
        began = time.perf_counter()
        for record in batch:
            answer = schedules.match(record, "T001", as_of=as_of)
            if isinstance(answer, Match):
                assign(answer, record, serials)
                matched += 1
        costs.append((time.perf_counter() - began) * 1000 / len(batch))
    mean = sum(costs) / len(costs)
    print(
        f"{len(records)} records, {matched} matched: {mean:.3f} ms a record (batches {min(costs):.3f} to {max(costs):.3f})"
    )
    return 0 if max(costs) <= args.limit else 1


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
