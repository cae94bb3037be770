"""`guidang ledger`: the event chain and its signed heads."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.recovery import cli as recovery_cli
from ingest.settings import ConfigError, Home

if TYPE_CHECKING:
    from ingest.audit.compare import Compared
    from ingest.ledger.chain import ChainFault
    from ingest.store.objects import ObjectStore


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("ledger", help="台账与事件链 / the ledger and its event chain")
    sub = p.add_subparsers(required=True, metavar="ACTION")
    verify = sub.add_parser("verify", help="核对事件链与签名链头 / verify the event chain against its signed heads")
    which = verify.add_mutually_exclusive_group()
    which.add_argument("--no-store", action="store_true", help="只核对台账自身的链 / only the ledger's own chain")
    which.add_argument("--store-only", action="store_true", help="只核对存储中的链 / only what stands in the store")
    verify.add_argument(
        "--key", type=Path, action="append", default=[], help="另信任的公钥（PEM）/ a further public key"
    )
    verify.set_defaults(func=_verify)
    anchor = sub.add_parser("anchor", help="签名链头并存入存储 / sign the chain's head and store it")
    anchor.add_argument("--as-of", type=dt.datetime.fromisoformat, help="逻辑时间（ISO 8601）/ the logical time")
    anchor.set_defaults(func=_anchor)
    recovery_cli.add_rebuild(sub)
    for each in (verify, anchor):
        each.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


def _verify(args: argparse.Namespace) -> int:
    """Exit 0 whole, 1 faults found, 2 the store could not be asked."""
    from ingest.ledger import Ledger, chain

    home = Home.of(args.home)
    faults: list[ChainFault] = []
    compared: Compared | None = None
    store = None if args.no_store else _store(home, args.store_only)
    if args.store_only:
        assert store is not None
        compared = _compare(home, store, args.key, None)
    else:
        with Ledger(home.database_url) as ledger, ledger.read() as conn:
            faults += chain.verify(conn)
            tail = chain.head(conn).seq
            if store is not None:
                compared = _compare(home, store, args.key, ledger)
        _say(f"台账事件 / events in the ledger: {tail}")
    if compared is not None:
        faults += compared.faults
        _tell(compared)
    for fault in faults:
        _say(f"{fault.code} #{fault.seq}: {fault.text}")
    _say("事件链有问题 / the event chain has faults" if faults else "事件链完整 / the event chain is whole")
    return 1 if faults else 0


def _store(home: Home, required: bool) -> ObjectStore | None:
    from ingest.steps import house

    try:
        return house.store(home)
    except ConfigError:
        if required:
            raise
        _say("没有配置存储，未与签名链头比对 / no store is configured: not held against signed heads")
        return None


def _compare(home: Home, store: ObjectStore, further: list[Path], ledger: object) -> Compared:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.audit import keys
    from ingest.audit.compare import compare, published
    from ingest.ledger import Ledger
    from ingest.signatures import TrustStore

    trust, at = TrustStore.load(home.trust), dt.datetime.now(dt.UTC)
    try:
        believed = keys.trusted(home, further)
        if not believed:
            believed = published(store)
            _say(f"没有自己保存的公钥，暂信存储中公布的：{', '.join(believed)}；请与另处保存的指纹核对 / "
                 "no key of one's own: those published in the store are taken, compare them with what you keep elsewhere")  # fmt: skip
        if isinstance(ledger, Ledger):
            with ledger.read() as conn:
                return compare(store, believed, trust, at, conn)
        return compare(store, believed, trust, at)
    except (ClientError, BotoCoreError) as e:
        raise ConfigError(f"存储不可用，未与签名链头比对；可用 --no-store / the store cannot be asked: {e}") from e


def _tell(compared: Compared) -> None:
    if not compared.heads:
        _say("存储中还没有有效的签名链头 / there is no good signed head in the store yet")
        return
    last = compared.heads[-1]
    _say(f"签名链头 / signed heads: {len(compared.heads)}，至事件 / up to event {last.seq}（{last.as_of}）")
    if compared.stamped:
        number = max(compared.stamped)
        _say(f"时间戳 / time stamps: {len(compared.stamped)}，最近 / latest {compared.stamped[number].isoformat()}")
    for number, reasons in compared.doubtful.items():
        _say(
            f"时间戳的发证机构不被信任 / the authority of the stamp over head {number} is not believed: {', '.join(reasons)}"
        )


def _anchor(args: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest import night
    from ingest.audit.anchor import ChainBroken
    from ingest.audit.timestamp import AuthorityAway
    from ingest.model import CST

    as_of = args.as_of or dt.datetime.now(CST).replace(microsecond=0)
    try:
        done = night.anchor(as_of if as_of.tzinfo else as_of.replace(tzinfo=CST), Home.of(args.home))
    except (ChainBroken, AuthorityAway) as e:
        sys.stderr.write(f"{e}\n")
        return 1 if isinstance(e, ChainBroken) else 2
    except (ClientError, BotoCoreError) as e:
        raise ConfigError(f"存储不可用，未签名 / the store cannot be reached, nothing was signed: {e}") from e
    for head in done["heads"]:
        _say(f"已签名 / signed: head {head['number']}，事件 / events {head['first']}…{head['seq']}")
    if not done["heads"]:
        _say("自上次签名以来没有新事件 / no events since the last head")
    if done["stamped"]:
        _say(f"已盖时间戳 / stamped: {', '.join(map(str, done['stamped']))}")
    for replica, reason in done["away"].items():
        _say(f"副本不可用，下次补存 / replica away, it gets the heads the next time: {replica}: {reason}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
