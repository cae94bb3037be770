"""``guidang inspection``: the 整改台账 on the command line. Exit codes: 0 done, 1 refused, or open findings are over their day."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.inspection.acts import Who
    from ingest.inspection.model import Item

_Func = Callable[[argparse.Namespace], int]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``inspection`` with its acts; each sets ``func``."""
    parser = commands.add_parser("inspection", help="监督检查、整改、销账台账 / findings, measures, closing; hazards")
    acts = parser.add_subparsers(required=True, metavar="ACT")

    def act(name: str, words: str, func: _Func, *, person: bool = True, number: bool = True) -> argparse.ArgumentParser:
        made = acts.add_parser(name, help=words)
        if number:
            made.add_argument("number", type=int, help="问题编号，见 list / the finding's number")
        if person:
            made.add_argument("--by", help="经办人，默认本机账号；账号总是一并记录 / who acts, default the OS account")
        made.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        made.set_defaults(func=_refusable(func))
        return made

    for name, words, func in (
        ("list", "列出台账 / list the findings", _list),
        ("export", "导出整改台账（XLSX 或 PDF，由文件名决定）/ export the register", _export),
    ):
        made = act(name, words, func, person=False, number=False)
        made.add_argument("--status", choices=("open", "fixing", "to_verify", "closed"), help="销账状态 / state")
        made.add_argument("--kind", choices=("inspection", "hazard"), help="检查意见或隐患 / raised by people or rules")
        made.add_argument("--overdue", action="store_true", help="只列逾期未销账的 / only those over their day")
        if name == "list":
            made.add_argument("--json", action="store_true", help="每项一行 JSON / one JSON object a line")
        else:
            made.add_argument("-o", "--output", type=Path, required=True, help=".xlsx 或 / or .pdf")
    show = act("show", "一项的全部经过 / one finding with its history", _show, person=False)
    show.add_argument("--json", action="store_true")
    raised = act("raise", "登记检查发现的问题 / enter what an inspector found", _raise, number=False)
    raised.add_argument("--problem", required=True, help="问题描述 / the problem")
    raised.add_argument("--inspector", required=True, help="检查单位 / inspecting body")
    raised.add_argument("--inspected", required=True, help="被检查单位 / inspected body")
    raised.add_argument("--demand", required=True, help="整改要求 / what is demanded")
    raised.add_argument("--due", required=True, type=dt.date.fromisoformat, help="完成时限 / last day, YYYY-MM-DD")
    raised.add_argument("--year", type=int, help="检查年度，默认今年 / year of the inspection, default this one")
    raised.add_argument("--basis", default="", help="依据条款 / clause")
    raised.add_argument("--level", choices=("high", "medium", "low"), default="medium", help="级别 / level")
    raised.add_argument("--agency", help="涉及的报送单位 / the producer it is about")
    measure = act("measure", "写明措施、责任人、时限 / what will be done, by whom, until when", _measure)
    measure.add_argument("--measure", required=True, help="整改措施 / measure")
    measure.add_argument("--responsible", required=True, help="责任人 / responsible")
    measure.add_argument("--department", default="", help="责任部门 / department")
    measure.add_argument(
        "--due", type=dt.date.fromisoformat, help="完成时限，默认不变 / last day, default as it stands"
    )
    done = act("done", "整改完成，附佐证，待验收 / done, with evidence, to be verified", _done)
    done.add_argument("--progress", required=True, help="完成情况 / what was done")
    done.add_argument("--evidence", action="append", default=[], help="佐证文字，可多次 / evidence in words")
    done.add_argument("--file", action="append", default=[], type=Path, help="佐证文件，可多次 / evidence file")
    close = act("close", "另一人验收销账 / another person verifies and closes", _close)
    close.add_argument("--remark", required=True, help="验收意见 / what was verified")
    close.add_argument(
        "--accept-risk", action="store_true", help="隐患仍在而接受风险 / it remains, its risk is accepted"
    )
    reopen = act("reopen", "验收不通过或复发，重新整改 / open it again", _reopen)
    reopen.add_argument("--reason", required=True, help="理由 / why")
    scanning = act("scan", "立即检查隐患 / look for hazards now", _scan, person=False, number=False)
    scanning.add_argument("--json", action="store_true")


def _refusable(func: _Func) -> _Func:
    def run(args: argparse.Namespace) -> int:
        from ingest.inspection.model import Refused

        try:
            return func(args)
        except Refused as why:
            sys.stderr.write(f"{why}\n")
            return 1

    return run


def _who(args: argparse.Namespace) -> Who:
    from ingest import people
    from ingest.inspection.acts import Who

    return Who(args.by or people.account(), people.via_account())


def _now() -> dt.datetime:
    from ingest.model import CST

    return dt.datetime.now(CST)


def _found(args: argparse.Namespace) -> list[Item]:
    from ingest.inspection import book
    from ingest.inspection.model import Kind, Status
    from ingest.ledger import Ledger

    asked = book.Asked(
        status=Status(args.status) if args.status else None,
        kind=Kind(args.kind) if args.kind else None,
        late_on=_now().date().isoformat() if args.overdue else None,
    )
    with Ledger(Home.of(args.home).database_url) as ledger:
        ledger.upgrade()
        with ledger.read() as conn:
            return book.listing(conn, asked)


def _list(args: argparse.Namespace) -> int:
    day = _now().date().isoformat()
    items = _found(args)
    late = sum(item.late(day) for item in items)
    for item in items:
        if args.json:
            _out(json.dumps(item.as_json(), ensure_ascii=False))
            continue
        over = "（逾期）" if item.late(day) else ""
        who = f"，{item.responsible}" if item.responsible else ""
        head = f"{item.id}  {item.status.words()}{over}  {item.level.words()}  {item.due}{who}  {item.inspected}"
        _out(f"{head}\n    {item.problem}\n    → {item.measure or item.demand}")
    if not args.json:
        _out(f"共 {len(items)} 项，逾期 {late} 项 / {len(items)} findings, {late} over their day")
    return 1 if late else 0


def _export(args: argparse.Namespace) -> int:
    from ingest.inspection.form import ledger_form
    from sip.forms import to_pdf, to_xlsx

    form = ledger_form(_found(args), _now().replace(microsecond=0))
    args.output.write_bytes(to_pdf(form) if args.output.suffix.lower() == ".pdf" else to_xlsx(form))
    _out(f"已写出 {args.output} / written")
    return 0


def _show(args: argparse.Namespace) -> int:
    from ingest.inspection import book
    from ingest.inspection.model import Refused
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger, ledger.read() as conn:
        item = book.find(conn, args.number)
        if item is None:
            raise Refused(f"没有第 {args.number} 号问题 / no finding {args.number}")
        steps = book.history(conn, args.number)
    if args.json:
        told = [{"seq": s.seq, "at": s.at, "kind": s.kind, "detail": s.detail} for s in steps]
        _out(json.dumps({"finding": item.as_json(), "steps": told}, ensure_ascii=False, indent=1))
        return 0
    _out(f"{item.id}  {item.status.words()}  {item.level.words()}  {item.due}\n{item.problem}\n{item.demand}")
    for step in steps:
        said = step.detail.get("remark") or step.detail.get("reason") or step.detail.get("progress") or ""
        _out(f"    {step.at}  {step.kind}  {step.detail.get('by', '')}  {said or step.detail.get('measure', '')}")
    return 0


def _raise(args: argparse.Namespace) -> int:
    from ingest.inspection.acts import Raised, raise_finding
    from ingest.inspection.model import Level
    from ingest.ledger import Ledger

    found = Raised(
        args.problem, args.inspector, args.inspected, args.demand, args.due, args.year or _now().year, args.basis,
        Level(args.level), args.agency,
    )  # fmt: skip
    with Ledger(Home.of(args.home).database_url) as ledger:
        ledger.upgrade()
        number = raise_finding(ledger, found, _who(args))
    _out(f"已登记第 {number} 号 / entered as {number}")
    return 0


def _measure(args: argparse.Namespace) -> int:
    from ingest.inspection.acts import Plan, measure
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        measure(ledger, args.number, Plan(args.measure, args.responsible, args.department, args.due), _who(args))
    _out(f"第 {args.number} 号整改中 / being mended")
    return 0


def _done(args: argparse.Namespace) -> int:
    from ingest.inspection import evidence
    from ingest.inspection.acts import Proof, done
    from ingest.ledger import Ledger

    home = Home.of(args.home)
    proofs = [Proof(text) for text in args.evidence]
    for path in args.file:
        with path.open("rb") as file:
            proofs.append(evidence.keep(home, path.name, file))
    with Ledger(home.database_url) as ledger:
        done(ledger, args.number, args.progress, proofs, _who(args))
    _out(f"第 {args.number} 号待另一人验收 / another person verifies it")
    return 0


def _close(args: argparse.Namespace) -> int:
    from ingest.inspection.acts import close
    from ingest.inspection.model import Outcome
    from ingest.ledger import Ledger

    outcome = Outcome.ACCEPTED if args.accept_risk else Outcome.MENDED
    with Ledger(Home.of(args.home).database_url) as ledger:
        close(ledger, args.number, args.remark, _who(args), outcome)
    _out(f"第 {args.number} 号已销账 / closed")
    return 0


def _reopen(args: argparse.Namespace) -> int:
    from ingest.inspection.acts import reopen
    from ingest.ledger import Ledger

    with Ledger(Home.of(args.home).database_url) as ledger:
        reopen(ledger, args.number, args.reason, _who(args))
    _out(f"第 {args.number} 号重新整改 / open again")
    return 0


def _scan(args: argparse.Namespace) -> int:
    from ingest.inspection.night import look

    told = look(_now(), Home.of(args.home))
    if args.json:
        _out(json.dumps(told, ensure_ascii=False))
        return 0
    _out(
        f"现有隐患 {told['present']} 项：新增 {len(told['raised'])}，复发 {len(told['reopened'])}，消除 {len(told['gone'])}"
        f" / {told['present']} hazards: new {len(told['raised'])}, back {len(told['reopened'])}, gone {len(told['gone'])}"
    )
    for code, why in told["unknown"].items():
        _out(f"    未能检查 {code} / could not look: {why}")
    return 0


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")
