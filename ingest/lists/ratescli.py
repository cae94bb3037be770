"""``guidang lists rates|digitised|holdings``: the rates that an archive is judged by, and what they are counted from."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.lists.cli import print_table, say
from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.lists.rate import Rate


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``guidang lists`` with its three commands; each sets ``func``."""
    lists = commands.add_parser("lists", help="统计指标：归档率、合格率、数字化率 / rates out of the ledger")
    inner = lists.add_subparsers(title="命令 / commands", required=True, metavar="COMMAND")
    rates = inner.add_parser("rates", help="归档率、合格率、数字化率 / the rates")
    rates.add_argument(
        "--by", choices=("agency", "year", "matter"), default="agency", help="归档率分到哪一层 / archiving rate by"
    )
    rates.add_argument(
        "--period",
        choices=("all", "year", "month", "day"),
        default="year",
        help="合格率的期间 / spans of the pass rate",
    )
    rates.add_argument("--agency", help="只限该机构 / only this agency")
    rates.add_argument("--year", type=int, help="只限该办结年度（归档率）/ only this year of closing")
    for name in ("--since", "--until"):
        rates.add_argument(
            name, type=dt.date.fromisoformat, metavar="日期", help="接收日期（合格率）YYYY-MM-DD / nights"
        )
    digitised = inner.add_parser("digitised", help="数字化率，分全宗和卷、件、页 / digitisation by fonds and unit")
    digitised.add_argument("--fonds", help="只限该全宗 / only this fonds")
    holdings = inner.add_parser(
        "holdings", help="导入一个全宗的馆藏目录（应数字化的依据）/ import a fonds' catalogue of holdings"
    )
    holdings.add_argument("file", type=Path, help="目录：XLSX 或 CSV / the catalogue")
    holdings.add_argument("--fonds", required=True, help="全宗号 / the fonds")
    holdings.add_argument("--by", required=True, help="导入人 / who imports it")
    for parser, func in ((rates, _rates), (digitised, _digitised), (holdings, _holdings)):
        parser.add_argument("--json", action="store_true", help="JSON")
        if func is not _holdings:
            parser.add_argument("--xlsx", type=Path, metavar="文件", help="另存为 XLSX / write a workbook")
        parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        parser.set_defaults(func=func)


def _rates(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.closed import ClosedCases
    from ingest.lists.digitised import digitisation_rate
    from ingest.lists.holdings import HoldingsPlan
    from ingest.lists.rates import By, Period, archiving_rate, pass_rate

    home = Home.of(args.home)
    declared, plan = ClosedCases.of(home), HoldingsPlan.of(home)
    days = [day.isoformat() if day else None for day in (args.since, args.until)]
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        found = {
            "archiving": archiving_rate(ledger, declared, By(args.by), args.agency, args.year),
            "pass": pass_rate(ledger, Period(args.period), args.agency, *days),
            "digitisation": [] if args.agency else digitisation_rate(ledger, plan),
        }
    _tell(args, found)
    return 0


def _digitised(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.digitised import digitisation_rate
    from ingest.lists.holdings import HoldingsPlan

    home = Home.of(args.home)
    plan = HoldingsPlan.of(home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        found = digitisation_rate(ledger, plan, args.fonds)
    _tell(args, {"digitisation": found})
    return 0


def _holdings(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.intake import BadHoldings, take_holdings

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        try:
            taken = take_holdings(ledger, args.file.read_bytes(), args.file.name, args.fonds, args.by)
        except BadHoldings as e:
            for finding in e.findings:
                sys.stderr.write(f"{finding.field or ''} {finding.text('zh')} / {finding.text('en')}\n")
            return 1
        except OSError as e:
            sys.stderr.write(f"目录不能读取 / the catalogue cannot be read: {e}\n")
            return 2
    say(json.dumps(taken.as_json(), ensure_ascii=False) if args.json else taken.text())
    return 0


_TITLES = {
    "archiving": "归档率 / archived",
    "pass": "合格率 / passed the checks",
    "digitisation": "数字化率 / digitised",
}


def _tell(args: argparse.Namespace, found: dict[str, list[Rate]]) -> None:
    from ingest.lists.ratesform import form, rows
    from sip.forms import to_xlsx

    if args.xlsx:
        args.xlsx.write_bytes(to_xlsx(*(form(_TITLES[kind], kind, rates) for kind, rates in found.items())))
    if args.json:
        say(json.dumps({k: [r.as_json() for r in rates] for k, rates in found.items()}, ensure_ascii=False, indent=1))
    elif not args.xlsx:
        for kind, rates in found.items():
            heads, lines = rows(kind, rates)
            say(_TITLES[kind])
            print_table(heads, lines)
            for rule in dict.fromkeys((r.rule.zh, r.rule.en) for r in rates):
                say(f"  {rule[0]}\n  {rule[1]}")
