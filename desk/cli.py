"""``guidang desk``: the pages without Airflow."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ingest.settings import ConfigError, Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``desk``; sets ``func``."""
    p = commands.add_parser("desk", help="归档工作台，不经 Airflow / the archive desk without Airflow")
    p.add_argument("--host", default="127.0.0.1", help="监听地址，默认仅本机 / address, default this machine only")
    p.add_argument("--port", type=int, help="端口，默认 $GUIDANG_PORT_DESK 或 8090 / port")
    p.add_argument("--name", action="append", default=[], help="浏览器所用的主机名，可多次 / host name browsers use")
    p.add_argument("--tls-cert", type=Path, help="证书（PEM）/ certificate")
    p.add_argument("--tls-key", type=Path, help="私钥（PEM）/ private key")
    p.add_argument("--behind-proxy", action="store_true", help="TLS 由前面的代理终止 / a proxy in front ends TLS")
    p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    p.set_defaults(func=_desk)
    more = p.add_subparsers(metavar="COMMAND")
    token = more.add_parser("token", help="机构推送接口的令牌 / the token by which an agency's system calls")
    token.add_argument("agency", help="机构，见 config/agencies.json / agency")
    token.add_argument("--revoke", action="store_true", help="作废 / make it worth nothing")
    token.add_argument("--home", type=Path, default=argparse.SUPPRESS, help="数据目录 / home folder")
    token.set_defaults(func=_token)


def _token(args: argparse.Namespace) -> int:
    from desk.api import tokens
    from ingest.ledger import Ledger
    from ingest.people import account

    home = Home.of(args.home)
    made = None if args.revoke else tokens.make(home, args.agency)
    if args.revoke and not tokens.revoke(home, args.agency):
        print(f"{args.agency} 没有令牌 / has no token", file=sys.stderr)
        return 1
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        with ledger.begin() as tx:
            tx.chain.append("push_token", None, {"agency": args.agency, "by": account(), "revoked": args.revoke})
    if made is not None:
        print("只显示这一次；交给该机构，它在 Authorization: Bearer 中带上 / shown this once only", file=sys.stderr)
        print(made)
    return 0


def _desk(args: argparse.Namespace) -> int:
    try:
        from desk import alone
    except ModuleNotFoundError as e:
        raise ConfigError(f"缺少 {e.name}：安装 guidang[desk] / {e.name} is missing: install guidang[desk]") from e
    from ingest.servers.secrets import ensure

    home = Home.of(args.home)
    ensure(home.root)
    if (args.tls_cert is None) != (args.tls_key is None):
        raise ConfigError("--tls-cert 与 --tls-key 须同时给出 / --tls-cert and --tls-key belong together")
    tls = (args.tls_cert, args.tls_key) if args.tls_cert else None
    port = args.port or int(os.environ.get("GUIDANG_PORT_DESK", alone.PORT))
    scheme = "https" if tls else "http"
    print(f"归档工作台 / archive desk   {scheme}://{args.host}:{port}", file=sys.stderr)
    print(f"口令 / passwords           {home.secrets / 'airflow-passwords.json'}", file=sys.stderr)
    return alone.serve(home, args.host, port, tls=tls, behind_proxy=args.behind_proxy, names=args.name)
