"""``guidang rerun``: list what the machine left undone, and have it taken up again. Exit codes: 0 done, 1 refused, 2 trouble."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.rerun.asking import Asked

KINDS = {
    "record": "一件：记录标识或办件编号 / one record: its id or 办件编号",
    "batch": "一个批次 / one batch",
    "agency": "一个机构的全部未完成件 / all that is undone of one agency",
    "cause": "因同一机器故障未完成的 / all that failed for one cause",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``rerun`` with its acts; each sets ``func``."""
    parser = commands.add_parser("rerun", help="重跑：一件、一批、一机构、一个故障原因 / take up again what failed")
    acts = parser.add_subparsers(required=True, metavar="ACT")
    listing = acts.add_parser("list", help="未完成的件，按原因 / what is undone, by cause")
    listing.add_argument("--json", action="store_true", help="以 JSON 输出 / as JSON")
    listing.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    listing.set_defaults(func=_list)
    for kind, words in KINDS.items():
        act = acts.add_parser(kind, help=words)
        act.add_argument("value", metavar=kind.upper())
        act.add_argument("--by", required=True, help="谁 / who asks")
        act.add_argument("--reason", required=True, help="理由 / why")
        how = act.add_mutually_exclusive_group()
        how.add_argument(
            "--rejected", action="store_true",
            help="规则更正后，把已退回的从来源重新检测 / rules were mended: check what was rejected again, from the source",
        )  # fmt: skip
        if kind == "batch":
            how.add_argument(
                "--afresh", action="store_true",
                help="做到一半的从来源重做（程序已换）/ from the source: the code has changed",
            )  # fmt: skip
        when = act.add_mutually_exclusive_group()
        when.add_argument("--start", action="store_true", help="立即由 Airflow 运行 / let Airflow run it now")
        when.add_argument(
            "--now", action="store_true", help="立即在此运行，不经 Airflow / run it here, without Airflow"
        )
        act.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        act.set_defaults(func=_ask, kind=kind, afresh=False)


def _list(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.rerun.listing import undone
    from ingest.trouble import causes

    with Ledger(Home.of(args.home).database_url) as ledger:
        found = undone(ledger)
    if args.json:
        _out(json.dumps([line.as_json() for line in found], ensure_ascii=False))
        return 0
    for line in found:
        cause = causes().get(line.cause)
        _out(
            f"{line.cause or '—'}  {line.records} 件 / records  {cause.zh if cause else '尚未处理到 / not reached yet'}"
        )
        _out("    " + "  ".join(f"{agency} {count}" for agency, count in line.agencies.items()))
        _out(f"    {line.example}")
        if cause is not None:
            _out(f"    → {cause.next_zh} / {cause.next_en}")
    if not found:
        _out("没有未完成的件 / nothing is undone")
    return 0


def _ask(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.rerun.asking import How, Kind, Refused, What, ask

    home = Home.of(args.home)
    how = How.REJECTED if args.rejected else How.AFRESH if args.afresh else How.AGAIN
    try:
        with Ledger(home.database_url) as ledger:
            asked = ask(ledger, What(Kind(args.kind), args.value, how), args.by, args.reason)
    except Refused as why:
        sys.stderr.write(f"{why}\n")
        return 1
    _out(f"重跑 {asked.id}：{asked.records} 件，已记入事件链 / {asked.records} records, chained")
    if args.start:
        return _start(home, asked)
    if args.now:
        return _run_here(home, asked)
    _out(
        f"下一夜自动执行；现在就做：Airflow 中触发 nightly_ingest，“重跑”填 #{asked.id}；或 `guidang ingest --rerun {asked.id}` / "
        f"the next night takes it; at once: trigger nightly_ingest with rerun #{asked.id}, or the command above"
    )
    return 0


def _start(home: Home, asked: Asked) -> int:
    from ingest.servers.api import ApiError
    from ingest.servers.reach import airflow_api

    api = airflow_api(home)
    try:
        if api is None:
            raise ApiError(0, "没有正在运行的 Airflow / no Airflow is running for this home")
        run = api.trigger("nightly_ingest", {"rerun": f"#{asked.id}"}, run_id=f"rerun__{asked.id}")
    except ApiError as e:
        sys.stderr.write(
            f"未能触发（下一夜会自动执行）：{e}；不经 Airflow：`guidang ingest --rerun {asked.id}` / not started; the next night takes it\n"
        )
        return 2
    _out(f"已触发 / triggered: nightly_ingest {run}")
    return 0


def _run_here(home: Home, asked: Asked) -> int:
    from ingest import night, show
    from ingest.discovery import Wanted
    from ingest.model import CST
    from ingest.stages import StageFailed

    try:
        now = dt.datetime.now(CST).replace(microsecond=0)
        show.summary(
            night.ingest(home, f"rerun__{asked.id}", now, Wanted(rerun=str(asked.id)), progress=show.stage_line)
        )
    except StageFailed as e:
        sys.stderr.write(f"{e}\n")
        return 2
    return 0


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")
