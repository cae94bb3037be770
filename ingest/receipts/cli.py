"""``guidang receipts list|send``: who has waited too long for an answer, and handing over what is owed."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

from ingest.model import CST
from ingest.settings import Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``receipts``; its commands set ``func``."""
    parser = commands.add_parser("receipts", help="回执：谁还没有收到 / receipts: who still waits")
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    listed = inner.add_parser("list", help="逾期没有终结回执的报送 / deliveries without a final receipt")
    listed.add_argument(
        "--unanswered-days",
        type=_days,
        metavar="N",
        help="至少等了 N 天，默认见 limits.json / waited N days or longer",
    )
    listed.add_argument("--agency", help="只限该机构 / only this agency")
    listed.add_argument(
        "--unsent", action="store_true", help="送不出去的回执，按机构 / receipts that could not be handed over"
    )
    listed.add_argument("--json", action="store_true", help="每项一行 JSON / one JSON object a line")
    listed.set_defaults(func=_list)
    sent = inner.add_parser("send", help="送出欠着的回执 / hand over what is owed")
    sent.set_defaults(func=_send)
    for each in (listed, sent):
        each.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


def _days(text: str) -> int:
    if (days := int(text)) < 0:
        raise ValueError(text)
    return days


def _list(args: argparse.Namespace) -> int:
    from rich.table import Table

    from ingest.ledger import Ledger
    from ingest.receipts.waiting import Unanswered, Unsent, unanswered, unsent
    from ingest.show import console

    home = Home.of(args.home)
    days = home.limits.unanswered_days if args.unanswered_days is None else args.unanswered_days
    found: list[Unanswered] | list[Unsent]
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        with ledger.read() as conn:
            if args.unsent:
                found = [x for x in unsent(conn) if args.agency in (None, x.agency)]
            else:
                found = unanswered(conn, dt.datetime.now(CST).date(), days, args.agency)
    rows = [x.as_json() for x in found]
    if args.json:
        for row in rows:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return 0
    title = "未能送出的回执 / not handed over" if args.unsent else f"{days} 天以上没有终结回执 / no final receipt"
    table = Table(title=f"{title}: {len(rows)}")
    for name in ("agency", "receipts", "error") if args.unsent else _COLUMNS:
        table.add_column(_HEADS[name], overflow="fold")
    for row in rows:
        table.add_row(*(str(row[name] if row[name] is not None else "—") for name in row if name in _HEADS))
    console.print(table)
    return 0


_COLUMNS = ("agency", "delivery", "case_no", "state", "since", "days", "why")
_HEADS = {
    "agency": "机构 agency", "delivery": "报送 delivery", "case_no": "办件编号 case", "state": "状态 state",
    "since": "自 since", "days": "天 days", "why": "为什么 why", "receipts": "回执 receipts", "error": "来源说 it says",
}  # fmt: skip


def _send(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.receipts.sending import send
    from ingest.show import console
    from ingest.staging.cleaning import clean

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        sent = send(home, ledger)
        clean(home, ledger)
    told = "  ".join(f"{kind} {count}" for kind, count in sorted(sent.kinds.items())) or "—"
    console.print(f"已送出 / sent: {told}")
    for agency, why in sorted(sent.away.items()):
        console.print(f"[bold red]{agency}[/]  {why}")
    return 2 if sent.errors else 0
