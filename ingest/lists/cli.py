"""``guidang schedule due|coverage|handover``: lists out of the ledger as table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.model import CST
from ingest.settings import Home

_DUE_HEADS = {
    "retention_end": "到期日", "open_due": "应开放日", "transfer_due": "应移交日",
}  # fmt: skip


def add_commands(commands: Any) -> None:
    """Add the three commands below ``guidang schedule``; each sets ``func``."""
    due = commands.add_parser("due", help="到期、开放、移交清单 / what falls due")
    kind = due.add_mutually_exclusive_group(required=True)
    for name, column, words in (
        ("expiry", "retention_end", "保管期限届满 / terms that end"),
        ("opening", "open_due", "应当开放 / to be opened"),
        ("transfer", "transfer_due", "应当移交 / to be transferred"),
    ):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=column, help=words)
    due.add_argument("--before", type=dt.date.fromisoformat, required=True, metavar="日期", help="YYYY-MM-DD")
    due.add_argument("--fonds", help="只限该全宗 / only this fonds")
    coverage = commands.add_parser("coverage", help="制度覆盖情况 / how far the schedules reach")
    coverage.add_argument("--day", type=dt.date.fromisoformat, help="哪一天，默认今天 / on which day, default today")
    coverage.add_argument("--matters", type=Path, help="在线事项清单，默认 config/matters.json / on-line matters")
    handover = commands.add_parser("handover", help="机构改革：被承继全宗的移交目录 / what a frozen fonds hands over")
    handover.add_argument("fonds", help="被承继的全宗号 / the frozen fonds")
    for parser, func in ((due, _due), (coverage, _coverage), (handover, _handover)):
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="JSON")
        if func is not _coverage:
            form.add_argument("--csv", action="store_true", help="CSV，Excel、WPS 可直接打开 / for spreadsheets")
        parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        parser.set_defaults(func=func)


def _due(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.due import COLUMNS, Kind, due

    with Ledger(Home.of(args.home).database_url) as ledger:
        rows = due(ledger, Kind(args.kind), args.before, args.fonds)
    shown = ("archival_code", "title", "retention_code", args.kind, "open_control")
    heads = ("档号", "题名", "期限", _DUE_HEADS[args.kind], "开放")
    _print(args, rows, COLUMNS, shown, heads)
    return 0


def _coverage(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.coverage import measured
    from ingest.schedule.coverage import approved_share, table

    home = Home.of(args.home)
    day = args.day or dt.datetime.now(CST).date()
    with Ledger(home.database_url) as ledger:
        lines = measured(home, ledger, day, args.matters)
    approved, agencies = approved_share(lines)
    if args.json:
        told = {"day": day.isoformat(), "approved": approved, "agencies": agencies}
        say(json.dumps(told | {"fonds": [line.as_json() for line in lines]}, ensure_ascii=False, indent=1))
        return 0
    head, *rows = table(lines)
    say(f"{day}：有施行版本的单位 {approved}/{agencies} / agencies with a version in force")
    print_table(head, rows)
    for line in lines:
        if line.uncovered:
            say(f"{line.fonds_no} 未覆盖的在线事项：{'；'.join(line.uncovered)}")
    return 0


def _handover(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.lists.handover import COLUMNS, handover
    from ingest.steps import house

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        try:
            rows = handover(ledger, house.lineage(home), args.fonds)
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    _print(args, rows, COLUMNS, ("no", "archival_code", "title", "retention_code"), ("序号", "档号", "题名", "期限"))
    return 0


def _print(
    args: argparse.Namespace, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], shown: Sequence[str],
    heads: Sequence[str],
) -> None:  # fmt: skip
    if args.json:
        for row in rows:
            say(json.dumps(row, ensure_ascii=False))
    elif args.csv:
        sys.stdout.write("\ufeff")  # so that a spreadsheet reads it as UTF-8
        out = csv.writer(sys.stdout)
        out.writerow(columns)
        out.writerows([_cell(row[name]) for name in columns] for row in rows)
    else:
        print_table(heads, ([_cell(row[name]) for name in shown] for row in rows))
        say(f"共 {len(rows)} 件 / {len(rows)} records")


def _cell(value: object) -> str:
    """A value as text; what a spreadsheet would run as a formula gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from ingest.show import console

    table = Table()
    for head in heads:
        table.add_column(head, overflow="fold")  # a number or a name cut short is worth nothing
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
