"""`guidang audit`: read copies again, see what is not whole, decide on repairs."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

from ingest.settings import Home

PERIOD, BANDWIDTH, SAMPLE = 90, 50.0, 20  # days; MB a second; packages


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("audit", help="固化信息巡检与修复 / fixity audit and repair")
    sub = p.add_subparsers(required=True, metavar="ACTION")
    run = sub.add_parser("run", help="巡检一夜的份额 / one night's share")
    run.add_argument("--as-of", type=dt.datetime.fromisoformat, help="逻辑时间（ISO 8601）/ the logical time")
    run.add_argument("--run-id", help="运行标识 / run id")
    run.add_argument("--period-days", type=int, default=PERIOD, help="每个副本至多多少天重读一次 / days a cycle")
    run.add_argument(
        "--bandwidth", type=float, default=BANDWIDTH, help="MB/秒上限，0 不限 / MB a second, 0 for no limit"
    )
    run.add_argument("--sample", type=int, default=SAMPLE, help="抽查几个包 / packages to sample")
    run.set_defaults(func=_run)
    show = sub.add_parser("list", help="列出不完好的副本 / copies that are not whole")
    show.add_argument("--json", action="store_true", help="每个一行 JSON / one JSON object a line")
    show.set_defaults(func=_list)
    mend = sub.add_parser("repair", help="用完好的副本修复 / repair from a good copy")
    mend.add_argument("key", help="对象键 / object key")
    mend.add_argument("--replica", required=True, help="要修复的副本 / the replica to repair")
    mend.add_argument("--as", dest="by", required=True, help="决定人 / who decides")
    mend.add_argument("--reason", required=True, help="理由 / why")
    mend.set_defaults(func=_repair)
    for each in (run, show, mend):
        each.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


def _run(args: argparse.Namespace) -> int:
    """Exit 0 all whole, 1 findings, 2 copies that could not be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.audit import fixity
    from ingest.model import CST

    home = Home.of(args.home)
    as_of = args.as_of or dt.datetime.now(CST)
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=CST)
    run_id = args.run_id or f"cli__{as_of.isoformat()}"
    trouble = 0
    for number in fixity.plan(home, run_id, as_of, args.period_days):
        try:
            fixity.check(home, run_id, number, args.bandwidth * 1e6)
        except fixity.AuditFailed as e:
            sys.stderr.write(f"{e}\n")
            trouble = 2
    try:
        fixity.sample(home, run_id, args.sample)
    except (ClientError, BotoCoreError) as e:
        sys.stderr.write(f"存储不可用，未抽查 / the store is in trouble, nothing was sampled: {e}\n")
        trouble = 2
    try:
        out = fixity.report(home, run_id, as_of)
    except fixity.Corruption as e:
        sys.stderr.write(f"{e}\n")
        return 1
    sys.stdout.write(
        f"重读 read {out['checked']}/{out['copies']} 个副本 copies，抽查 sampled {out['sampled']}，逾期 overdue {out['overdue']}\n"
    )
    return trouble


def _list(args: argparse.Namespace) -> int:
    from ingest.audit.fixity import latest_findings
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        findings = latest_findings(ledger)
    for f in findings:
        line = (
            json.dumps(f.as_json(), ensure_ascii=False) if args.json else f"{f.code}  {f.text('zh')} / {f.text('en')}"
        )
        sys.stdout.write(line + "\n")
    if not findings and not args.json:
        sys.stdout.write("所有副本都完好 / every copy is whole\n")
    return 1 if findings else 0


def _repair(args: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.audit.repair import NoGoodCopy, NothingToRepair, repair
    from ingest.ledger import Ledger

    home = Home.of(args.home)
    try:
        with Ledger(home.database_url) as ledger:
            done = repair(home, ledger, args.key, args.replica, by=args.by, reason=args.reason)
    except (NoGoodCopy, NothingToRepair) as e:
        sys.stderr.write(f"{e}\n")
        return 1
    except (ClientError, BotoCoreError) as e:
        sys.stderr.write(f"存储不可用，可重试 / the store is in trouble, try again: {e}\n")
        return 2
    sys.stdout.write(f"已修复 / repaired: {done.key}（{done.replica} ← {done.source}，原为 was {done.was}）\n")
    return 0
