"""``guidang transfer`` and ``guidang receive-transfer``. Exit codes: 0 done, 1 refused or faulty, 2 machine trouble."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.settings import ConfigError, Home


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands; each act sets ``func``."""
    parser = commands.add_parser("transfer", help="移交进馆 / transfer to the archives")
    acts = parser.add_subparsers(required=True, metavar="ACT")
    listing = acts.add_parser("list", help="列出移交 / list the transfers")
    _act(listing, _list)
    due = acts.add_parser("due", help="列出可移交的档案 / what could be transferred, by fonds, year and retention")
    due.add_argument("--by-day", metavar="YYYY-MM-DD", help="只计在该日前应移交的 / only what is due by that day")
    _act(due, _due)
    build = acts.add_parser("build", help="选定档案，制作移交信息包并检测 / choose records, make the package, check it")
    build.add_argument("transfer", nargs="?", help="移交编号：继续未完成的 / go on with this transfer")
    build.add_argument("--fonds", help="全宗号 / fonds")
    build.add_argument("--year", type=int, help="年度 / year")
    build.add_argument("--retention", help="保管期限代码 Y、D30、D10 / retention")
    build.add_argument("--due-by", metavar="YYYY-MM-DD", help="只选在该日前应移交的 / only what is due by that day")
    build.add_argument("--limit", type=int, default=5000, help="最多件数，默认 5000 / at most so many records")
    build.add_argument("--target", default="archives", help="移交目标，见 config/transfer.json / target")
    build.add_argument("--as-of", type=dt.datetime.fromisoformat, help="移交时间，默认现在 / the transfer's date")
    build.add_argument("--as", dest="by", metavar="USER", default="", help="经办人 / who makes it")
    build.add_argument("--reviewer", default="", help="开放审核人 / who reviewed the opening")
    build.add_argument("--opinion", default="", help="单位开放审核意见 / the unit's opinion on opening")
    build.add_argument(
        "--opinions", type=Path, metavar="FILE", help="逐件意见 JSON：{档号: {decision, opinion}} / opinions by item"
    )
    _act(build, _build)
    show = acts.add_parser("show", help="一次移交的详情 / one transfer in detail")
    show.add_argument("transfer")
    _act(show, _show)
    for name, approve, text in (
        ("approve", True, "批准移交 / approve"),
        ("cancel", False, "撤回，档案解除锁定 / take back"),
    ):
        act = acts.add_parser(name, help=text)
        act.add_argument("transfer")
        act.add_argument("--as", dest="by", metavar="USER", required=True, help="决定人 / who decides")
        act.add_argument("--note", default="", help="说明 / note")
        act.set_defaults(approve=approve)
        _act(act, _decide)
    send = acts.add_parser("send", help="送交 / deliver")
    send.add_argument("transfer")
    _act(send, _send)
    receipt = acts.add_parser("receipt", help="登记档案馆回执 / import the archives' receipt")
    receipt.add_argument("file", type=Path)
    receipt.add_argument("--as", dest="by", metavar="USER", required=True, help="经办人 / who imports it")
    _act(receipt, _receipt)
    _add_receive(commands)


def _add_receive(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "receive-transfer", help="接收移交信息包（档案馆一侧） / receive a transfer (the archives' side)"
    )
    p.add_argument("package", type=Path, metavar="PACKAGE", help="移交信息包 / the package")
    p.add_argument("--to", required=True, metavar="DIR|store", help="入馆位置：文件夹或对象存储 / where it is kept")
    p.add_argument("--as", dest="by", metavar="USER", required=True, help="接收人或决定人 / who receives or decides")
    decision = p.add_mutually_exclusive_group()
    decision.add_argument("--accept", action="store_true", help="决定接收整包 / accept the whole package")
    decision.add_argument("--reject", action="store_true", help="决定退回整包 / reject the whole package")
    p.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="CODE",
        help="已人工核对的项目，可多次；all 为全部 / items looked at",
    )
    p.add_argument("--note", default="", help="意见 / note")
    p.add_argument("--receipt", type=Path, metavar="DIR", help="另存回执的文件夹 / also put the receipt there")
    _act(p, _receive)


def _act(parser: argparse.ArgumentParser, func: Callable[[Home, Any, argparse.Namespace], int]) -> None:
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 / print JSON")
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")

    def run(args: argparse.Namespace) -> int:
        from botocore.exceptions import BotoCoreError, ClientError

        from ingest.ledger import Ledger
        from ingest.transfer.deliver import DeliveryConflict
        from ingest.transfer.place import PlaceTaken
        from ingest.transfer.sending import Refused
        from sip.forms import FormsNotInstalled
        from sip.transfer.source import SourceAltered

        home = Home.of(args.home)
        try:
            home.root.mkdir(parents=True, exist_ok=True)
            with Ledger(home.database_url) as ledger:
                ledger.upgrade()
                return func(home, ledger, args)
        except (Refused, DeliveryConflict, PlaceTaken) as why:
            sys.stderr.write(f"{why}\n")
            return 1
        except (SourceAltered, FormsNotInstalled, OSError, BotoCoreError, ClientError) as why:
            sys.stderr.write(f"{why}\n")
            return 2

    parser.set_defaults(func=run)


def _list(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.ledger import transfers

    with ledger.read() as conn:
        rows = transfers.listing(conn)
    for row in rows:
        _out(
            _json(row)
            if args.json
            else f"{row['id']:<20} {row['state']:<9} {row['records']:>6} 件  {row['target']}  {row['as_of']}"
        )
    if not rows and not args.json:
        _out("还没有移交 / no transfers yet")
    return 0


def _due(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.ledger import transfers

    with ledger.read() as conn:
        rows = transfers.waiting(conn, args.by_day)
    for row in rows:
        text = f"{row['fonds_no']}  {row['year']}  {row['retention_code']:<4} {row['records']:>6} 件  最早应于 {row['due'] or '—'} 移交"
        _out(json.dumps(row, ensure_ascii=False) if args.json else text)
    return 0


def _build(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.ledger.transfers import Selection
    from ingest.model import CST
    from ingest.transfer import sending

    if args.transfer:
        row = sending.resume(home, ledger, args.transfer)
    else:
        if not args.fonds or not args.by:
            raise ConfigError("须给出 --fonds 与 --as / --fonds and --as are needed")
        as_of = args.as_of or dt.datetime.now(CST).replace(microsecond=0)
        as_of = as_of.replace(tzinfo=CST) if as_of.tzinfo is None else as_of
        opinion = {"reviewer": args.reviewer, "opinion": args.opinion, "items": _opinions(args.opinions)}
        wanted = Selection(args.fonds, args.year, args.retention, args.due_by, args.limit)
        request = f"cli {as_of.isoformat()} {wanted}"
        row = sending.build(
            home, ledger, request[:250], wanted, by=args.by, as_of=as_of, target=args.target, opinion=opinion
        )
    row = sending.check(home, ledger, row["id"])
    _tell(home, row, args.json)
    return 1 if row["state"] == "faulty" else 0


def _opinions(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
            raise ValueError("不是 {档号: {…}} / not an object of objects")
        return found
    except (OSError, ValueError) as e:
        raise ConfigError(f"逐件意见读不出 / opinions cannot be read: {path}: {e}") from e


def _show(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.ledger import transfers

    with ledger.read() as conn:
        row = transfers.get(conn, args.transfer)
        items = transfers.items(conn, args.transfer)
    if row is None:
        raise ConfigError(f"没有移交 {args.transfer} / no transfer {args.transfer}")
    if args.json:
        kept = [
            {k: i[k] for k in ("archival_code", "version", "earlier", "item_state", "package_sha256")} for i in items
        ]
        _out(_json(dict(row) | {"items": kept}))
        return 0
    _tell(home, row, False)
    for i in items[:20]:
        _out(f"  {i['archival_code']}  v{i['version']}  {i['item_state']}")
    if len(items) > 20:
        _out(f"  …… 共 {len(items)} 个包 / {len(items)} packages in all")
    return 0


def _decide(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.model import CST
    from ingest.transfer import sending

    now = dt.datetime.now(CST)
    row = sending.decide(home, ledger, args.transfer, by=args.by, approve=args.approve, note=args.note, now=now)
    _tell(home, row, args.json)
    return 0


def _send(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.transfer import sending

    _tell(home, sending.send(home, ledger, args.transfer), args.json)
    return 0


def _receipt(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.transfer import sending

    row = sending.take_receipt(home, ledger, args.file.read_bytes(), by=args.by)
    _tell(home, row, args.json)
    return 0 if row["state"] == "accepted" else 1


def _receive(home: Home, ledger: Any, args: argparse.Namespace) -> int:
    from ingest.model import CST
    from ingest.transfer import reception

    now = dt.datetime.now(CST)
    row = reception.receive(home, ledger, args.package, target=args.to, by=args.by, now=now)
    if args.accept or args.reject:
        row = reception.decide(
            home, ledger, row["id"], by=args.by, accept=args.accept, note=args.note, confirmed=args.confirm, now=now
        )
    if args.receipt and row["state"] in ("ACCEPTED", "REJECTED"):
        reception.hand_out(home, row, args.receipt)
    _out(json.dumps(reception.as_json(row), ensure_ascii=False) if args.json else reception.as_text(home, row))
    return 1 if row["state"] == "REJECTED" else 0


_NEXT = {
    "building": "guidang transfer build {id}",
    "built": "guidang transfer build {id}",
    "checked": "guidang transfer approve {id} --as 姓名",
    "faulty": "查看 checks.json；guidang transfer cancel {id} --as 姓名",
    "approved": "guidang transfer send {id}",
    "sent": "收到回执后 guidang transfer receipt 文件 --as 姓名",
}


def _tell(home: Home, row: Any, as_json: bool) -> None:
    from ingest.transfer.build import folder

    if as_json:
        _out(_json(row))
        return
    _out(f"{row['id']}  {row['state']}  {row['records']} 件 / records  → {row['target']}")
    if row["package_sha256"]:
        _out(f"  信息包 / package  {row['package_size']:,} 字节  SHA-256 {row['package_sha256']}")
        _out(f"  文件 / files      {folder(home, row['id'])}")
    if checks := row["checks"]:
        _out(f"  检测 / checks     错误 {checks['errors']}，警告 {checks['warnings']}，待人工 {checks['manual']}")
    if approval := row["approval"]:
        _out(f"  审批 / approval   {approval['by']}  {approval['at']}  {approval['note']}")
    if receipt := row["receipt"]:
        _out(f"  回执 / receipt    {receipt['state']}  {receipt['decision']['by']}  {receipt['decision']['at']}")
    if row["keep_until"]:
        _out(f"  本单位保存至 / own copy kept at least until  {row['keep_until']}")
    if row["state"] in _NEXT:
        _out(f"  下一步 / next     {_NEXT[row['state']].format(id=row['id'])}")


def _json(row: Any) -> str:
    return json.dumps({k: v for k, v in row.items() if k not in ("about", "opinion")}, ensure_ascii=False)


def _out(text: str) -> None:
    sys.stdout.write(text + "\n")
