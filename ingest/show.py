"""What people see in the terminal: progress, the night's summary, reasons. Chinese first, English beside it."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingest.report import AgencyLine, NightReport
from ingest.stages import StageResult
from ingest.trouble import causes

# a log has no width of its own; 80 columns would break every Chinese line
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)

RELEASED = {"decision": "人的决定 decision", "schedule": "条款或裁定 schedule", "trust": "信任库 trust"}
STAGE_NAMES = {
    "receive": "接收 receive",
    "check": "四性检测 check",
    "file": "归档整理 file",
    "package": "封装 package",
    "deposit": "入库 deposit",
    "acknowledge": "回执 acknowledge",
}


def stage_line(result: StageResult) -> None:
    """One finished stage of one batch, in one line."""
    states = "  ".join(f"{k} {v}" for k, v in sorted(result.states.items())) or "—"
    console.print(f"{STAGE_NAMES[result.stage]:<20} {result.batch_id}  {states}  ({result.seconds:.1f} s)")


def summary(report: NightReport) -> None:
    """The night per agency, and why what was not accepted was not."""
    table = Table(title=f"夜报 / night report  {report.run_id}")
    table.add_column("机构 agency")
    for head in ("接收 received", "归档 accepted", "退回 rejected", "待定 held", "重复 duplicate", "未完 undone", "归档包 packages",
                 "MB", "件/秒 records/s"):  # fmt: skip
        table.add_column(head, justify="right")
    for line in (*report.agencies, report.total):
        table.add_row(*_cells(line, report.seconds), style="bold" if line.agency == "Σ" else None)
    console.print(table)
    for agency, why in report.away.items():
        console.print(f"[bold red]{agency}[/]  {why}")
    for untold in report.unsent:
        console.print(
            f"[bold red]{untold.agency}[/]  回执 {untold.receipts} 份未送出 / receipts not sent: {untold.error}"
        )
    if report.unanswered:
        oldest = report.unanswered[0]
        console.print(
            f"逾期没有终结回执的报送 {len(report.unanswered)} 件，最久 {oldest.days} 天（guidang receipts list）"
            f" / {len(report.unanswered)} deliveries have waited too long for their final receipt, up to {oldest.days} days"
        )
    if report.released:
        by_what = "，".join(f"{RELEASED.get(by, by)} {count}" for by, count in report.released.items())
        console.print(f"放行的待定件 / held records that went on: {by_what}")
    if not report.total.received and not report.away:
        console.print(
            "没有新的办件：此前已全部处理，未重复归档。 / Nothing new: all was taken before, nothing is archived twice."
        )
    elif report.total.received and not report.scanned:
        console.print(
            "病毒：未检测，没有接入杀毒引擎（GUIDANG_CLAMD）。 / Viruses: not scanned, no engine is connected (GUIDANG_CLAMD)."
        )
    elif report.scanned:
        console.print(f"病毒：{report.scanned} 件经杀毒引擎检测 / {report.scanned} records scanned for viruses")
    for code, count in report.failed.items():
        cause = causes()[code]
        console.print(Text(f"未完成 / undone  {code} {count}  {cause.zh} / {cause.en}", style="bold red"))
        console.print(Text(f"    {cause.next_zh} / {cause.next_en}"))
    if report.causes:
        reasons = Table(title="未归档原因 / why records were not accepted")
        for head, justify in (("编码 code", "left"), ("件 records", "right"), ("例 for example", "left")):
            reasons.add_column(head, justify=justify)  # type: ignore[arg-type]
        for code, count in report.causes.items():
            example = report.examples[code]
            words = Text(example.text("zh") + "\n")
            reasons.add_row(code, str(count), words.append(example.text("en"), style="dim"))
        console.print(reasons)


def _cells(line: AgencyLine, seconds: float) -> list[str]:
    rate = f"{line.received / seconds:.1f}" if seconds else "—"
    return [
        line.agency,
        *(str(n) for n in (line.received, line.accepted, line.rejected, line.held, line.duplicate, line.unfinished)),
        str(line.packages),
        f"{line.bytes / 1e6:.1f}",
        rate,
    ]
