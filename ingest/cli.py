"""The `guidang` command. Each room brings its own sub-commands; nothing heavy is imported before one is chosen."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from desk import cli as desk_cli
from ingest.alerts import cli as alerts_cli
from ingest.audit import audit_cli
from ingest.audit import cli as chain_cli
from ingest.checks import cli as checks_cli
from ingest.export import cli as export_cli
from ingest.held import cli as held_cli
from ingest.inspection import cli as inspection_cli
from ingest.lists import ratescli
from ingest.proof import cli as proof_cli
from ingest.receipts import cli as receipts_cli
from ingest.recovery import cli as recovery_cli
from ingest.reporting import cli as reporting_cli
from ingest.rerun import cli as rerun_cli
from ingest.schedule import cli as schedule_cli
from ingest.servers import cli as servers_cli
from ingest.settings import ConfigError, Home
from ingest.signatures import cli as signatures_cli
from ingest.staging import cli as staging_cli
from ingest.store import cli as store_cli
from ingest.transfer import cli as transfer_cli
from ingest.trust import cli as trust_cli
from ingest.verify import cli as verify_cli
from samplenight import cli as sample_cli

Handler = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 done, 1 the outcome is bad, 2 wrong use or machine trouble."""
    args = _parser().parse_args(argv)
    func: Handler = args.func
    try:
        return func(args)
    except ConfigError as e:
        print(e, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="guidang",
        description="归档：政务服务电子文件归档流水线 / ingest of government-service files into an archive",
    )
    commands = parser.add_subparsers(title="命令 / commands", required=True, metavar="COMMAND")
    servers_cli.add_parsers(commands)
    sample_cli.add_parser(commands)
    checks_cli.add_parser(commands)
    signatures_cli.add_parser(commands)
    trust_cli.add_parser(commands)
    schedule_cli.add_parser(commands)
    store_cli.add_parser(commands)
    held_cli.add_parser(commands)
    inspection_cli.add_parser(commands)
    receipts_cli.add_parser(commands)
    rerun_cli.add_parser(commands)
    alerts_cli.add_parser(commands)
    staging_cli.add_parser(commands)
    ratescli.add_parser(commands)
    _add_ingest(commands)
    reporting_cli.add_parser(commands)
    chain_cli.add_parsers(commands)
    audit_cli.add_parsers(commands)
    recovery_cli.add_parsers(commands)
    recovery_cli.add_drill(commands)
    verify_cli.add_parsers(commands)
    proof_cli.add_parser(commands)
    export_cli.add_parser(commands)
    transfer_cli.add_parsers(commands)
    desk_cli.add_parser(commands)
    return parser


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


def _add_ingest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("ingest", help="不经 Airflow 跑一夜 / one night without Airflow")
    p.add_argument("--source", default="", help="来源文件夹，默认收件箱 / source folder, default the home's inbox")
    p.add_argument("--as-of", type=dt.datetime.fromisoformat, help="归档时间（ISO 8601）/ the night's logical time")
    p.add_argument("--run-id", help="运行标识，默认由时间得出 / run id")
    p.add_argument("--batch-size", type=int, default=500, help="每批件数 / records a batch")
    p.add_argument("--only-case", action="append", default=[], help="只处理该办件编号，可多次 / only this case")
    p.add_argument("--rerun", default="", metavar="N", help="只做这次重跑（guidang rerun）/ only this re-run")
    p.add_argument("--json", action="store_true", help="以 JSON 输出夜报 / print the report as JSON")
    _add_home(p)
    p.set_defaults(func=_ingest)


def _ingest(args: argparse.Namespace) -> int:
    from ingest import night, show
    from ingest.audit.anchor import ChainBroken
    from ingest.audit.timestamp import AuthorityAway
    from ingest.discovery import Wanted
    from ingest.model import CST
    from ingest.stages import StageFailed

    home = Home.of(args.home)
    as_of = args.as_of or dt.datetime.now(CST).replace(microsecond=0)
    if as_of.tzinfo is None:
        as_of = as_of.replace(tzinfo=CST)
    run_id = args.run_id or f"cli__{as_of.isoformat()}"
    wanted = Wanted(source=args.source, cases=tuple(args.only_case), rerun=args.rerun)
    try:
        report = night.ingest(home, run_id, as_of, wanted, args.batch_size, show.stage_line)
    except (StageFailed, ChainBroken, AuthorityAway) as e:
        print(e, file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        show.summary(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
