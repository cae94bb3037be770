"""`guidang restore` and `guidang ledger rebuild`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import ConfigError, Home

if TYPE_CHECKING:
    from ingest.store.objects import ObjectStore


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("restore", help="从存储恢复归档信息包 / packages from the store into a folder")
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("names", nargs="*", default=[], metavar="档号|电子文件号|KEY", help="要恢复的 / what to restore")
    what.add_argument("--all", action="store_true", help="全部 / everything in the store")
    p.add_argument("-o", "--output", type=Path, required=True, help="目标文件夹 / the folder to restore into")
    p.add_argument("--from", dest="replica", help="只从这个副本 / only from this replica")
    p.add_argument("--json", action="store_true", help="每个一行 JSON / one JSON object a line")
    _add_home(p)
    p.set_defaults(func=_restore)


def add_drill(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("drill", help="应急演练 / emergency drill: restore a sample, make the ledger again")
    p.add_argument("--sample", type=int, default=20, help="抽取几个包 / packages to restore")
    p.add_argument("--replica", default="", help="从哪个副本，默认最后一个 / from which replica, default the last")
    p.add_argument("--run-id", help="运行标识 / run id")
    _add_home(p)
    p.set_defaults(func=_drill)


def _drill(args: argparse.Namespace) -> int:
    """Exit 0 passed, 1 failed."""
    import datetime as dt

    from ingest.model import CST
    from ingest.recovery import drill

    home, as_of = Home.of(args.home), dt.datetime.now(CST)
    run_id = args.run_id or f"cli__{as_of.isoformat()}"
    drill.restore_sample(home, run_id, args.sample, args.replica)
    drill.rebuild_ledger(home, run_id, args.replica)
    try:
        drill.report(home, run_id, as_of)
    except drill.DrillFailed as e:
        sys.stderr.write(f"{e}\n")
    text = (drill.folder(home, run_id) / "report.md").read_text("utf-8")
    sys.stdout.write(text)
    return 0 if json.loads((drill.folder(home, run_id) / "report.json").read_bytes())["passed"] else 1


def add_rebuild(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = actions.add_parser("rebuild", help="只凭存储重建台账 / make the ledger again from the store alone")
    p.add_argument("--to", required=True, help="新台账的 SQLAlchemy URL（空库）/ URL of the new, empty ledger")
    p.add_argument("--from", dest="replica", help="只从这个副本 / only from this replica")
    p.add_argument("--key", type=Path, action="append", default=[], help="另信任的公钥（PEM）/ a further public key")
    p.add_argument(
        "--without-chain", action="store_true", help="签名链头不可用时不取事件 / take no events where the heads are bad"
    )
    _add_home(p)
    p.set_defaults(func=_rebuild)


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


def stores(home: Home, replica: str | None) -> dict[str, ObjectStore]:
    """The replicas by name, in the plan's order, or only the one that is named. Raises ConfigError for an unknown name."""
    from ingest.store import config
    from ingest.store.replicas import open_store

    known = {r.name: r for r in config.plan(home).replicas}
    if replica is not None and replica not in known:
        raise ConfigError(f"没有副本 {replica}，有 {'、'.join(known)} / no such replica; there are {', '.join(known)}")
    return {name: open_store(home, r) for name, r in known.items() if replica in (None, name)}


def _restore(args: argparse.Namespace) -> int:
    """Exit 0 all restored, 1 some could not be, 2 wrong use or trouble."""
    from sqlalchemy.exc import OperationalError

    from ingest.ledger import Ledger
    from ingest.recovery.restore import NotRestored, all_keys, keys_of, restore

    home = Home.of(args.home)
    replicas = stores(home, args.replica)
    first = next(iter(replicas.values()))
    bad = 0
    with Ledger(home.database_url) as ledger:
        try:
            known = ledger if ledger.exists() else None
        except OperationalError:  # what is in the store can be had without it
            known = None
        for name in [None] if args.all else args.names:
            keys = list(all_keys(first)) if name is None else keys_of(known, first, name)
            if not keys:
                sys.stderr.write(f"存储中没有 / not in the store: {name or ''}\n")
                bad += 1
            for key in keys:
                try:
                    done = restore(key, replicas, args.output)
                except NotRestored as e:
                    bad += 1
                    _tell(
                        args.json, {"key": key, "restored": False, "path": None, "replica": None, "troubles": [str(e)]}
                    )
                    continue
                _tell(args.json, {"key": key, "restored": True, "path": str(done.path), "replica": done.replica,
                                  "troubles": list(done.troubles)})  # fmt: skip
    return 1 if bad else 0


def _tell(as_json: bool, said: dict[str, object]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    else:
        word = "未恢复 not restored" if not said["restored"] else "已恢复 restored" if said["replica"] else "已在 there"
        sys.stdout.write(f"{word}  {said['key']}\n")
        troubles = said["troubles"]
        assert isinstance(troubles, list)
        for text in troubles:
            sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


def _rebuild(args: argparse.Namespace) -> int:
    """Exit 0 everything used, 1 some packages could not be, 2 the chain is bad or the target not empty."""
    import datetime as dt

    from sqlalchemy import make_url

    from ingest.audit import keys
    from ingest.audit.compare import compare, published
    from ingest.ledger import Ledger
    from ingest.recovery.rebuild import rebuild
    from ingest.signatures import TrustStore
    from ingest.steps import house

    home = Home.of(args.home)
    replicas = stores(home, args.replica)
    first = next(iter(replicas.values()))
    sealed = 0
    if not args.without_chain:
        believed = keys.trusted(home, args.key) or published(first)
        compared = compare(first, believed, TrustStore.load(home.trust), dt.datetime.now(dt.UTC))
        for fault in compared.faults:
            sys.stderr.write(f"{fault.code} #{fault.seq}: {fault.text}\n")
        if compared.faults:
            raise ConfigError(
                "签名链头有问题，未重建；查明之前可用 --without-chain 只凭包重建 / the signed heads have faults: "
                "nothing was rebuilt; until they are cleared up, --without-chain uses the packages alone"
            )
        sealed = len(compared.heads)
    with Ledger(args.to) as target:
        out = rebuild(target, replicas, home.agencies(), sealed, house.applicant_key(home))
    for table, count in out.rows.items():
        sys.stdout.write(f"{table:<16}{count:>10}\n")
    for text in out.troubles:
        sys.stdout.write(f"未用 not used: {text}\n")
    shown = make_url(args.to).render_as_string(hide_password=True)
    sys.stdout.write(
        f"已重建 / rebuilt: {shown}；把 GUIDANG_DATABASE_URL 指向它，或改名为 {home.root / 'ledger.db'} / "
        "point GUIDANG_DATABASE_URL at it, or rename the file\n"
    )
    return 1 if out.troubles else 0
