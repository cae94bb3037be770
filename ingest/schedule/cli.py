"""``guidang schedule``: 三合一 schedules in files and in the ledger. Exit codes: 0 good, 1 findings, 2 cannot run."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ingest.findings import Severity
from ingest.lists import cli as lists_cli
from ingest.metadata import strictjson
from ingest.model import CST
from ingest.review import cli as review_cli
from ingest.schedule.codes import code_lists
from ingest.schedule.diff import diff
from ingest.schedule.files import FORMS, read_schedule, write_schedule
from ingest.schedule.lint import lint
from ingest.schedule.load import ScheduleError
from ingest.schedule.match import Match, ScheduleSet, load
from ingest.schedule.matters import BadMatters, Matter, read_matters
from ingest.schedule.model import Schedule, retention_words
from ingest.schedule.opening import common_terms, propose_opening
from ingest.schedule.rulings import FOLDER, Ruling, add_ruling
from ingest.schedule.screen import print_findings, print_table, say
from ingest.settings import Home

_WHAT = "文件（XLSX、CSV、JSON）或台账中的 ID/版本 / a file, or a version in the ledger"


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``schedule`` with its commands; each sets ``func``, called with the parsed arguments for the exit code."""
    parser: argparse.ArgumentParser = subparsers.add_parser("schedule", help="“三合一”制度文本 / retention schedules")
    commands = parser.add_subparsers(title="命令 / commands", required=True, metavar="COMMAND")

    def command(name: str, words: str, func: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=words)
        made.set_defaults(func=lambda args: _run(func, args))
        return made

    one = command("lint", "自动检查 / the reviewer's checks", _lint)
    one.add_argument("what", help=_WHAT)
    one.add_argument(
        "--previous", help="上一版，台账中的版本默认与施行的比较 / the version before; default the ledger's"
    )
    one.add_argument("--superior", help="上级表 / the superior organ's table")
    one.add_argument("--matters", type=Path, help="事项清单（JSON 数组），默认 config/matters.json / the matters")
    one.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    one.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    two = command("diff", "比较两个版本 / compare two versions", _diff)
    two.add_argument("before", help=_WHAT)
    two.add_argument("after", help=_WHAT)
    two.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    two.add_argument("-o", "--output", type=Path, help="另存为 XLSX / save as XLSX")
    two.add_argument("--force", action="store_true", help="覆盖已有文件 / overwrite")
    two.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    three = command("match", "一个办件归入哪一条、为什么 / which entry takes a case, and why", _match)
    three.add_argument("case", type=Path, help="case.json")
    three.add_argument(
        "--schedules", type=Path, help="制度文本目录，默认用台账 / folder of schedules instead of the ledger"
    )
    three.add_argument("--fonds", help="全宗号，默认取自办件 / fonds, default the record's own")
    three.add_argument(
        "--as-of", type=dt.datetime.fromisoformat, help="归档时间，默认现在 / time of filing, default now"
    )
    three.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    four = command("rule", "裁定一个待定事项归入哪一条 / decide once where an unscheduled matter goes", _rule)
    four.add_argument("matter", help="31 位实施编码或 33 位业务办理项编码 / matter code")
    four.add_argument("--fonds", required=True, help="全宗号 / fonds")
    four.add_argument("--version", required=True, metavar="ID/版本", help="例如 T003-SHY/2024-V1")
    four.add_argument("--entry", required=True, help="条款号 / entry number")
    four.add_argument("--by", required=True, help="裁定人 / who decides")
    four.add_argument("--reason", required=True, help="理由 / why")
    four.add_argument(
        "--schedules", type=Path, help="制度文本目录，默认用台账 / folder of schedules instead of the ledger"
    )
    four.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    five = command("unrule", "撤销裁定，已归档的不动 / withdraw a ruling; what it filed stays", _unrule)
    five.add_argument("matter", help="事项编码 / matter code")
    five.add_argument("--fonds", required=True, help="全宗号 / fonds")
    five.add_argument("--by", required=True, help="何人 / who")
    five.add_argument("--reason", required=True, help="理由 / why")
    five.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    lists_cli.add_commands(commands)
    six = command("export", "写成文件，形式由文件名决定 / write a file; its name tells the form", _export)
    six.add_argument("what", help=_WHAT)
    six.add_argument("-o", "--output", type=Path, required=True, help="输出文件 / output file")
    six.add_argument("--force", action="store_true", help="覆盖已有文件 / overwrite")
    six.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    review_cli.add_commands(command)
    return parser


def _run(func: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return func(args)
    except ScheduleError as error:
        print_findings(error.findings)
        return 1
    except (OSError, strictjson.BadJson, BadMatters) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _is_file(what: str) -> bool:
    return Path(what).suffix.lower() in FORMS


def _read(what: str, args: argparse.Namespace) -> Schedule:
    if _is_file(what):
        return read_schedule(Path(what).read_bytes(), Path(what).name)
    return review_cli.read_ref(what, args)


def _lint(args: argparse.Namespace) -> int:
    schedule = _read(args.what, args)
    previous = _read(args.previous, args) if args.previous else None
    matters: Sequence[Matter] = read_matters(args.matters) if args.matters else []
    if not _is_file(args.what):
        own_previous, own_matters = review_cli.compared_with(schedule, args)
        previous, matters = previous or own_previous, matters or own_matters
    superior = _read(args.superior, args) if args.superior else None
    found = lint(schedule, previous=previous, superior=superior, matters=matters)
    if args.json:
        say(json.dumps([finding.as_json() for finding in found], ensure_ascii=False, indent=1))
    else:
        print_findings(found)
        say(f"《{schedule.name}》{len(schedule.entries)} 条，{len(found)} 处提示")
    return 1 if any(finding.weight is Severity.REJECT for finding in found) else 0


def _diff(args: argparse.Namespace) -> int:
    found = diff(_read(args.before, args), _read(args.after, args))
    if args.output:
        from ingest.schedule.xlsxform import write_diff_xlsx  # openpyxl takes long to import

        return _write(args, write_diff_xlsx(found), f"{found.before} → {found.after}，{len(found.entries)} 处")
    if args.json:
        say(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
        return 0
    say(f"{found.before} → {found.after}")
    for line in found.categories:
        say(line)
    print_table(found.rows())
    return 0


def _in_use(args: argparse.Namespace) -> ScheduleSet:
    if args.schedules:
        return load(args.schedules)
    from ingest.review.force import in_use

    return in_use(Home.of(args.home))


def _match(args: argparse.Namespace) -> int:
    record = strictjson.loads(args.case.read_bytes())
    if not isinstance(record, dict):
        raise strictjson.BadJson("不是一个办件 / not a case")
    own = record.get("record")
    fonds = args.fonds or str(own.get("fonds_no", "") if isinstance(own, dict) else "")
    as_of = args.as_of or dt.datetime.now(CST)
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=CST)
    answer = _in_use(args).match(record, fonds, as_of=as_of)
    if isinstance(answer, Match):
        opening = propose_opening(answer.entry, record, common_terms())
        say(f"条款 {answer.entry.entry_no} {answer.entry.entry_text}")
        say(f"类别 {answer.category.path}　年度 {answer.year}　保管期限 {retention_words(answer.retention_code)}")
        say(f"理由 {answer.why}")
        say(f"开放 {code_lists()['open_controls'][opening.decision]}：{'；'.join(opening.reasons)}")
    print_findings(answer.findings)
    return 0 if isinstance(answer, Match) else 1


def _rule(args: argparse.Namespace) -> int:
    folder = args.schedules or Home.of(args.home).schedules
    schedule_id, _, version = args.version.partition("/")
    today = dt.datetime.now(CST).date().isoformat()
    ruling = Ruling(args.fonds, args.matter, schedule_id, version, args.entry, args.by, today, args.reason)
    file = add_ruling(folder / FOLDER, ruling, _in_use(args).schedules)
    if args.schedules is None:  # a folder of its own has no ledger beside it
        from ingest.held.rulings import note_rulings
        from ingest.ledger import Ledger

        with Ledger(Home.of(args.home).database_url) as ledger:
            ledger.upgrade()
            note_rulings(ledger, folder)
    say(f"事项 {args.matter} 归入《{schedule_id} {version}》条款 {args.entry} → {file}")
    return 0


def _unrule(args: argparse.Namespace) -> int:
    from ingest.held.rulings import withdraw_ruling
    from ingest.ledger import Ledger

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        done = withdraw_ruling(ledger, home.schedules, args.fonds, args.matter, by=args.by, reason=args.reason)
    say(f"事项 {args.matter} {'的裁定已撤销 / withdrawn' if done else '没有裁定 / has no ruling'}")
    return 0 if done else 1


def _export(args: argparse.Namespace) -> int:
    schedule = _read(args.what, args)
    words = f"《{schedule.name}》{len(schedule.entries)} 条"
    return _write(args, write_schedule(schedule, args.output.name), words)


def _write(args: argparse.Namespace, content: bytes, words: str) -> int:
    with args.output.open("wb" if args.force else "xb") as file:
        file.write(content)
    say(f"{words} → {args.output}")
    return 0
