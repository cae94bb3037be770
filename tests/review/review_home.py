"""A home in which versions of one fonds are reviewed, and the people who do it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from ingest.ledger import Ledger
from ingest.ledger.tables import event
from ingest.model import CST
from ingest.review.desk import Desk
from ingest.review.kept import Kept, Ref
from ingest.schedule import Schedule
from ingest.schedule.load import schedule_from_data
from ingest.schedule.model import Approval
from ingest.schedule.review import Act, Done, Refused
from ingest.settings import Home

NOW = dt.datetime(2026, 5, 6, 10, 0, tzinfo=CST)
APPROVAL = Approval("测档审〔2026〕2号", "测试档案局", dt.date(2026, 5, 6))
WRITER, REVIEWER, APPROVER = "起草员", "初审员", "复审员"
V1, V2 = Ref("T001-SHY", "2024-V1"), Ref("T001-SHY", "2026-V2")


def line(number: str, retention: str = "D30", **more: Any) -> dict[str, Any]:
    return {
        "entry_no": number, "entry_text": f"条款{number}", "category_code": "ZY", "class2": "XK", "material_kind": "all",
        "matter_type": {"scheme": "national", "code": "01"}, "keywords": ["许可"], "retention_code": retention,
        "duty_dept": "审批科", "filing_unit": "case", "access_control": "公开", "open_control": "open", "archive": True,
    } | more  # fmt: skip


def version(name: str = "2026-V2", *lines: dict[str, Any], **more: Any) -> Schedule:
    category = {"code": "ZY", "class2": "XK", "name": "行政许可", "template": "DAT13", "number_width": 5}
    return schedule_from_data(
        {
            "schema": "guidang.schedule/1.0", "schedule_id": "T001-SHY", "version": name, "fonds_no": "T001",
            "fonds_name": "测试全宗", "status": "draft", "effective_from": None, "effective_to": None, "approval": None,
            "categories": [category], "entries": list(lines or (line("1.1"),)),
        } | more,
        "test",
    )  # fmt: skip


def in_force(name: str = "2024-V1", first: str = "2024-01-01", *lines: dict[str, Any], **more: Any) -> Schedule:
    approval = {"no": "测档审1号", "org": "测试档案局", "date": "2023-12-20"}
    return version(name, *lines, status="in_force", effective_from=first, approval=approval, **more)


class ReviewHome:
    """One installation: its desk, its ledger, and what a test wants to know of them."""

    def __init__(self, root: Path) -> None:
        self.home = Home.of(root)
        self.ledger = Ledger(self.home.database_url)
        self.ledger.upgrade()
        self.desk = Desk(self.home, self.ledger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def put(self, *versions: Schedule) -> None:
        """Files in config/schedules, as an installation is begun with."""
        self.home.schedules.mkdir(parents=True, exist_ok=True)
        for each in versions:
            path = self.home.schedules / f"{each.schedule_id}-{each.version}.json"
            path.write_text(json.dumps(each.as_json(), ensure_ascii=False), "utf-8")

    def declare(self, *matters: dict[str, Any]) -> None:
        """The on-line 事项 of the fonds' one agency."""
        agency = {"id": "a", "name": "测试局", "uscc": "", "region_code": "440100", "fonds_no": "T001"}
        self.home.config.mkdir(parents=True, exist_ok=True)
        (self.home.config / "agencies.json").write_text(json.dumps({"agencies": [agency]}), "utf-8")
        self.home.matters.write_text(json.dumps({"matters": [{"agency": "a"} | each for each in matters]}), "utf-8")

    def done(self, ref: Ref, action: str, by: str = REVIEWER, **more: Any) -> Done:
        answer = self.desk.do(ref, self.act(action, by, **more))
        assert isinstance(answer, Done), [f.text() for f in answer.findings]
        return answer

    def refused(self, ref: Ref, action: str, by: str = REVIEWER, **more: Any) -> list[str]:
        answer = self.desk.do(ref, self.act(action, by, **more))
        assert isinstance(answer, Refused)
        return [f.code for f in answer.findings]

    def act(self, action: str, by: str, **more: Any) -> Act:
        extra: dict[str, Any] = {"approve": {"approval": APPROVAL}, "enforce": {"day": dt.date(2026, 7, 1)}}.get(
            action, {}
        )
        return Act(action, by, NOW, **extra | more)

    def take_in(self, draft: Schedule, by: str = WRITER) -> Done | Refused | None:
        return self.desk.take_in(draft, by, NOW, "os:test")

    def kept(self, ref: Ref = V2) -> Kept:
        kept = self.desk.find(ref)
        assert kept is not None
        return kept

    def way(self, *actions: str, ref: Ref = V2) -> None:
        """Take the version so far on its way, each step by who may."""
        for action in actions:
            self.done(ref, action, WRITER if action in ("submit", "redraft") else REVIEWER)

    def events(self) -> list[dict[str, Any]]:
        with self.ledger.read() as conn:
            rows = conn.execute(sa.select(event.c.detail).where(event.c.kind == "schedule").order_by(event.c.seq))
            return [json.loads(detail) for detail in rows.scalars()]
