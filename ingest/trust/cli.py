"""``guidang trust``: add, remove, list, check a home's trust store, and which held records a certificate would help."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import getpass
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import Home

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.trust.affected import Affected

SHOWN = 20


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``trust`` with its acts; each sets ``func``."""
    trust = commands.add_parser("trust", help="管理信任库 / keep the trust store")
    acts = trust.add_subparsers(required=True, metavar="ACT")
    add = acts.add_parser("add", help="加入证书或 CRL，记入事件链 / add certificates or CRLs, with an event")
    add.add_argument("file", type=Path)
    add.add_argument("--anchor", action="store_const", const="anchor", dest="kind", help="作为信任锚 / as an anchor")
    add.add_argument("--intermediate", action="store_const", const="intermediate", dest="kind")
    add.add_argument("--source", required=True, help="从何处取得、如何核对 / where it came from, how it was checked")
    add.add_argument("--purpose", default="", help="用途 / what it is for")
    remove = acts.add_parser("remove", help="移出，记入事件链 / take out, with an event")
    remove.add_argument("sha256", help="SHA-256 或其前 8 位以上 / at least 8 digits of it")
    remove.add_argument("--reason", required=True)
    listing = acts.add_parser("list", help="列出 / list")
    check = acts.add_parser("check", help="检查到期、断链、来源记录 / what expires, does not fit, or nobody recorded")
    check.add_argument("--days", type=int, default=60)
    affected = acts.add_parser(
        "affected", help="哪些待定件在等这个证书 / held records that want this certificate or CRL"
    )
    affected.add_argument("file", type=Path)
    for act, func in ((add, _add), (remove, _remove), (listing, _list), (check, _check), (affected, _affected)):
        act.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        act.add_argument("--at", type=dt.datetime.fromisoformat, help=argparse.SUPPRESS)
        if func in (_add, _remove):
            act.add_argument("--by", default=None, help="操作者，默认当前用户 / who does it")
        else:
            act.add_argument("--json", action="store_true", help="每条一行 JSON / one JSON object a line")
        act.set_defaults(func=_guarded(func))


def _guarded(func: Callable[[argparse.Namespace, Home, Ledger], int]) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        from ingest.signatures.trust import TrustError

        home = Home.of(args.home)
        try:
            with _ledger(home) as ledger:
                return func(args, home, ledger)
        except (TrustError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2

    return run


@contextlib.contextmanager
def _ledger(home: Home) -> Iterator[Ledger]:
    from ingest.ledger import Ledger

    home.root.mkdir(parents=True, exist_ok=True)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        yield ledger


def _now(args: argparse.Namespace) -> dt.datetime:
    return args.at or dt.datetime.now(dt.UTC)


def _add(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    from ingest.trust import acts
    from ingest.trust.affected import affected

    added = acts.add(
        home.trust, ledger, args.file.read_bytes(), kind=args.kind, by=args.by or getpass.getuser(), source=args.source,
        at=_now(args), purpose=args.purpose,
    )  # fmt: skip
    for item in added:
        _out(f"{item.kind} {item.entry.sha256[:16]} {item.name}")
    waiting = affected(home, ledger, [item.entry for item in added])
    if waiting:
        _out(
            f"{len(waiting)} 件待定件在等它，下一夜自动重新检测 / held records want it; the next run checks them again:"
        )
        for row in waiting[:SHOWN]:
            _show(row)
        if len(waiting) > SHOWN:
            _out(f"  … guidang trust affected {args.file}")
    return 0


def _remove(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    from ingest.trust import acts

    kind, sha256, name = acts.remove(
        home.trust, ledger, args.sha256, by=args.by or getpass.getuser(), reason=args.reason
    )
    _out(f"{kind} {sha256[:16]} {name}")
    return 0


def _list(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    from ingest.signatures import keeping
    from ingest.trust import acts

    for item in keeping.items(home.trust, acts.history(ledger)):
        if args.json:
            _out(json.dumps(item.as_json(), ensure_ascii=False))
            continue
        told = item.provenance
        origin = f"{told['when'][:10]} {told['by']}：{told['source']}" if told else "无来源记录 / no provenance"
        until = item.ends.date() if item.ends else "?"
        _out(f"{item.kind:12} {item.sha256[:16]} {item.starts.date()}..{until} {item.name}（{origin}）")
    return 0


def _check(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    """Exit 0 without warnings, 1 with some, 2 when the store cannot be read."""
    from ingest.signatures import keeping
    from ingest.trust import acts

    found = keeping.check(home.trust, _now(args), args.days, acts.history(ledger))
    for notice in found:
        if args.json:
            _out(json.dumps(dataclasses.asdict(notice), ensure_ascii=False))
        else:
            _out(f"{notice.code}: {notice.about}: {notice.zh} / {notice.en}")
    return 1 if found else 0


def _affected(args: argparse.Namespace, home: Home, ledger: Ledger) -> int:
    """Exit 0 also when none is: the list says it."""
    from ingest.signatures.keeping import read_any
    from ingest.trust.affected import affected

    waiting = affected(home, ledger, read_any(args.file.read_bytes()))
    for row in waiting:
        if args.json:
            _out(json.dumps(dataclasses.asdict(row), ensure_ascii=False))
        else:
            _show(row)
    if not args.json:
        _out(f"{len(waiting)} 件 / records")
    return 0


def _show(row: Affected) -> None:
    _out(f"  {row.id} {row.agency} {row.delivery}（{row.helped}）")


def _out(text: str) -> None:
    sys.stdout.write(text + "\n")
