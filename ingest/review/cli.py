"""``guidang schedule …`` for versions in the ledger: import, submit, review, return, approve, enforce, revoke, adopt, show, history."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.findings import Finding
from ingest.model import CST
from ingest.people import account
from ingest.review.kept import Kept, Ref
from ingest.review.words import history_rows, next_step, status_words
from ingest.schedule import Schedule, ScheduleError
from ingest.schedule.files import read_schedule
from ingest.schedule.model import Approval
from ingest.schedule.review import Act, Done, Refused
from ingest.schedule.screen import print_findings, print_table, say
from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.review.desk import Desk

Command = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """Add the commands; ``command(name, words, func)`` makes the parser of one."""
    one = _with_home(
        command("import", "把草案放入台账（新建、修改或退回后重交）/ enter a draft into the ledger", _import)
    )
    one.add_argument("file", type=Path, help="XLSX、CSV 或 JSON")
    _as(one)
    for name, words, acts in (
        ("submit", "送审 / submit for review", ("submit",)),
        ("review", "初审通过 / pass the first review", ("accept", "pass")),
        ("approve", "复审通过并批复 / approve", ("approve",)),
        ("return", "退回修改 / return with an opinion", ("return",)),
        ("enforce", "施行，旧版同日截止 / put into force", ("enforce",)),
        ("revoke", "废止 / revoke", ("revoke",)),
    ):
        made = _with_home(command(name, words, _act))
        made.set_defaults(acts=acts)
        made.add_argument("ref", type=_ref, metavar="ID/版本", help="例如 T001-SHY/2026-V2")
        _as(made)
        made.add_argument("--opinion", default="", help="意见 / opinion", required=name in ("return", "revoke"))
        if name == "approve":
            made.add_argument("--no", required=True, help="批复文号 / number of the approval")
            made.add_argument("--org", required=True, help="批复机关 / who approved")
            made.add_argument("--date", required=True, type=dt.date.fromisoformat, help="批复日期 / its date")
        if name == "enforce":
            made.add_argument(
                "--from", dest="day", type=dt.date.fromisoformat, help="施行日期，默认用文本所提 / first day"
            )
    adopt = _with_home(
        command("adopt", "登记在本系统之外已批复施行的版本 / enter a version approved elsewhere", _adopt)
    )
    adopt.add_argument("file", type=Path)
    adopt.add_argument("--opinion", required=True, help="依据 / on what ground")
    _as(adopt)
    show = _with_home(command("show", "台账中的版本 / versions in the ledger", _show))
    show.add_argument("ref", type=_ref, nargs="?", metavar="ID/版本")
    show.add_argument("--json", action="store_true")
    history = _with_home(command("history", "一个版本的经过 / what became of a version", _history))
    history.add_argument("ref", type=_ref, metavar="ID/版本")
    history.add_argument("--json", action="store_true")


def _with_home(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--home", type=Path, help="数据目录 / home folder (GUIDANG_HOME, var/)")
    return parser


def _as(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="by", metavar="USER", help="经办人，默认本机账号 / who acts, default the OS account"
    )


def _ref(text: str) -> Ref:
    try:
        return Ref.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@contextmanager
def _desk(args: argparse.Namespace) -> Iterator[Desk]:
    from ingest.review.force import open_desk  # SQLAlchemy takes long to import, and --help needs none

    with open_desk(Home.of(args.home)) as desk:
        yield desk


def _import(args: argparse.Namespace) -> int:
    draft = read_schedule(args.file.read_bytes(), args.file.name)
    with _desk(args) as desk:
        done = desk.take_in(draft, args.by or account(), dt.datetime.now(CST), _via())
        if done is None:
            kept = desk.find(Ref.of(draft))
            assert kept is not None
            return _told(kept.schedule, "没有变化 / nothing changed")
        return _answer(done)


def _act(args: argparse.Namespace) -> int:
    by, at = args.by or account(), dt.datetime.now(CST)
    approval = Approval(args.no, args.org, args.date) if "approve" in args.acts else None
    with _desk(args) as desk:
        kept = desk.find(args.ref)
        acts = args.acts
        if kept is not None and args.acts[0] in ("accept", "return"):
            acts = _from_where_it_stands(kept, args.acts)
        act = Act("", by, at, args.opinion, approval, getattr(args, "day", None), via=_via())
        return _answer(desk.do(args.ref, *(dataclasses.replace(act, action=action) for action in acts)))


def _from_where_it_stands(kept: Kept, acts: tuple[str, ...]) -> tuple[str, ...]:
    """Who returns or passes a version that nobody has taken up yet takes it up thereby."""
    taken_up = kept.schedule.status != "submitted"
    if acts[0] == "accept":
        return acts[1:] if taken_up else acts
    return acts if taken_up else ("accept", *acts)


def _adopt(args: argparse.Namespace) -> int:
    content = args.file.read_bytes()
    schedule = read_schedule(content, args.file.name)
    with _desk(args) as desk:
        source = hashlib.sha256(content).hexdigest()
        by = args.by or account()
        return _answer(desk.adopt([(schedule, source)], by, dt.datetime.now(CST), args.opinion, _via()))


def _show(args: argparse.Namespace) -> int:
    with _desk(args) as desk:
        if args.ref is None:
            heads = desk.heads()
            if args.json:
                say(json.dumps(heads, ensure_ascii=False, indent=1))
                return 0
            rows = [["全宗", "版本", "状态", "施行日期", "截止日期", "批复", "文本摘要"]]
            for head in heads:
                approval = " ".join(filter(None, (head["approval_no"], head["approval_org"], head["approval_date"])))
                name = f"{head['schedule_id']}/{head['version']}"
                days = (head["effective_from"] or "", head["effective_to"] or "")
                rows.append(
                    [head["fonds_no"], name, status_words(head["status"]), *days, approval, head["text_digest"][:16]]
                )
            print_table(rows)
            return 0
        kept = desk.find(args.ref)
        if kept is None:
            return _unknown(args.ref)
        if args.json:
            say(json.dumps(kept.schedule.as_json(), ensure_ascii=False, indent=1))
            return 0
        schedule = kept.schedule
        say(f"《{schedule.name}》 全宗 {schedule.fonds_no} {schedule.fonds_name}")
        say(f"{len(schedule.categories)} 类 {len(schedule.entries)} 条，文本 SHA-256 {schedule.text_digest}")
        say(f"施行 {schedule.effective_from or '—'} 至 {schedule.effective_to or '—'}")
        if schedule.approval:
            say(f"批复 {schedule.approval.no} {schedule.approval.org} {schedule.approval.date}")
        return _told(schedule, status_words(schedule.status))


def _history(args: argparse.Namespace) -> int:
    with _desk(args) as desk:
        kept = desk.find(args.ref)
        if kept is None:
            return _unknown(args.ref)
        if args.json:
            say(json.dumps([step.as_json() for step in kept.history], ensure_ascii=False, indent=1))
        else:
            print_table(history_rows(kept.history))
        return 0


def _answer(answer: Done | Refused) -> int:
    if isinstance(answer, Refused):
        print_findings(answer.findings)
        return 1
    for schedule in answer.schedules[1:]:
        say(f"《{schedule.name}》 {status_words(schedule.status)}，截止 {schedule.effective_to}")
    schedule = answer.schedules[0]
    return _told(schedule, status_words(schedule.status))


def _told(schedule: Schedule, words: str) -> int:
    say(f"《{schedule.name}》 {words}")
    say(next_step(schedule))
    return 0


def _unknown(ref: Ref) -> int:
    print_findings([Finding("REV-UNKNOWN", params={"schedule": str(ref)})])
    return 1


def _via() -> str:
    """The account of this machine goes into the event beside the name that was given with ``--as``."""
    return f"os:{account()}"


def read_ref(text: str, args: argparse.Namespace) -> Schedule:
    """A version of the ledger by its name. Raises ScheduleError where there is none."""
    try:
        ref = Ref.parse(text)
    except ValueError as error:
        raise ScheduleError([Finding("SCH-FILE", params={"reason": str(error)})]) from error
    with _desk(args) as desk:
        kept = desk.find(ref)
    if kept is None:
        raise ScheduleError([Finding("REV-UNKNOWN", params={"schedule": text})])
    return kept.schedule


def compared_with(schedule: Schedule, args: argparse.Namespace) -> tuple[Schedule | None, Sequence[Mapping[str, Any]]]:
    """What ``submit`` would check a version against: the one before it, and its fonds' list of 事项."""
    from ingest.review.desk import matters

    with _desk(args) as desk:
        return desk.before(schedule), matters(Home.of(args.home), schedule.fonds_no)
