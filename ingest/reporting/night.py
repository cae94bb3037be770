"""The night as a workbook for the archive's people: agencies, causes with examples, what to do next, and who still waits.

Kept below ``reports/nights/<run>/`` and in the store beside the batches' reports; named by its content, so that a run told again
with the same figures makes nothing new.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from pathlib import Path

from ingest.findings import Severity
from ingest.report import AgencyLine, NightReport
from ingest.reporting.keep import FOLDER, keep_files
from ingest.settings import Home
from ingest.trouble import causes
from sip import canonical
from sip.forms import Align, Column, Form, FormsNotInstalled, Table, Text, to_xlsx

_NOTE = 1000  # characters that Airflow takes in a run's note
_COUNTS = ("接收 received", "归档 accepted", "退回 rejected", "待定 held", "重复 duplicate", "未完 undone", "归档包 packages",
           "字节 bytes")  # fmt: skip


def make(home: Home, night: NightReport, as_of: dt.datetime, *, store: bool = True) -> Path:
    """Write the night's report as XLSX and JSON and keep both; returns the folder. Safe to repeat.

    Without the extra ``forms`` only the JSON is made. Raises ConfigError without a store, ClientError for its trouble.
    """
    told = canonical.dumps({
        "schema": "guidang.night-report/1.0", **{k: v for k, v in night.as_json().items() if k != "seconds"},
        "next": [{"code": code, "zh": zh, "en": en} for code, zh, en in next_steps(night)],
    })  # fmt: skip
    run = hashlib.sha256(night.run_id.encode()).hexdigest()[:12]
    name = f"nights/{as_of:%Y%m%d}-{run}-{hashlib.sha256(told).hexdigest()[:12]}"
    files = {"night.json": told}
    with contextlib.suppress(FormsNotInstalled):  # the same facts stand in the JSON
        files = {"night.xlsx": to_xlsx(*forms(night, as_of)), **files}
    keep_files(home, name, files, store=store)
    return home.root / FOLDER / name


def next_steps(night: NightReport) -> list[tuple[str, str, str]]:
    """What to do next, by code: for the machine's causes first, then for the findings that stopped records."""
    out = [(code, causes()[code].next_zh, causes()[code].next_en) for code in night.failed]
    for agency in night.away:
        out.append((f"SOURCE-AWAY {agency}", causes()["SOURCE-AWAY"].next_zh, causes()["SOURCE-AWAY"].next_en))
    for agency, older in night.older.items():
        out.append((f"BACKFILL {agency}", f"首夜以前的 {older} 件报送未取：触发 backfill_ingest",
                    f"{older} deliveries from before its first night stay there: trigger backfill_ingest"))  # fmt: skip
    for code in night.causes:
        if night.examples[code].weight is Severity.HOLD:
            out.append(
                (code, f"由人决定：`guidang held list --cause {code}`", "a person decides: the command lists them")
            )
        else:
            out.append(
                (code, "报送单位按回执整改后重新报送", "the producer mends what its receipt lists and sends again")
            )
    return out


def note(night: NightReport) -> str:
    """The night in a few lines of Markdown, as the page of the DAG run shows it; never longer than it takes."""
    t = night.total
    lines = [
        f"**接收 {t.received}，归档 {t.accepted}，退回 {t.rejected}，待定 {t.held}，重复 {t.duplicate}，未完 {t.unfinished}**"
    ]
    lines += [f"- 来源不通 away: {agency}" for agency in night.away]
    lines += [f"- `{code}` {n}：{causes()[code].next_zh}" for code, n in night.failed.items()]
    lines += [f"- `{code}` {n}：{night.examples[code].text('zh')[:60]}" for code, n in night.causes.items()]
    text = ""
    for line in lines:
        if len(text) + len(line) > _NOTE - 40:
            return f"{text}\n\n…… `guidang report {night.run_id[:20]}`"[:_NOTE]
        text = f"{text}\n{line}" if text else f"{line}\n"
    return text


def forms(night: NightReport, as_of: dt.datetime) -> list[Form]:
    """The sheets: 机构 agencies, 原因 causes, 下一步 next, 未答复 unanswered."""
    subtitle = f"{night.run_id}　{as_of:%Y-%m-%d %H:%M}"

    def sheet(name: str, title: str, *blocks: Table | Text) -> Form:
        return Form(title, blocks, subtitle, landscape=True, sheet=name, made_at=as_of)

    counts = [Column(head, 2, Align.RIGHT) for head in _COUNTS]
    agencies = Table([Column("机构 agency", 4), *counts], [_row(a) for a in night.agencies], [_row(night.total)])
    reasons = [
        (code, n, night.examples[code].text("zh"), night.examples[code].text("en")) for code, n in night.causes.items()
    ] + [(code, n, causes()[code].zh, night.failures.get(code, "")) for code, n in night.failed.items()]
    codes = [
        Column("编码 code", 3),
        Column("件 records", 1, Align.RIGHT),
        Column("例 example", 6),
        Column("example", 6),
    ]
    steps = [Column("编码 code", 3), Column("下一步", 6), Column("next", 6)]
    waits = [Column("机构 agency", 3), Column("报送 delivery", 5), Column("办件编号 case", 4), Column("状态 state", 2),
             Column("自 since", 2), Column("天 days", 1, Align.RIGHT), Column("原因 why", 6)]  # fmt: skip
    away = [Text(f"来源不通 / away　{agency}：{why}") for agency, why in night.away.items()]
    return [
        sheet("机构", "夜报 / Night report", agencies, *away),
        sheet("原因", "未归档原因 / Why records were not archived", Table(codes, reasons)),
        sheet("下一步", "下一步 / What to do next", Table(steps, next_steps(night))),
        sheet("未答复", "久未有最终回执 / Waiting too long for their last word", Table(
            waits, [(w.agency, w.delivery, w.case_no, w.state, w.since, w.days, w.why) for w in night.unanswered])),
    ]  # fmt: skip


def _row(line: AgencyLine) -> list[str | int]:
    return [line.agency, line.received, line.accepted, line.rejected, line.held, line.duplicate, line.unfinished,
            line.packages, line.bytes]  # fmt: skip
