"""`guidang report`: a run's figures, and the reports of its batches as files to be read and signed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.reporting.gather import BatchSheets
    from ingest.settings import Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``report`` command; its ``func`` returns 0 done, 2 wrong use or nothing to report."""
    p = commands.add_parser("report", help="夜报；批次的四性检测报告和归档登记表 / a run's report; a batch's reports")
    p.add_argument("run_id", nargs="?", help="一次运行的夜报 / the report of one run")
    p.add_argument("--batch", metavar="ID", help="该批次的四性检测报告和归档登记表 / the reports of this batch")
    p.add_argument("--pdf", type=Path, metavar="OUT", help="写成一个 PDF / write them as one PDF")
    p.add_argument("--html", type=Path, metavar="OUT", help="写成一个网页 / write them as one page")
    p.add_argument("--xlsx", type=Path, metavar="OUT", help="写成一个工作簿 / write them as one workbook")
    p.add_argument("--json", action="store_true", help="以 JSON 输出 / print them as JSON, one object a batch")
    p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    p.set_defaults(func=_report)


def _report(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.settings import Home

    home = Home.of(args.home)
    if not args.run_id and not args.batch:
        return _wrong("请给出运行标识或 --batch / give a run or --batch")
    with Ledger(home.database_url) as ledger:
        if args.batch or args.pdf or args.html or args.xlsx or args.json:
            return _batches(args, home, ledger)
        from ingest import show
        from ingest.report import report

        show.summary(report(ledger, args.run_id, unanswered_days=home.limits.unanswered_days))
    return 0


def _batches(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    from ingest.reporting.gather import gather
    from ingest.reporting.keep import finished

    wanted = [args.batch] if args.batch else finished(ledger, args.run_id)
    agencies = home.agencies()
    sheets = [found for batch in wanted if (found := gather(ledger, agencies, batch)) is not None]
    if not sheets:
        return _wrong("没有可报告的批次，批次标识见夜报或台账 / no such batch, or nothing to report in it")
    return _write(args, sheets)


def _write(args: argparse.Namespace, sheets: list[BatchSheets]) -> int:
    from sip import canonical
    from sip.forms import FormsNotInstalled, to_html, to_pdf, to_xlsx

    forms = [form for sheet in sheets for form in (sheet.check_form(), *sheet.registration_forms())]
    try:
        if args.pdf:
            args.pdf.write_bytes(to_pdf(*forms))
        if args.html:
            args.html.write_text(to_html(*forms), "utf-8")
        if args.xlsx:
            args.xlsx.write_bytes(to_xlsx(*forms))
    except (FormsNotInstalled, OSError) as exc:
        return _wrong(str(exc))
    for sheet in sheets:
        if args.json:
            sys.stdout.write(canonical.dumps(sheet.as_json()).decode() + "\n")
            continue
        report = sheet.report
        sys.stdout.write(f"{sheet.batch_id}  {report.number}  {report.records} 件 / records  {report.conclusion}\n")
    return 0


def _wrong(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 2
