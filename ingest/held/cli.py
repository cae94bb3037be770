"""``guidang held``: list held records with what they ask, decide, confirm, withdraw. Exit codes: 0 done, 1 something refused."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest import people
from ingest.settings import Home

ACTIONS = ("recheck", "accept", "return", "next_version")
_BY = "经办人，默认本机账号；四眼确认时两人须是两个账号 / who acts, default the OS account; four eyes are two accounts"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``held`` with its acts; each sets ``func``."""
    parser = commands.add_parser("held", help="待定件：列出、决定 / held records: list them, decide")
    acts = parser.add_subparsers(required=True, metavar="ACT")
    listing = acts.add_parser("list", help="列出待定件与所问 / what is held, and what it asks")
    _selection(listing)
    listing.add_argument("--json", action="store_true", help="每件一行 JSON / one JSON object a line")
    decide = acts.add_parser("decide", help="对一件或多件作出决定，下一夜执行 / decide; carried out in the next run")
    decide.add_argument(
        "action",
        choices=ACTIONS,
        help="recheck 重新处理；accept 接受并备注；return 退回；next_version 作为下一版归档",
    )
    decide.add_argument("records", nargs="*", metavar="RECORD", help="记录标识，见 list / record ids")
    _selection(decide)
    decide.add_argument("--code", action="append", default=[], help="只接受这些问题，可多次 / accept only these codes")
    decide.add_argument("--by", help=_BY)
    decide.add_argument("--reason", required=True, help="理由 / why")
    confirm = acts.add_parser("confirm", help="第二人确认 / the second person's confirmation")
    confirm.add_argument("decision", type=int)
    confirm.add_argument("--by", help=_BY)
    withdraw = acts.add_parser("withdraw", help="撤回尚未执行的决定 / take back a decision not carried out")
    withdraw.add_argument("decision", type=int)
    withdraw.add_argument("--by", help=_BY)
    withdraw.add_argument("--reason", required=True)
    for act, func in ((listing, _list), (decide, _decide), (confirm, _confirm), (withdraw, _withdraw)):
        act.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        act.set_defaults(func=_refusable(func))


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cause", metavar="CODE", help="只限因此待定的，例如 SIG-ISSUER-UNKNOWN / only held by this code"
    )
    parser.add_argument("--agency", help="只限该机构 / only this agency")


def _refusable(func: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        from ingest.held.decide import Refused

        try:
            return func(args)
        except Refused as why:
            sys.stderr.write(f"{why}\n")
            return 1

    return run


def _list(args: argparse.Namespace) -> int:
    from ingest.held.listing import waiting
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        rows = waiting(ledger, args.cause, args.agency)
    for row in rows:
        _out(json.dumps(row, ensure_ascii=False) if args.json else _words(row))
    if not args.json:
        causes = Counter(code for row in rows for code in row["codes"])
        _out(
            f"待定 {len(rows)} 件 / {len(rows)} held"
            + "".join(f"　{code} {n}" for code, n in sorted(causes.items(), key=lambda c: (-c[1], c[0])))
        )
    return 0


def _words(row: dict[str, Any]) -> str:
    lines = [f"{row['id']}  {row['agency']}  {row['case_no'] or row['delivery']}  {row['since']}"]
    lines += [f"    {finding['code']}  {finding['zh']}" for finding in row["findings"]]
    lines += [f"    ？{asked['zh']}" for asked in row["questions"]]
    lines += [f"    → {asked['command']}" for asked in row["questions"] if "command" in asked]
    if decision := row["decision"]:
        lines.append(
            f"    已决定 {decision['id']}：{decision['action']}（{decision['status']}），{decision['by']}：{decision['reason']}"
        )
    else:
        lines.append(f"    可选 / choose: {'、'.join(row['decisions'])}")
    return "\n".join(lines)


def _decide(args: argparse.Namespace) -> int:
    from ingest.held.decide import Refused, decide
    from ingest.held.listing import waiting
    from ingest.held.questions import Action
    from ingest.ledger import Ledger

    home = Home.of(args.home)
    if bool(args.records) == bool(args.cause or args.agency):
        raise Refused("给出记录标识，或用 --cause、--agency 选定一批 / name records, or choose by --cause or --agency")
    with Ledger(home.database_url) as ledger:
        records = args.records or [row["id"] for row in waiting(ledger, args.cause, args.agency)]
        answers = decide(
            ledger,
            home.agencies(),
            records,
            Action(args.action),
            by=_by(args),
            reason=args.reason,
            codes=args.code,
            via=people.via_account(),
        )
    for answer in answers:
        _out(f"{answer.record_id}  {answer.refused or f'决定 {answer.decision}（{answer.status}）'}")
    if any(answer.status == "proposed" for answer in answers):
        _out("须由第二人确认：guidang held confirm <决定号> --by <姓名> / a second person must confirm")
    return 1 if any(answer.refused for answer in answers) else 0


def _confirm(args: argparse.Namespace) -> int:
    from ingest.held.decide import confirm
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        confirm(ledger, args.decision, by=_by(args), via=people.via_account())
    _out(f"决定 {args.decision} 已确认，下一夜执行 / confirmed; carried out in the next run")
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    from ingest.held.decide import withdraw
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        withdraw(ledger, args.decision, by=_by(args), reason=args.reason, via=people.via_account())
    _out(f"决定 {args.decision} 已撤回 / withdrawn")
    return 0


def _by(args: argparse.Namespace) -> str:
    return args.by or people.account()


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")
